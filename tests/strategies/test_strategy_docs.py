"""The page about strategies is held to what it says: its example runs, its tables are the parameters."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from arena.strategies import get_strategy, strategy_names

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8")

RUN_EXAMPLE = """
import sys
from pathlib import Path
from omegaconf import OmegaConf
import arena.strategies as strategies

folder = Path(sys.argv[1])
sys.path.insert(0, sys.argv[2])
strategies.__path__.append(str(folder))
from conftest import make_market

spec = strategies.get_strategy("momentum")
values = OmegaConf.to_container(OmegaConf.load(folder / "momentum.yaml"))
params = strategies.parse_params(spec, values)
assert params == spec.params(), params
bars, funding = make_market(seed=3, length=400)
signal = strategies.compute_signal(spec, bars, funding, params)
report = strategies.check_causality(spec, bars, funding, params)
assert report.passed, report.summary()
assert "momentum" in strategies.strategy_names()
print(len(set(signal.target.tolist())), report.comparisons)
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_page_has_one_python_and_one_yaml_block() -> None:
    assert (len(blocks("python")), len(blocks("yaml"))) == (1, 1)


def test_own_strategy_takes_at_most_twenty_lines() -> None:
    assert len(blocks("python")[0].splitlines()) <= 20


def test_own_strategy_from_the_page_runs_and_is_causal(tmp_path: Path) -> None:
    (tmp_path / "momentum.py").write_text(blocks("python")[0], encoding="utf-8")
    (tmp_path / "momentum.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    command = [sys.executable, "-W", "error", "-c", RUN_EXAMPLE, str(tmp_path), str(Path(__file__).parent)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    targets, comparisons = (int(word) for word in done.stdout.split())
    assert targets >= 2
    assert comparisons > 100


@pytest.mark.parametrize("name", strategy_names())
def test_page_tables_show_every_parameter_with_default_bounds_and_meaning(name: str) -> None:
    section = PAGE.split(f"### {name}\n")[1].split("\n##")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line[:3] == "| `"
    ]
    fields = get_strategy(name).params.model_fields
    assert [row[0].strip("`") for row in rows] == list(fields)
    for (_, default, low, high, meaning), field in zip(rows, fields.values(), strict=True):
        bounds = {
            key: getattr(rule, key) for rule in field.metadata for key in ("ge", "le") if hasattr(rule, key)
        }
        shown = f"{field.default:g}" if isinstance(field.default, float) else str(field.default).lower()
        assert (default, meaning) == (shown, field.description)
        assert (low, high) == (str(bounds.get("ge", "")), str(bounds.get("le", "")))


def test_page_names_every_indicator() -> None:
    from arena import indicators

    functions = {name for name in indicators.__all__ if name.islower()}
    listed = set(re.search(r"gives `([a-z_ ]+)`", PAGE)[1].split())
    assert listed == functions
