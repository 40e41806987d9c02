"""Name the tests that a change can break first, for `make check`.

    python tests/changed.py

What counts is what differs from the last commit, or, where nothing does, that commit itself. A test
is named if its file changed, or if it imports a module that did; a chapter, if it changed. The rest
is for `make test`.
"""

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALWAYS = ("tests/test_rooms.py", "tests/bnmbook/test_project_files.py")
OF_PAGES = tuple(f"tests/bnmbook/test_{of}.py" for of in ("notebooks", "chapter_figures", "tables"))
LONG = ("test_other_study.py", "test_studies.py", "test_wheel.py")  # and the built site


def changed_files(root):
    """Paths, from the root, of what differs from the last commit, else of what that changed."""

    def git(*arguments):
        said = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
        return said.stdout.splitlines()

    now = git("diff", "--name-only", "HEAD") + git("ls-files", "--others", "--exclude-standard")
    return now or git("diff", "--name-only", "HEAD~1", "HEAD")


def selected(root, changed):
    """What to give to pytest for changed files, as sorted paths from the root.

    Parameters
    ----------
    root : pathlib.Path
        Folder of the book.
    changed : sequence of str
        Paths from the root.
    """
    changed = [path for path in changed if (root / path).exists()]
    modules = {path.removesuffix(".py").replace("/", ".") for path in changed if path[-3:] == ".py"}
    modules |= {name.rpartition(".")[2] for name in modules if name.startswith("tests.")}
    named = set(ALWAYS)
    for path in (root / "tests").glob("**/test_*.py"):
        name = path.relative_to(root).as_posix()
        quick = path.name not in LONG and "built_site" not in name
        if name in changed or (quick and modules & _imports(path)):
            named.add(name)
    chapters = {path for path in changed if path.startswith("chapters/")}
    pages = [path for path in changed if path.endswith((".ipynb", ".nc", ".qmd"))]
    return sorted(named | chapters | set(OF_PAGES if pages else ()))


def _imports(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    return names.union(
        *({node.module, *(f"{node.module}.{a.name}" for a in node.names)} for node in froms)
    )


if __name__ == "__main__":
    print(*selected(ROOT, changed_files(ROOT)))
