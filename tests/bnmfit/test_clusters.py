"""A batch on a Dask cluster: the numbers of this process, whatever happens to the workers."""

from _common import batched, loss, space_of
from bnmfit import clusters
from bnmfit.guard import refuse_unguarded
from bnmfit.local import StatesFailed

import os
import signal
import subprocess
import sys
import textwrap
import time

import dask
import jax
import jax.numpy as jnp
import numpy as np
import psutil
import pytest
from dask.system import cpu_count
from distributed import LocalCluster

POINTS = np.random.default_rng(5).uniform(0.001, 0.7, (19, 2))  # batches of 8 do not divide 19


@pytest.fixture(scope="module")
def address():
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
    ):
        yield cluster.scheduler_address


def on(address, function, points=POINTS):
    return batched(function, n_pmap=1, n_vmap=8, cluster=address)(space_of(points))


def at(state):
    """Two numbers that tell where a state is."""
    return jnp.stack([state.coupling.instant.G, state.dynamics.w])


def on_host(action):
    """A function of a state that calls Python with G, and returns G."""

    def function(state):
        shape = jax.ShapeDtypeStruct((), jnp.float64)
        return jax.pure_callback(action, shape, state.coupling.instant.G, vmap_method="sequential")

    return function


def test_the_loss_is_that_of_this_process(address):
    there = on(address, loss)
    assert np.allclose(there, batched(loss)(space_of(POINTS)), rtol=0, atol=1e-12)


def test_values_arrive_in_order_and_as_arrays(address):
    assert np.array_equal(on(address, at), POINTS)
    assert np.array_equal(on(address, at, POINTS[:3]), POINTS[:3])  # fewer than a batch


def test_progress_is_shown(address, monkeypatch):
    shown = []

    class Bar(clusters.tqdm):
        def update(self, n=1):
            shown.append(n)
            return super().update(n)

    monkeypatch.setattr(clusters, "tqdm", Bar)
    on(address, at)
    assert len(shown) == 3
    assert sum(shown) == len(POINTS)


def test_a_killed_worker_loses_nothing(address, tmp_path):
    killed = tmp_path / "killed"

    def die_once(G):
        if POINTS[9, 0] == G and not killed.exists():
            killed.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return np.float64(G)

    assert np.array_equal(on(address, on_host(die_once)), POINTS[:, 0])
    assert int(killed.read_text()) != os.getpid()
    assert not psutil.pid_exists(int(killed.read_text()))


def test_a_state_that_fails_is_reported_while_the_rest_completes(address):
    def refuse(G):
        if POINTS[4, 0] == G:
            raise RuntimeError("too far")
        return np.float64(np.nan if POINTS[12, 0] == G else G)

    with pytest.raises(StatesFailed, match="2 of 19 states failed") as failure:
        on(address, on_host(refuse))
    reasons = failure.value.reasons
    assert set(reasons) == {4, 12}
    assert "too far" in reasons[4]
    assert reasons[12] == "not finite"
    assert f"coupling.instant.G = {POINTS[4, 0]:.4g}" in str(failure.value)
    expected = np.where(np.isin(np.arange(19), [4, 12]), np.nan, POINTS[:, 0])
    assert np.array_equal(failure.value.values, expected, equal_nan=True)


def test_a_batch_that_kills_its_workers_is_given_up(address):
    def die(G):
        if POINTS[18, 0] == G:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.float64(G)

    with pytest.raises(StatesFailed, match="KilledWorker") as failure:
        on(address, on_host(die))
    given_up = sorted(failure.value.reasons)
    assert 18 in given_up
    assert len(given_up) <= 8  # the batch of that state
    rest = np.setdiff1d(np.arange(19), given_up)
    assert np.array_equal(failure.value.values[rest], POINTS[rest, 0])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=lambda how: how.name)
