"""Names become strategies by file; looking at them costs next to nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

import arena.strategies
from arena.core.errors import ConfigError
from arena.strategies import StrategyParams, StrategySpec, get_strategy, make_signal, register, strategy_names
from arena.strategies.registry import MACHINERY

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numba", "polars", "duckdb", "pyarrow", "sqlalchemy", "pandas")


def flat(bars, funding, params):
    return make_signal([0.0] * len(bars))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(arena.strategies, "__path__", [*arena.strategies.__path__, str(tmp_path)])
    return tmp_path


def test_unknown_name_gets_the_nearest_and_all_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        get_strategy("ema_trnd")
    assert str(caught.value).startswith("unknown strategy 'ema_trnd': did you mean 'ema_trend'? (known: ")
    assert str(caught.value).endswith("see conf/strategy/")


@pytest.mark.parametrize("name", ["base", "registry", "os", "../jobs", "arena.core"])
def test_name_reaches_no_code_but_strategies(name: str) -> None:
    with pytest.raises(ConfigError, match="unknown strategy"):
        get_strategy(name)


def test_machinery_names_files_that_exist() -> None:
    folder = Path(arena.strategies.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} >= MACHINERY
    assert not MACHINERY & set(strategy_names())


def test_strategy_that_is_not_named_like_its_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="has the name of its file"):
        register(StrategySpec("other", "", StrategyParams, flat, lambda _: 0))


@pytest.mark.parametrize("name", ["Ema", "two words", "", "3x"])
def test_name_that_is_no_lower_case_identifier_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="lower-case"):
        StrategySpec(name, "", StrategyParams, flat, lambda _: 0)


def test_file_that_registers_nothing_is_named(package: Path) -> None:
    (package / "half_done.py").write_text("VALUE = 1\n")
    assert "half_done" in strategy_names()
    with pytest.raises(ConfigError, match=r"half_done\.py registers no strategy"):
        get_strategy("half_done")


@pytest.mark.parametrize(
    ("name", "text"), [("broken_import", "import no_such_library\n"), ("broken_text", "def f(:\n")]
)
def test_file_that_cannot_be_imported_is_named_with_the_cause(package: Path, name: str, text: str) -> None:
    (package / f"{name}.py").write_text(text)
    with pytest.raises(ConfigError, match=f"strategy '{name}' cannot be imported: ") as caught:
        get_strategy(name)
    assert isinstance(caught.value.__cause__, ImportError | SyntaxError)


def test_private_files_are_no_strategies(package: Path) -> None:
    (package / "_shared.py").write_text("")
    assert "_shared" not in strategy_names()


def run(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_importing_all_strategies_and_refusing_a_bad_value_loads_nothing_heavy() -> None:
    loaded = run(f"""
import sys
from arena.core.errors import ConfigError
from arena.strategies import get_strategy, parse_params, strategy_names
for name in strategy_names():
    get_strategy(name)
try:
    parse_params(get_strategy("ema_trend"), {{"fast": "abc"}})
except ConfigError:
    print("refused", *(module for module in {HEAVY!r} if module in sys.modules))
""")
    assert loaded == ["refused"]


def test_looking_at_names_imports_no_strategy() -> None:
    code = """
import sys
from arena.strategies import strategy_names
names = strategy_names()
print(*(name for name in names if f"arena.strategies.{name}" in sys.modules), len(names))
"""
    assert run(code) == [str(len(strategy_names()))]
