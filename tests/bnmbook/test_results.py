"""Stored results: fresh, stale, missing, unreadable, concurrent, killed."""

import _common  # noqa: F401  (devices and float64 first)
from bnmbook import measuring, results
from bnmbook.files import COSTS, ResultError, read_result, write_result
from bnmbook.measuring import measured
from bnmbook.provenance import provenance
from bnmbook.results import Store

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections import deque
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import xarray as xr

PROBES = (0.25, 0.26, 0.27)
CALLS = deque()  # no plain list: its content would count as part of the code that uses it


class AlwaysTheSame:
    """A study without a simulation."""

    identity = MappingProxyType({"weights": "some", "target": "another"})

    def probe_losses(self):
        """Losses that never change."""
        return PROBES


STORE = Store(AlwaysTheSame(), Path("results"), Path("chapters"))
stored_result = STORE.stored_result


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder of results, a study that is always the same, no mode."""
    monkeypatch.setattr(STORE, "folder", tmp_path)
    monkeypatch.setattr(STORE, "probe_losses", PROBES, raising=False)
    monkeypatch.setenv("BOOK_RESULTS", "")
    CALLS.clear()
    return tmp_path


def dataset(values, **attrs):
    costs = {"simulations": len(values), "gradients": 0, "seed": 0}
    return xr.Dataset(
        {"loss": ("G", np.asarray(values, float))},
        coords={"G": np.linspace(0.1, 0.3, len(values))},
        attrs=costs | attrs,
    )


@stored_result("demo")
def demo(n=3):
    CALLS.append(n)
    return dataset(np.arange(n))


def other_code():
    @stored_result("demo")
    def demo(n=3):
        CALLS.append(n)
        return dataset(np.arange(n) + 1)

    return demo


def same_code_other_layout():
    @stored_result("demo")
    def demo(n=3):
        """With a docstring,"""
        CALLS.append(n)  # and a comment
        return dataset(
            np.arange(n),
        )

    return demo


def tree_of(**groups):
    groups = {name: xr.Dataset(values) for name, values in groups.items()}
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = {"simulations": 6, "gradients": 0, "seed": 0}
    return tree


def test_a_tree_keeps_its_groups(folder):
    @stored_result("tree")
    def posterior():
        CALLS.append("tree")
        return tree_of(
            posterior={"G": (("chain", "draw"), np.arange(6.0).reshape(2, 3))},
            sample_stats={"diverging": (("chain", "draw"), np.zeros((2, 3), bool))},
        )

    first, second = posterior(), posterior()
    assert list(CALLS) == ["tree"]
    xr.testing.assert_identical(first, second)
    assert set(second.children) == {"posterior", "sample_stats"}
    assert second["sample_stats"]["diverging"].dtype == bool
    assert second.attrs["name"] == "tree"
    assert second.attrs["seconds"] >= 0


def test_a_tree_with_a_loss_that_is_not_finite_is_not_stored(folder):
    @stored_result("tree")
    def posterior():
        return tree_of(posterior={"loss": ("draw", [0.2, np.nan])})

    with pytest.raises(ResultError, match="1 of 2 values of 'loss' in 'tree' are not finite"):
        posterior()
    assert not list(folder.iterdir())


def test_computes_once_and_then_reads(folder):
    first, second = demo(), demo()
    xr.testing.assert_identical(first, second)
    assert list(CALLS) == [3]
    assert [path.name for path in folder.iterdir()] == ["demo.nc"]


def test_file_says_where_it_comes_from(folder):
    attrs = demo().attrs
    assert attrs["simulations"] == 3
    assert attrs["gradients"] == 0
    assert attrs["seed"] == 0
    assert attrs["seconds"] >= 0
    assert attrs["devices"] == "8 cpu"
    assert "cores" in attrs["processor"]
    assert json.loads(attrs["versions"])["tvboptim"] == "0.4.0"
    assert attrs["date"].count("-") == 2
    np.testing.assert_array_equal(attrs["probe_losses"], PROBES)


def test_file_is_plain_netcdf(folder):
    demo()
    assert (folder / "demo.nc").read_bytes()[:8] == b"\x89HDF\r\n\x1a\n"
    with xr.open_dataset(folder / "demo.nc", engine="h5netcdf") as stored:
        assert all(variable.dtype.kind == "f" for variable in stored.variables.values())


def test_other_arguments_are_stale(folder):
    demo()
    assert demo(4).sizes["G"] == 4
    assert list(CALLS) == [3, 4]


def test_other_code_is_stale(folder):
    demo()
    assert other_code()()["loss"][0] == 1
    assert list(CALLS) == [3, 3]


def test_comments_docstrings_and_layout_do_not_matter(folder):
    demo()
    same_code_other_layout()()
    assert list(CALLS) == [3]


def test_constants_and_helpers_beside_the_function_matter(monkeypatch):
    before = provenance(demo.compute)
    monkeypatch.setitem(demo.compute.__globals__, "dataset", lambda values: None)
    assert provenance(demo.compute) != before


def test_a_variable_named_as_an_attribute_does_not_matter(monkeypatch):
    before = provenance(demo.compute)
    assert "append" in demo.compute.__code__.co_names  # of CALLS
    monkeypatch.setitem(demo.compute.__globals__, "append", 3)
    assert provenance(demo.compute) == before


def test_moved_probe_losses_are_stale(folder, monkeypatch):
    demo()
    monkeypatch.setattr(STORE, "probe_losses", (0.25, 0.26, 0.27 + 2e-9))
    demo()
    assert list(CALLS) == [3, 3]


def test_rounding_of_probe_losses_is_fresh(folder, monkeypatch):
    demo()
    monkeypatch.setattr(STORE, "probe_losses", (0.25, 0.26, 0.27 + 5e-10))
    demo()
    assert list(CALLS) == [3]


def test_other_versions_only_warn(folder, monkeypatch):
    demo()
    monkeypatch.setattr(results.importlib.metadata, "version", lambda name: "99.0")
    with pytest.warns(UserWarning, match="other versions of tvboptim, jax"):
        demo()
    assert list(CALLS) == [3]


def test_a_result_of_another_study_is_stale_and_says_what_differs(folder, monkeypatch):
    demo()
    monkeypatch.setattr(AlwaysTheSame, "identity", {"weights": "some", "target": "one more"})
    monkeypatch.setenv("BOOK_RESULTS", "require")
    with pytest.raises(ResultError, match="'demo' belongs to another study, with other target"):
        demo()
    monkeypatch.setenv("BOOK_RESULTS", "")
    demo()
    assert list(CALLS) == [3, 3]


def test_a_folder_that_cannot_be_written_to_costs_the_file_and_not_the_result(folder, monkeypatch):
    (folder / "file").touch()
    monkeypatch.setattr(STORE, "folder", folder / "file")  # nobody can make a folder of it
    with pytest.warns(UserWarning, match="The result 'demo' was not stored"):
        assert demo().sizes["G"] == 3


def test_require_refuses_missing_and_names_the_command(folder, monkeypatch):
    monkeypatch.setenv("BOOK_RESULTS", "require")
    with pytest.raises(ResultError, match=r"no stored result 'demo'.*make results NAMES=demo"):
        demo()
    assert list(CALLS) == []


def test_require_refuses_stale(folder, monkeypatch):
    demo()
    monkeypatch.setenv("BOOK_RESULTS", "require")
    demo()
    with pytest.raises(ResultError, match=r"arguments behind 'demo' changed.*make results"):
        demo(4)
    assert list(CALLS) == [3]


def test_ignore_neither_reads_nor_writes(folder, monkeypatch):
    monkeypatch.setenv("BOOK_RESULTS", "ignore")
    demo()
    demo()
    assert list(CALLS) == [3, 3]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("mode", "expected"), [("refresh", [3, 3]), ("refresh:demo", [3, 3]), ("refresh:other", [3])]
)
def test_refresh_recomputes_all_or_the_named(folder, monkeypatch, mode, expected):
    demo()
    monkeypatch.setenv("BOOK_RESULTS", mode)
    demo()
    assert list(CALLS) == expected


def test_only_a_refresh_compiles_anew(monkeypatch):
    @stored_result("demo")
    def demo():
        import jax

        CALLS.append(jax.config.jax_enable_compilation_cache)
        return dataset([1])

    demo()
    monkeypatch.setenv("BOOK_RESULTS", "refresh")
    demo()
    assert list(CALLS) == [True, False]


def test_unknown_mode_is_refused(monkeypatch):
    monkeypatch.setenv("BOOK_RESULTS", "always")
    with pytest.raises(ResultError, match="BOOK_RESULTS is 'always', but it can only be"):
        demo()


def truncated(path):
    path.write_bytes(path.read_bytes()[:-200])


def foreign(path):
    path.write_text("not a netCDF file")


def empty(path):
    path.write_bytes(b"")


def not_ours(path):
    xr.Dataset({"x": 1.0}).to_netcdf(path, engine="h5netcdf")


@pytest.mark.parametrize("damage", [truncated, foreign, empty, not_ours])
def test_damaged_file_is_recomputed(folder, monkeypatch, damage):
    demo()
    damage(folder / "demo.nc")
    monkeypatch.setenv("BOOK_RESULTS", "require")
    with pytest.raises(
        ResultError, match=r"demo\.nc (cannot be read|is not a result of this book)"
    ):
        demo()
    monkeypatch.setenv("BOOK_RESULTS", "")
    assert demo().sizes["G"] == 3
    assert list(CALLS) == [3, 3]


def test_loss_that_is_not_finite_is_reported_with_its_parameters(folder):
    @stored_result("broken")
    def broken():
        return dataset([0.1, np.nan, 0.3])

    with pytest.raises(ResultError, match=r"1 of 3 values of 'loss' in 'broken'.*at G=0\.2"):
        broken()
    assert list(folder.iterdir()) == []


def test_result_has_to_say_what_it_cost(folder):
    @stored_result("free")
    def free():
        return xr.Dataset({"loss": 1.0})

    with pytest.raises(ResultError, match="attrs say simulations, gradients, seed"):
        free()


def test_a_variable_that_netcdf_would_lose_is_not_stored(folder):
    lost = xr.Dataset({"draw": (("draw", "of"), np.zeros((3, 2)))})
    tree = xr.DataTree.from_dict({"states": lost})
    for dataset in (lost, tree):
        with pytest.raises(ResultError, match="'draw' of 'demo' is named like one of its dim"):
            write_result(folder / "demo.nc", dataset)
    assert not (folder / "demo.nc").exists()


WRITER = """
    import _common
    import sys, time
    from pathlib import Path
    import numpy as np, xarray as xr
    from bnmbook.files import write_result
    from bnmbook.results import Store

    class AlwaysTheSame:
        identity = {"weights": "some"}
        def probe_losses(self):
            return (0.25, 0.26, 0.27)

    folder = Path(sys.argv[1])
    store = Store(AlwaysTheSame(), folder, folder)

    @store.stored_result("shared")
    def shared():
        return xr.Dataset(
            {"loss": ("G", np.zeros(200_000))}, {"G": np.arange(200_000.0)},
            {"simulations": 1, "gradients": 0, "seed": 0},
        )
