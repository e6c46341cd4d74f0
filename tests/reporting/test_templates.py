"""Compiled templates are kept beside their sources, and nothing depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest

from arena.reporting import page


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A room with one template."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/a.j2").write_text("{{ 1 + 1 }}")
    monkeypatch.setattr(page, "_HERE", tmp_path)
    yield tmp_path
    page.environment.cache_clear()


def rendered() -> str:
    page.environment.cache_clear()  # as in a new process
    return page.environment().get_template("a.j2").render()


def fails(*_: object, **__: object) -> Any:
    raise OSError(28, "No space left on device")


def test_a_template_is_compiled_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rendered() == "2"
    assert len(list((folder / "templates/__pycache__").iterdir())) == 1
    monkeypatch.setattr(jinja2.Environment, "compile", fails)
    assert rendered() == "2"


def test_a_changed_template_is_compiled_anew(folder: Path) -> None:
    assert rendered() == "2"
    (folder / "templates/a.j2").write_text("{{ 2 + 2 }}")
    assert rendered() == "4"


def test_a_broken_file_of_the_cache_is_passed_over(folder: Path) -> None:
    assert rendered() == "2"
    (kept,) = (folder / "templates/__pycache__").iterdir()
    kept.write_bytes(kept.read_bytes()[:-20])
    assert rendered() == "2"


@pytest.mark.parametrize("where", [(Path, "mkdir"), (jinja2.FileSystemBytecodeCache, "dump_bytecode")])
def test_pages_are_made_where_nothing_can_be_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, where: tuple[Any, str]
) -> None:
    monkeypatch.setattr(*where, fails)
    assert rendered() == "2"
    assert not list(folder.rglob("*.pyc"))
