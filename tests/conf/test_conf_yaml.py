"""The raw YAML below conf: what Hydra would take without a word, and should not be there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

CONF = Path(__file__).parents[2] / "conf"
FILES = sorted(CONF.rglob("*.yaml"))
INTERPOLATION = re.compile(r"\$\{([^}]*)")
ALLOWED = re.compile(r"^(oc\.env:|now:|hydra[:.]|reports\.|paths\.)")
ENTRY = re.compile(r"^(override )?/?[a-z_]+(/[a-z_]+)*$")


def _scalars(text: str) -> list[yaml.ScalarNode]:
    found = []

    def walk(node: yaml.Node) -> None:
        if isinstance(node, yaml.ScalarNode):
            found.append(node)
        elif isinstance(node, yaml.SequenceNode):
            for part in node.value:
                walk(part)
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                walk(key)
                walk(value)

    walk(yaml.compose(text) or yaml.ScalarNode("tag:yaml.org,2002:null", ""))
    return found


def _is_plain(node: yaml.ScalarNode) -> bool:
    return node.style is None


@pytest.fixture(params=FILES, ids=lambda path: str(path.relative_to(CONF)))
def text(request) -> str:
    return request.param.read_text()


def test_there_are_configs_to_look_at():
    assert len(FILES) > 25


def test_defaults_lists_hold_known_forms_only(text):
    entries = (yaml.safe_load(text) or {}).get("defaults", ["_self_"])
    for entry in entries:
        if isinstance(entry, str):
            assert entry in {"house", "_self_"}
        else:
            ((name, choice),) = entry.items()
            assert ENTRY.match(name), f"Hydra drops a misspelt keyword without a word: {name}"
            assert isinstance(choice, str) or (name, choice) == ("sweep", None)


def test_nothing_can_call_code(text):
    assert "_target_" not in text


def test_interpolations_reach_only_where_they_may(text):
    for inner in INTERPOLATION.findall(text):
        assert ALLOWED.match(inner), inner


def test_times_of_day_and_words_like_yes_are_quoted(text):
    for node in _scalars(text):
        if _is_plain(node):
            assert not re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", node.value), (
                f"YAML reads {node.value} as a number"
            )
            assert node.value.lower() not in {"on", "off", "yes", "no"}, (
                f"YAML reads {node.value} as a boolean"
            )


def test_numbers_are_written_as_they_are_read(text):
    for node in _scalars(text):
        if _is_plain(node) and node.tag in {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}:
            assert re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?(e-?\d+)?", node.value), node.value


def test_dates_are_quoted(text):
    for node in _scalars(text):
        assert not (_is_plain(node) and re.match(r"\d{4}-\d{2}-\d{2}", node.value)), node.value
