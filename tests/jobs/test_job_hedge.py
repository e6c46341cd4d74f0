"""A hedged backtest as a user runs it: generated market, run, run again, and what is refused."""

from __future__ import annotations

import json

import pytest

LEDGER = {"DATABASE_URL": "sqlite:///ledger.sqlite"}
WORDS = (
    "strategy=funding_rate_arbitrage", "strategy.entry_apr=0.03", "strategy.exit_apr=0.01", "limit=900",
    "signal_window=100", "hedge=spot", "store.root=market",
)  # fmt: skip


@pytest.fixture(scope="module")
def hedged(jobs_in, tmp_path_factory):
    """A folder with a generated market of swap and spot."""
    jobs = jobs_in(tmp_path_factory.mktemp("hedged"))
    done = jobs.run(
        "ingest", "exchange=synthetic", "timeframe=1h", "exchange.days=60", "store.root=market", **LEDGER
    )
    assert done.returncode == 0, done.stderr
    assert "BTC-USDT candles 1h (generator)" in done.stdout + done.stderr
    return jobs


def test_hedged_run_leaves_both_legs_and_comes_out_again(hedged):
    done = hedged.run("backtest", *WORDS, **LEDGER)
    assert done.returncode == 0, done.stderr
    assert "Hedged, USDT" in done.stdout
    folder = hedged.folder / "reports" / "backtest" / "latest"
    result = json.loads((folder / "result.json").read_text())
    assert result["hedge"]["spot_fills"] == result["counts"]["fills"] > 0
    assert (folder / "spot_fills.parquet").is_file()
    again = hedged.run("reproduce", **LEDGER)
    assert again.returncode == 0, again.stderr
    assert "EQUAL, bit for bit" in again.stdout
    assert "spot_fills.parquet" in again.stdout


def test_hedged_sweep_ranks_trials_that_are_hedged_runs(hedged):
    words = [word for word in WORDS if "entry_apr" not in word]
    axes = ("strategy.entry_apr=0.03,0.05", "hedge.fee_rate=0,0.001")
    done = hedged.run("backtest", "-m", *words, *axes, "report.html=false", **LEDGER)
    assert done.returncode == 0, done.stderr
    assert "4 trials" in done.stdout
    folder = hedged.folder / "reports" / "backtest" / "latest"
    record = json.loads((folder / "sweep.json").read_text())
    best = json.loads((folder / "best" / "result.json").read_text())
    assert [batch["done"] for batch in record["batches"]] == [4]
    assert best["pnl"]["fees"] == record["best"][0]["figures"]["fees"]
    assert best["hedge"]["spot_fills"] > 0
    assert not [text for text in record["warnings"] if "bug" in text]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("symbol.spot_inst_id=ADA-USDT",), "hedge=spot needs 1h bars of ADA-USDT in the window"),
        (("symbol.spot_inst_id=null",), "hedge=spot needs the spot pair of BTC-USDT-SWAP"),
    ],
    ids=["not stored", "no pair"],
)
def test_what_cannot_be_hedged_is_said_in_one_sentence(hedged, words, said):
    done = hedged.run("backtest", *WORDS, *words, **LEDGER)
    assert done.returncode in {2, 3}
    assert said in done.stderr


def test_imported_candles_of_the_pair_are_stored_under_its_own_name(hedged):
    (hedged.folder / "spot.csv").write_text(
        "ts,open,high,low,close,volume\n1735689600000,1,2,1,2,5\n1735693200000,2,3,2,3,5\n"
    )
    done = hedged.run(
        "ingest", "exchange.path=spot.csv", "kind=spot", "timeframe=1h", "exchange.source=okx",
        "store.root=other", **LEDGER,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (hedged.folder / "other" / "market" / "candles" / "BTC-USDT" / "1h").is_dir()
