"""`make check` runs the tests of what changed."""

import subprocess

from changed import ALWAYS, OF_PAGES, ROOT, changed_files, selected


def test_a_module_is_tested_by_what_imports_it_and_a_chapter_by_itself():
    of_module = selected(ROOT, ["bnmfit/fcd.py"])
    assert "tests/bnmfit/test_arc.py" in of_module
    assert set(ALWAYS) < set(of_module) < set(selected(ROOT, ["bnmfit/fcd.py", "_common.py"]))
    chapter = "chapters/05-slice-1d.ipynb"
    assert selected(ROOT, [chapter]) == sorted({chapter, *ALWAYS, *OF_PAGES})
    assert selected(ROOT, ["inference_demos/grid_scan.nc"]) == sorted({*ALWAYS, *OF_PAGES})
    assert "tests/bnmbook/test_studies.py" not in selected(ROOT, ["tests/bnmbook/budgets.py"])
    assert "tests/bnmfit/test_study.py" in selected(ROOT, ["tests/bnmfit/small_studies.py"])
    assert "tests/bnmbook/test_wheel.py" not in selected(ROOT, ["bnmbook/bundle.py"])
    assert selected(ROOT, ["tests/test_wheel.py", "gone.py"]) == sorted(
        {"tests/test_wheel.py", *ALWAYS}
    )


def test_what_changed_is_not_committed_or_else_the_last_commit(tmp_path):
    def git(*arguments):
        who = ("-c", "user.name=a", "-c", "user.email=a@b.org")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    for name in ("one.py", "two.py"):
        (tmp_path / name).touch()
        git("add", name)
        git("commit", "-m", name)
    assert changed_files(tmp_path) == ["two.py"]
    (tmp_path / "one.py").write_text("1")
    (tmp_path / "three.py").touch()
    assert changed_files(tmp_path) == ["one.py", "three.py"]
