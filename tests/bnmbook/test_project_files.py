"""The files around the book: how to cite it, what runs on each change, and what they say of it."""

from bnmbook.bundle import write_bundle

import json
import re
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def load(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def make_targets(text):
    """The targets of `make` where it is a command: at the start of a line, or after a key."""
    return set(re.findall(r"(?:^|run: |entry: )\s*make ([a-z]+)", text, re.MULTILINE))


def test_citation_agrees_with_the_project():
    citation = load("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["title"] == load("_quarto.yml")["website"]["title"]
    assert citation["abstract"] == load("_quarto.yml")["website"]["description"]
    assert citation["version"] == project()["version"]
    assert citation["license"] == project()["license"]
    (author,) = citation["authors"]
    assert f"{author['name']}\n" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_zenodo_is_told_what_the_citation_says():
    """The version it takes from the tag."""
    citation = load("CITATION.cff")
    zenodo = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    assert zenodo["title"] == citation["title"]
    assert zenodo["description"] == citation["abstract"]
    assert zenodo["upload_type"] == citation["type"]
    assert zenodo["license"] == citation["license"]
    assert zenodo["keywords"] == citation["keywords"]
    assert zenodo["creators"] == citation["authors"]
    assert "version" not in zenodo


def test_the_first_page_cites_the_book_as_the_citation_file_does():
    citation, page = load("CITATION.cff"), (ROOT / "index.qmd").read_text(encoding="utf-8")
    assert f"title   = {{{citation['title']}}}" in page
    assert f"author  = {{{{{citation['authors'][0]['name']}}}}}" in page
    assert f"Version {citation['version']}" in page
    (year,) = re.findall(r"Copyright \(c\) (\d+)", (ROOT / "LICENSE").read_text(encoding="utf-8"))
    assert f"year    = {{{year}}}" in page


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_targets_that_exist_with_few_permissions(path):
    text = path.read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert make_targets(text)
    assert make_targets(text) <= TARGETS
    (version,) = re.findall(r"^QUARTO_VERSION := (\S+)", (ROOT / "Makefile").read_text(), re.M)
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 120
        for step in job["steps"]:
            assert re.fullmatch(r"[\w/-]+@v\d+", step.get("uses", "a/b@v1"))
            if step.get("uses", "").startswith("quarto-dev/quarto-actions/setup@"):
                assert step["with"]["version"] == version


def test_tests_run_on_the_oldest_and_on_newer_pythons():
    (job,) = load(".github/workflows/tests.yml")["jobs"].values()
    versions = job["strategy"]["matrix"]["python-version"]
    assert f">={versions[0]}" == project()["requires-python"]
    assert {"3.12", "3.13"} <= set(versions)


def test_no_dependency_is_bounded_from_above_without_a_reason():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    groups = [project()["dependencies"], *project()["optional-dependencies"].values()]
    bounded = [
        name
        for group in groups
        for name in group
        if re.search(r"[<~]|==|!=", name.partition(";")[0])
    ]
    assert bounded == ["tvboptim==0.4.0"]
    for name in bounded:
        before = text[: text.index(f'"{name}"')].splitlines()[-2]
        assert before.strip().startswith("# "), name


def test_only_main_publishes_and_only_that_job_may():
    workflow = load(".github/workflows/site.yml")
    jobs = workflow["jobs"]
    assert workflow[True] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    assert jobs["build"]["if"] == "github.ref == 'refs/heads/main'"
    assert jobs["deploy"]["needs"] == "build"
    writing = {name for name, job in jobs.items() if "write" in job["permissions"].values()}
    assert writing == {"deploy"}


def test_only_a_version_s_tag_releases_and_its_files_have_that_version():
    workflow = load(".github/workflows/release.yml")
    assert workflow[True] == {"push": {"tags": ["v*.*.*"]}}
    (job,) = workflow["jobs"].values()
    assert job["permissions"] == {"contents": "write"}
    assert job["steps"][-2]["run"] == "make dist"
    assert 'dist/*-"${TAG#v}"[.-]*' in job["steps"][-1]["run"]


def test_hooks_and_guides_name_targets_that_exist():
    (repository,) = load(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    assert [hook["entry"] for hook in repository["hooks"]] == ["make lint"]
    for name in ("CONTRIBUTING.md", "README.md", "reference/install.qmd"):
        named = make_targets((ROOT / name).read_text(encoding="utf-8"))
        assert named
        assert named <= TARGETS


def test_each_lock_names_versions_and_no_address_and_the_lab_s_agrees_with_the_other():
    locks = {}
    for name in ("requirements.txt", "requirements-lab.txt"):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        lines = [line.partition(";")[0].strip() for line in lines if not line.startswith("#")]
        assert all(re.fullmatch(r"[\w.-]+==[\w.!+-]+", line) for line in lines), name
        locks[name] = set(lines)
    book, lab = locks.values()
    assert book <= lab
    names = {line.partition("==")[0] for line in lab - book}
    assert "jupyterlab" in names  # building and checking needs none
    assert not names & {line.partition("==")[0] for line in book}


def test_the_lock_has_one_version_of_each_package_for_all_pythons_but_of_arviz():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    found = {}
    for name, version in re.findall(r"^([\w.-]+)==([\w.!+-]+)", "\n".join(lines), re.M):
        found.setdefault(name, []).append(version)
    several = {name: versions for name, versions in found.items() if len(versions) > 1}
    assert list(several) == ["arviz"]
    old, new = several["arviz"]
    assert old.startswith("0.23.")
    assert new.startswith("1.")
    assert f"arviz=={new} ; python_full_version >= '3.12'" in lines


def test_the_readme_names_the_files_around_the_book():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names = ("CITATION.cff", "CHANGELOG.md", "CONTRIBUTING.md", "reference/", "404.qmd")
    for name in (*names, ".github/workflows/", ".pre-commit-config.yaml", ".zenodo.json"):
        assert f"`{name}`" in readme
        assert (ROOT / name).exists()


def test_the_changelog_has_the_sections_that_the_format_asks_for():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first, *others = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert first == "[Unreleased]" or first.startswith(f"[{project()['version']}] - ")
    found = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d)", h) for h in others]
    assert all(found)
    dates, versions = [m[4] for m in found], [tuple(map(int, m.groups()[:3])) for m in found]
    assert versions == sorted(set(versions), reverse=True)
    assert dates == sorted(dates, reverse=True)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= kinds


def test_the_zip_of_the_book_passes_no_data_on(tmp_path):
    for name in ("_common.py", "data/brains.whl", "bnmfit/data.py"):
        (tmp_path / "book" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "book" / name).touch()
    files = zipfile.ZipFile(write_bundle(tmp_path / "book", tmp_path)).namelist()
    assert [name.partition("/")[2] for name in files] == ["_common.py", "bnmfit/data.py"]
    assert "/data/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
