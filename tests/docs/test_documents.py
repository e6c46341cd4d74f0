"""Links lead somewhere, generated tables are current, and the pages speak of the project alone."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import arena
from arena.config.document import BEGIN, ELSEWHERE, JOBS, PAGE, keys_of, render_page
from tests.docs.commands import find_pages

PROJECT = Path(__file__).resolve().parents[2]
PAGES = find_pages(PROJECT)
IDS = [str(page.relative_to(PROJECT)) for page in PAGES]
FORBIDDEN = {
    "a machine's path": re.compile(r"/(?:work|home|tmp|Users)/|/root\b|[A-Z]:\\\\"),
    "a registry's host": re.compile(r"pypi\.|index-url|artifactory|127\.0\.0\.1:\d+/simple", re.IGNORECASE),
    "work not done": re.compile(r"\b(TODO|FIXME|TBD|XXX)\b|lorem ipsum|coming soon", re.IGNORECASE),
    "how it was made": re.compile(r"\bissue [A-Z]\b|\b(chatgpt|claude|copilot|codex)\b", re.IGNORECASE),
}

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def test_all_pages_are_found():
    names = {"README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md"}
    assert names | {"docs/engine.md", "docs/adr/README.md", "data/README.md"} <= set(IDS)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_relative_links_resolve(page):
    broken = [link for link in _links(page) if not _leads_somewhere(page, link)]
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_page_speaks_of_the_project_alone(page):
    text = page.read_text(encoding="utf-8")
    found = {what: pattern.findall(text) for what, pattern in FORBIDDEN.items() if pattern.search(text)}
    assert not found


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_page_has_one_title(page):
    titles = re.findall(r"^# .+$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    assert len(titles) == 1


def test_every_decision_is_listed():
    listed = (PROJECT / "docs/adr/README.md").read_text(encoding="utf-8")
    pages = sorted((PROJECT / "docs/adr").glob("[0-9]*.md"))
    for number, page in enumerate(pages, start=1):
        title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        assert page.name.startswith(f"{number:04d}-")
        assert f"[{number}]({page.name}) | {title.removeprefix(f'{number}. ')} |" in listed


@pytest.mark.parametrize("page", sorted((PROJECT / "docs/adr").glob("[0-9]*.md")), ids=lambda page: page.stem)
def test_decision_has_its_three_parts(page):
    sections = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert sections == ["Context", "Decision", "Consequences"]


def test_picture_of_the_report_is_wide_enough_and_light():
    picture = (PROJECT / "docs/images/report.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20], "big") == 1400
    assert len(picture) < 300_000


def test_changelog_leads_with_the_version_of_the_package():
    changelog = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[([^\]]+)\]", changelog, re.MULTILINE)
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    assert settings["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "arena.__version__"}
    assert newest is not None
    assert newest[1] == arena.__version__


def test_extras_in_the_readmes_are_those_of_the_package():
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name in ("README.md", "README.zh-CN.md"):
        table = (PROJECT / name).read_text(encoding="utf-8").split("pip install -e .")[1].split("\n## ")[0]
        assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(extras)


def test_jobs_in_the_readmes_are_those_there_are():
    there = {path.stem for path in (PROJECT / "jobs").glob("[a-z]*.py")}
    for name in ("README.md", "README.zh-CN.md"):
        text = (PROJECT / name).read_text(encoding="utf-8")
        assert set(re.findall(r"^\| `jobs\.(\w+)` \|", text, re.MULTILINE)) == there


def test_key_tables_are_current():
    page = PAGE.read_text(encoding="utf-8")
    assert page == render_page(page), "run `make docs`"


def test_key_tables_hold_every_key_of_every_job():
    tables = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2]
    keys = {key.path for model in JOBS.values() for key in keys_of(model)}
    elsewhere = {key for key in keys if key.split(".")[0] in ELSEWHERE}
    missing = {key for key in keys - elsewhere if f"| `{key}` |" not in tables}
    assert len(keys) > 40
    assert not missing


def test_every_job_with_a_config_has_a_section():
    jobs = {path.stem for path in (PROJECT / "conf").glob("*.yaml")} - {"house"}
    assert jobs == set(JOBS)


def test_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="put them back"):
        render_page("# Configuration\n")


def _links(page: Path) -> list[str]:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return [link for link in _LINK.findall(text) if not re.match(r"[a-z]+:", link)]


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    if not target.exists():
        return False
    return not anchor or anchor in _anchors(target)


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as the usual renderers make them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
