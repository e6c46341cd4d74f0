"""The monitor's page for each state that a store can be in, without a browser."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from arena.config.models import SymbolConfig
from arena.core.timeframe import Timeframe
from arena.data.ingest import ingest_synthetic
from arena.exchange.synthetic import SyntheticSpec
from arena.store.ledger import IntegrityEventRow, open_ledger

START = 1_735_689_600_000
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def filled(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of generated hours, its ledger with findings, a failed run and a repair."""
    from omegaconf import OmegaConf

    root = tmp_path_factory.mktemp("monitored")
    path = project / "conf" / "symbol" / "btc_usdt_swap.yaml"
    symbol = SymbolConfig.model_validate(OmegaConf.to_container(OmegaConf.load(path))).instrument()
    spec = SyntheticSpec(seed=4, start_ms=START, days=30)
    clock = lambda: START + 31 * 24 * HOUR_MS  # noqa: E731
    ingest_synthetic(symbol, Timeframe.parse("1h"), str(root), spec=spec, clock=clock)
    with open_ledger(f"sqlite:///{root / 'ledger.sqlite'}") as ledger:
        ledger.start_job_run(
            run_id="r1", job="ingest", config_hash="0" * 64, config_json="{}", command="c", started_ms=START
        )
        ledger.finish_job_run(
            run_id="r1",
            status="failed",
            exit_code=4,
            error="the exchange did not answer",
            finished_ms=START + 5,
        )
        ledger.record_integrity_events([_event("gap", "error", 5), _event("spike", "warning", 1)])
    return root


def _event(kind: str, severity: str, bars: int) -> IntegrityEventRow:
    return IntegrityEventRow(
        kind=kind,
        inst_id="BTC-USDT-SWAP",
        timeframe="1h",
        start_ts=START,
        end_ts=START + bars * HOUR_MS,
        severity=severity,
        bars=bars,
        run_id="r1",
        seen_ms=START,
    )


@pytest.fixture
def look(project: Path, monkeypatch: pytest.MonkeyPatch):
    """Return the page as it is drawn over the store in a folder."""

    def draw(root: Path, **env: str) -> AppTest:
        monkeypatch.delenv("DATABASE_URL", raising=False)
        for name, value in {"ARENA_MONITOR_ROOT": str(root), "ARENA_MONITOR_REFRESH_S": "0", **env}.items():
            monkeypatch.setenv(name, value)
        page = AppTest.from_file(str(project / "streamlit_app" / "monitor.py"), default_timeout=60).run()
        assert not page.exception
        return page

    return draw


def _texts(*groups) -> str:
    return "\n".join(str(one.value) for group in groups for one in group)


def test_every_series_has_a_grade_its_coverage_and_its_origin(look, filled):
    page = look(filled)
    table = page.dataframe[0].value
    swap = table[(table["instrument"] == "BTC-USDT-SWAP") & (table["series"] == "candles 1h")].iloc[0]
    assert (swap["bars"], swap["missing"], swap["coverage"]) == (720, 0, 1.0)
    assert swap["grade"] in {"A", "B"}
    assert swap["origin"] == "SYNTHETIC"
    assert swap["MB"] > 0
    assert "funding" in set(table["series"])
    assert "SYNTHETIC" in _texts(page.warning)


def test_findings_can_be_filtered(look, filled):
    page = look(filled)
    assert "2 of 2" in _texts(page.caption)
    page.multiselect[0].select("error").run()
    assert not page.exception
    assert "1 of 2" in _texts(page.caption)
    shown = next(one.value for one in page.dataframe if "first seen" in one.value)
    assert list(shown["kind"]) == ["gap"]


def test_a_failed_run_is_named_with_its_message(look, filled):
    page = look(filled)
    assert "1 of the last 1 runs did not end well; the newest: the exchange did not answer" in _texts(
        page.error
    )


def test_an_empty_store_says_how_to_fill_it(look, tmp_path):
    page = look(tmp_path)
    text = _texts(page.info, page.error)
    assert "Nothing is stored" in text
    assert "jobs.ingest" in text
    assert "The ledger cannot be shown" in text


def test_a_folder_that_is_not_there_is_an_empty_store(look, tmp_path):
    assert "Nothing is stored" in _texts(look(tmp_path / "nowhere").info)


def test_a_broken_file_is_named_and_the_rest_is_shown(look, filled, tmp_path):
    root = tmp_path / "broken"
    shutil.copytree(filled, root)
    victim = next((root / "market" / "candles" / "BTC-USDT-SWAP" / "1h").glob("*.parquet"))
    victim.write_bytes(b"PAR1 no more")
    page = look(root)
    assert str(victim) in _texts(page.error)
    assert "r1" in _texts(*[[one] for one in page.dataframe])


def test_a_missing_table_is_one_plain_sentence(look, filled, tmp_path):
    root = tmp_path / "tableless"
    shutil.copytree(filled, root)
    ledger = sqlite3.connect(root / "ledger.sqlite")
    ledger.execute("PRAGMA foreign_keys = OFF")
    ledger.execute("DROP TABLE candle_integrity_events")
    ledger.commit()
    ledger.close()
    page = look(root)
    assert "findings cannot be shown" in _texts(page.error)
    assert len(page.dataframe) >= 2


def test_a_ledger_that_is_no_database_is_one_plain_sentence(look, filled, tmp_path):
    root = tmp_path / "noise"
    shutil.copytree(filled, root)
    for extra in root.glob("ledger.sqlite-*"):
        extra.unlink()
    (root / "ledger.sqlite").write_bytes(b"not a database" * 100)
    assert "The ledger cannot be shown" in _texts(look(root).error)


def test_a_password_in_the_address_is_not_shown(look, filled):
    page = look(filled, DATABASE_URL="postgresql://someone:hunter2@127.0.0.1:1/none")
    text = _texts(page.error, page.caption, page.info, page.warning)
    assert "ledger cannot be shown" in text
    assert "hunter2" not in text