def test_a_cancelled_run_leaves_no_process(tmp_path, how):
    script = tmp_path / "run.py"
    script.write_text(
        textwrap.dedent("""
            from _common import batched, space_of
            import signal, time, jax, numpy as np

            def wait(state):
                def slow(G):
                    open("started", "w").close()
                    time.sleep(100)
                    return np.float64(G)

                G, shape = state.coupling.instant.G, jax.ShapeDtypeStruct((), float)
                return jax.pure_callback(slow, shape, G, vmap_method="sequential")

            if __name__ == "__main__":
                # What a shell starts in the background is deaf to interrupts.
                signal.signal(signal.SIGINT, signal.default_int_handler)
                batched(wait, 1, 1, cluster="local")(space_of(np.ones((20, 2)) / 3))
        """)
    )
    run = subprocess.Popen([sys.executable, script], cwd=tmp_path, stderr=subprocess.DEVNULL)
    wait_for((tmp_path / "started").exists)
    processes = psutil.Process(run.pid).children(recursive=True)
    assert len(processes) >= cpu_count()
    run.send_signal(how)
    run.wait(60)
    wait_for(lambda: not any(map(is_alive, processes)))


def test_workers_need_nothing_but_the_call():
    """As in a notebook: the main module, which workers import, sets no devices for them."""
    code = """
        if __name__ == "__main__":
            from _common import batched, space_of
            function = batched(lambda state: state.dynamics.w, 1, 8, cluster="local")
            values = function(space_of([[0.1, 0.2], [0.3, 0.4]] * 20))
            assert list(values) == [0.2, 0.4] * 20
    """
    run = python("-c", textwrap.dedent(code))
    assert run.returncode == 0, run.stderr
    assert "Error" not in run.stderr


def test_a_call_starts_its_cluster_and_stops_it():
    before = set(psutil.Process().children(recursive=True))
    assert np.array_equal(on("local", at), POINTS)
    after = set(psutil.Process().children(recursive=True))
    assert not [p for p in after - before if "spawn_main" in " ".join(p.cmdline())]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_a_local_cluster_has_a_process_for_each_core_that_it_may_use():
    code = """
        import os
        if __name__ == "__main__":
            os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])
            import dask
            dask.config.set({"distributed.worker.multiprocessing-method": "fork"})
            from bnmfit.clusters import _connected
            with _connected("local") as client:
                print(len(client.scheduler_info()["workers"]))
            print(dask.config.get("distributed.worker.multiprocessing-method"))
    """
    run = python("-c", textwrap.dedent(code))
    assert run.stdout.split() == ["1", "fork"], run.stderr  # and the user's settings are back


@pytest.mark.parametrize(
    ("start", "is_refused"),
    [
        ("run()", True),
        ("import reader  # which runs", True),
        ("if True:\n    run()", True),
        ("if __name__ == '__main__':\n    run()", False),
        ("def main():\n    run()\n\nif '__main__' == __name__:\n    x = 0\n    main()", False),
        ("if multiprocessing.parent_process() is None:\n    run()", False),
    ],
)
def test_a_script_without_a_main_guard_is_told_so(tmp_path, start, is_refused):
    head = "import multiprocessing\nfrom bnmfit.guard import refuse_unguarded as run\n"
    (tmp_path / "reader.py").write_text("from bnmfit.guard import refuse_unguarded as run\nrun()")
    script = tmp_path / "fit.py"
    script.write_text(head + start)
    run = python(script)
    assert run.returncode == is_refused, run.stderr
    if is_refused:
        error = run.stderr.strip().splitlines()[-1]
        assert error.startswith("RuntimeError: The processes of a local cluster import fit.py")
        assert 'under `if __name__ == "__main__":`' in error


def test_a_local_cluster_of_an_unguarded_script_starts_nothing(tmp_path):
    script = tmp_path / "fit.py"
    script.write_text(
        "import jax\n"
        "from bnmfit.batches import batched\n"
        "from tvboptim.experimental.network_dynamics.core.bunch import Bunch\n"
        "from tvboptim.types import DataAxis, Space\n"
        "print('started')\n"
        "space = Space(Bunch(x=DataAxis([1.0, 2.0])), mode='zip')\n"
        "batched(lambda state: 2 * state.x, 1, 1, cluster='local')(space)\n"
    )
    run = python(script)
    assert run.stdout.split() == ["started"]
    assert run.stderr.count("Traceback") == 1
    assert "it needs a main guard" in run.stderr.strip().splitlines()[-1]


def test_what_is_no_script_needs_no_guard(monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "/nowhere.py", raising=False)
    refuse_unguarded()  # as it cannot be read
    monkeypatch.delattr(sys.modules["__main__"], "__file__")
    refuse_unguarded()  # as in a notebook


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True)


def is_alive(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)
