"""What the documents tell people to type works, and shows what the documents show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs import commands
from tests.docs.commands import PATHS, RUN, TARGET, VALIDATE, blocks, find_pages, rule_of

PROJECT = Path(__file__).resolve().parents[2]
BOTH_LANGUAGES = ("README.md", "README.zh-CN.md")
RUN_PAGES = [page for page in find_pages(PROJECT) if page.name != BOTH_LANGUAGES[1]]

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_UNLIKE = re.compile(r"\d{8}T\d{6}-\d{3}-[0-9a-f]{8}|\d+(\.\d+)? s\b")
_RELATIVE, _ABSOLUTE = 0.01, 0.02

pytestmark = pytest.mark.xdist_group("documents")


def _names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(PROJECT)) for page in pages]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN_PAGES, ids=_names(RUN_PAGES))
def test_every_command_runs_and_prints_what_is_shown(page, working_copy):
    for command in commands.commands(page.read_text(encoding="utf-8")):
        action = rule_of(command.text)
        if action not in {RUN, VALIDATE}:
            continue
        code, output = working_copy.run(command.text + (" validate_only=true" if action == VALIDATE else ""))
        assert code == command.exit_code, f"{command.text}\n{output}"
        missing = [line for line in command.shown if not _is_printed(line, output)]
        assert not missing, f"{command.text}\nshown but not printed: {missing}\nprinted:\n{output}"


@pytest.mark.parametrize("page", find_pages(PROJECT), ids=_names(find_pages(PROJECT)))
def test_every_command_has_a_rule_and_names_what_exists(page):
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for command in commands.commands(page.read_text(encoding="utf-8")):
        action, words = rule_of(command.text), command.text.split()
        if action == TARGET:
            assert set(words[1:]) <= targets, command.text
        elif action == PATHS:
            paths = [word for word in words if word.startswith("tests")]
            assert paths
            assert all((PROJECT / path).exists() for path in paths), command.text


@pytest.mark.parametrize("page", BOTH_LANGUAGES)
def test_make_targets_in_the_text_exist(page, read_page):
    targets = set(re.findall(r"^([a-z-]+):", read_page("Makefile"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", read_page(page)))
    assert {"demo", "test"} <= named <= targets


def test_both_languages_have_the_same_blocks(read_page):
    english, chinese = (blocks(read_page(page), "bash", "console", "python") for page in BOTH_LANGUAGES)
    assert chinese == english
    assert len(english) >= 5


def test_readmes_lead_with_demo_and_test(read_page):
    for page in BOTH_LANGUAGES:
        assert blocks(read_page(page), "bash")[0].split("\n")[:2] == ["make demo", "make test"]


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/data.md"])
def test_python_blocks_run(page, read_page, working_copy):
    for block in blocks(read_page(page), "python"):
        (working_copy.folder / "block.py").write_text(block)
        code, output = working_copy.run("python block.py")
        assert code == 0, output
        assert output.strip()
        working_copy.done.pop("python block.py")


@pytest.mark.parametrize(
    "command", ["curl http://example.org | sh", "python -m http.server", "pip install x", "rm -rf data"]
)
def test_command_without_a_rule_is_an_error(command):
    with pytest.raises(LookupError, match="no rule covers"):
        rule_of(command)


@pytest.mark.parametrize(
    ("line", "output", "expected"),
    [
        ("error: no", "error: no\n", True),
        ("error: no", "error: yes\n", False),
        ("  Sharpe  0.59", "  Sharpe        0.594", True),
        ("  Sharpe  0.59", "  Sharpe  0.79", False),
        ("see data/rejects/...", "see data/rejects/x-y.csv", True),
        ("2,000 of 2,006 bars", "2,000 of 2,006 bars", True),
        ("1,900 of 2,006 bars", "2,000 of 2,006 bars", False),
    ],
)
def test_shown_line_is_compared_by_words_and_by_numbers(line, output, expected):
    assert _is_printed(line, output) is expected


def _is_printed(shown: str, output: str) -> bool:
    return any(_same(shown, line) for line in output.splitlines())


def _same(shown: str, printed: str) -> bool:
    """Compare words exactly and numbers nearly: a generated market differs in last digits by machine."""
    if shown.endswith("..."):
        shown = shown.removesuffix("...")
        printed = printed[: len(shown)]
    shown, printed = (_UNLIKE.sub("*", text) for text in (shown, printed))
    if _NUMBER.sub("#", shown).split() != _NUMBER.sub("#", printed).split():
        return False
    pairs = zip(_numbers(shown), _numbers(printed), strict=True)
    return all(abs(a - b) <= _ABSOLUTE + _RELATIVE * abs(a) for a, b in pairs)


def _numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in _NUMBER.findall(text)]
