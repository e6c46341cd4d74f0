"""A user's mistakes: the exit code, one clear message, nothing left behind, nothing heavy imported."""

from __future__ import annotations

import re
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest

HEAVY = {"numba", "pyarrow", "polars", "duckdb", "sqlalchemy", "alembic", "pandas", "jinja2", "ccxt"}
STRATEGIES = "(known: bollinger_range, ema_trend, funding_rate_arbitrage)"


@dataclass(frozen=True)
class Mistake:
    """A command line, what has to be said about it, and with which exit code."""

    arguments: str
    sentences: tuple[str, ...]
    code: int = 2

    def __str__(self) -> str:
        return self.arguments


def _m(arguments: str, *sentences: str, code: int = 2) -> Mistake:
    return Mistake(arguments, sentences, code)


CHOICES = [
    _m("strategy=ema_trnd", f"unknown strategy 'ema_trnd': did you mean 'ema_trend'? {STRATEGIES}"),
    _m("timeframe=2x", "unknown timeframe '2x': did you mean '2h'? (known: 12h, 15m, 1d,"),
    _m("symbol=btc", "unknown symbol 'btc' (known: btc_usdt_swap, eth_usdt_swap)"),
    _m("costs=okx", "unknown costs 'okx': did you mean 'okx_taker'?"),
    _m("sizing=equty", "unknown sizing 'equty': did you mean 'equity'?"),
    _m("strategy=null", f"unknown strategy 'null' {STRATEGIES}"),
    _m("strategy=", f"unknown strategy '' {STRATEGIES}"),
    _m("-m strategy=ema_trend,ema_trnd", "unknown strategy 'ema_trnd': did you mean 'ema_trend'?"),
    _m("strategy.name=bollinger_range", "choose the whole group, strategy=bollinger_range"),
    _m("timeframe.name=9h", "unknown timeframe '9h': did you mean '6h'?"),
    _m("hydra/launcher=none", "unknown hydra/launcher 'none' (known: basic, batches)"),
    _m("+costs=okx_taker", "costs is chosen twice: choose it once"),
]
KEYS = [
    _m("lmit=4", "unknown key 'lmit': did you mean 'limit'? (known: as_of, costs, data, engine, fee_rate,"),
    _m("strategy.fsat=3", "unknown key 'strategy.fsat': did you mean 'strategy.fast'?"),
    _m("+strategy.fsat=3", "unknown key 'strategy.fsat': did you mean 'strategy.fast'?"),
    _m("++strategy.fsat=3", "unknown key 'strategy.fsat': did you mean 'strategy.fast'?"),
    _m("++costs.slipage_bps=3", "unknown key 'costs.slipage_bps': did you mean 'costs.slippage_bps'?"),
    _m("++limits=3", "unknown key 'limits': did you mean 'limit'?"),
    _m("~limits", "unknown key 'limits': did you mean 'limit'?"),
    _m("~limit", "limit is not set: give it a value"),
    _m("+limit=4", "limit is there already: write it without a +"),
]
VALUES = [
    _m("strategy.fast=abc", "strategy.fast=abc: must be a whole number from 2 to 500"),
    _m("strategy.fast=30 strategy.slow=20", "strategy.fast=30 must be below strategy.slow=20"),
    _m("strategy.fast=5,8", "strategy.fast=5,8 are several values: write -m to run each"),
    _m("limit=abc", "limit=abc: must be a whole number, at least 2, or null for none"),
    _m("signal_window=3000", "signal_window=3000 must be at most limit=2000"),
    _m("fee_rate=-0.1", "fee_rate=-0.1: must be at least 0"),
    _m("initial_capital=nan", "initial_capital=nan: must be a finite number, above 0"),
    _m("leverage=200", "leverage=200: BTC-USDT-SWAP allows at most 100"),
    _m("costs.missing=eror", "must be one of 'estimate' or 'error', did you mean 'error'?"),
    _m("costs.missing=foo", "costs.missing=foo: must be one of 'estimate' or 'error'"),
    _m("sizing.value=2", "sizing.value=2: a share of equity is at most 1"),
    _m("window.start=banana", "window.start: 'banana' is not a time: write 2025-01-31"),
    _m(
        "window.start=2025-02-01 window.end=2025-01-01",
        "window.start=2025-02-01 must be before window.end=2025-01-01",
    ),
    _m("report.html=maybe", "report.html=maybe: must be true or false"),
    _m("reports.root=", "reports.root is empty: give it a value"),
    _m("store.root=null", "store.root=null: must be text"),
    _m("strategy.fast=${oc.env:NO_SUCH}", "strategy.fast: the environment variable NO_SUCH is not set"),
    _m("strategy.fast=${limits}", "strategy.fast: ${limits} cannot be resolved"),
    _m("strategy.fast=???", "strategy.fast is not set"),
    _m(
        "fee_rate=-1 leverage=0 strategy.fast=30 strategy.slow=20",
        "fee_rate=-1: must be at least 0",
        "leverage=0: must be at least 1",
        "strategy.fast=30 must be below strategy.slow=20",
    ),
]
WORDS = [
    _m("limit", "cannot read 'limit': write key=value"),
    _m("name=<b>", "cannot read 'name=<b>': write key=value, and keep quotes"),
    _m("--multi", "unknown option '--multi': did you mean '--multirun'?"),
    _m("--cfg jobs", "unknown view of the configuration 'jobs': did you mean 'job'?"),
    _m("--resolve", "--resolve flag can only be used in conjunction with --cfg"),
    _m("reports.root=ledger.lock/deep", "cannot write to ledger.lock/deep/backtest (Not a directory)"),
]
FINE = [_m("--help", code=0), _m("--cfg job", code=0), _m("validate_only=true", code=0)]
CASES = [*CHOICES, *KEYS, *VALUES, *WORDS, *FINE]