"""


def run_script(tmp_path, name, body, folder):
    script = tmp_path / f"{name}.py"
    script.write_text(textwrap.dedent(WRITER) + textwrap.dedent(body))
    environment = os.environ | {"TQDM_DISABLE": "1"}
    command = [sys.executable, script, folder]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


def test_two_processes_storing_at_once_leave_one_good_file(folder, tmp_path_factory):
    scripts = tmp_path_factory.mktemp("scripts")
    body = "import os; os.environ['BOOK_RESULTS'] = 'refresh'\nfor _ in range(5): shared()\n"
    processes = [run_script(scripts, f"writer{k}", body, folder) for k in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert [path.name for path in folder.iterdir()] == ["shared.nc"]
    assert read_result(folder / "shared.nc").sizes["G"] == 200_000


def test_killed_while_writing_leaves_the_old_file(folder, tmp_path_factory):
    demo()
    good = (folder / "demo.nc").read_bytes()
    body = """
        def half_way(self, path, **options):
            open(path, "wb").write(b"half of a file")
            print("writing", flush=True)
            time.sleep(60)

        xr.DataTree.to_netcdf = half_way
        write_result(folder / "demo.nc", xr.Dataset())
    """
    process = run_script(tmp_path_factory.mktemp("scripts"), "killed", body, folder)
    assert process.stdout.readline() == b"writing\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (folder / "demo.nc").read_bytes() == good
    demo()
    assert list(CALLS) == [3]


def test_jax_arrays_are_finished_before_the_clock_stops(monkeypatch):
    import jax.numpy as jnp

    order = []
    monkeypatch.setattr(
        measuring.np, "asarray", lambda x, *rest: order.append("finish") or np.array(x)
    )
    clock = measuring.time.perf_counter
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: order.append("clock") or clock())

    attrs = dict.fromkeys(COSTS, 0)

    def lazy():
        return xr.Dataset({"x": ("a", jnp.ones(3))}, attrs=attrs)

    measured("lazy", lazy, (), {})
    assert order[0] == "clock"
    assert set(order[1 : order.index("clock", 1)]) == {"finish"}


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="only /proc tells the peak")
def test_the_memory_is_that_of_this_result_alone():
    @stored_result("large")
    def large():
        np.ones(60_000_000).sum()  # 0.48 GB
        return dataset(np.arange(3))

    most, little = large().attrs["peak_memory"], demo().attrs["peak_memory"]
    assert most - little > 0.3e9
    assert little > 0.05e9  # a process with JAX in it