@pytest.fixture(scope="module")
def answers(jobs_in, tmp_path_factory):
    """All the cases, two at a time, each with the modules that it imported."""
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "ledger.lock").touch()
    jobs = jobs_in(folder)

    def run(case: Mistake):
        return jobs.run("backtest", *case.arguments.split(), python=("-X", "importtime"))

    with ThreadPoolExecutor(2) as pool:
        running: dict[Mistake, Future] = {case: pool.submit(run, case) for case in CASES}
        yield folder, {case: future.result() for case, future in running.items()}


def _told(done) -> list[str]:
    return [line for line in done.stderr.splitlines() if not line.startswith("import time:")]


def _imported(done) -> set[str]:
    names = re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE)
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("case", [*CHOICES, *KEYS, *VALUES, *WORDS], ids=str)
def test_a_mistake_is_answered_in_one_sentence_each(answers, case):
    done = answers[1][case]
    told = _told(done)
    assert done.returncode == case.code, done.stderr[-2000:]
    assert len(told) == len(case.sentences), told
    for line, sentence in zip(told, case.sentences, strict=True):
        assert line.startswith("error: ")
        assert sentence in line
    assert not done.stdout


def test_mistakes_leave_nothing_behind(answers):
    folder, _ = answers
    assert [path.name for path in folder.iterdir()] == ["ledger.lock"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_heavy_is_imported_before_the_config_is_valid(answers, case):
    assert not _imported(answers[1][case]) & HEAVY


@pytest.mark.parametrize("case", [*CHOICES, *WORDS[:5], *FINE[:2]], ids=str)
def test_a_word_that_cannot_be_read_is_answered_without_numpy(answers, case):
    assert "numpy" not in _imported(answers[1][case])


def test_help_shows_groups_keys_and_examples(answers):
    text = answers[1][FINE[0]].stdout
    for part in (
        "python -m jobs.backtest strategy=ema_trend",
        "costs: frictionless, okx_taker",
        "fee_rate: 0.0005",
    ):
        assert part in text
    assert not _told(answers[1][FINE[0]])


def test_cfg_job_shows_the_composed_config(answers):
    text = answers[1][FINE[1]].stdout
    assert "signal_window: 300" in text
    assert "inst_id: BTC-USDT-SWAP" in text


def test_validate_only_says_so_and_stops(answers):
    assert answers[1][FINE[2]].stdout == "the configuration is valid\n"
