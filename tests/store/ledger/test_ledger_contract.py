"""What the ledger promises, on SQLite and on PostgreSQL alike."""

import dataclasses
import math
import threading
from decimal import Decimal

import numpy as np
import pytest

from arena.core.errors import ArenaError, DataError
from arena.store import ledger as package
from arena.store.ledger import ScanScope, rows, tables
from arena.store.ledger.rows import (
    AuditRow,
    BalanceRow,
    BalanceSnapshotRow,
    CycleRow,
    DecisionRow,
    InstrumentRow,
    IntegrityEventRow,
    IntentRow,
    LifecycleEventRow,
    LlmCallRow,
    OrderRow,
    PositionRow,
    PositionSnapshotRow,
    RepairJobRow,
    RiskEventRow,
    TradeRow,
)
from arena.store.ledger.values import missing_columns

TABLE_OF = {
    AuditRow: tables.AUDIT_LOG,
    BalanceRow: tables.BALANCES,
    BalanceSnapshotRow: tables.BALANCE_SNAPSHOTS,
    CycleRow: tables.CYCLES,
    DecisionRow: tables.DECISIONS,
    InstrumentRow: tables.INSTRUMENTS,
    IntentRow: tables.INTENTS,
    LifecycleEventRow: tables.ORDER_LIFECYCLE_EVENTS,
    LlmCallRow: tables.LLM_CALLS,
    OrderRow: tables.ORDERS,
    PositionRow: tables.POSITIONS,
    PositionSnapshotRow: tables.POSITION_SNAPSHOTS,
    RepairJobRow: tables.CANDLE_REPAIR_JOBS,
    RiskEventRow: tables.RISK_EVENTS,
    TradeRow: tables.TRADES,
}


@pytest.mark.parametrize("kind", TABLE_OF, ids=lambda kind: kind.__name__)
def test_row_classes_name_columns_and_lack_none_that_is_needed(kind):
    names = {field.name for field in dataclasses.fields(kind)}
    table = TABLE_OF[kind]
    assert names <= set(table.c.keys())
    assert missing_columns(table, names) == set()


def test_every_row_class_is_public():
    kinds = {name for name in vars(rows) if name.endswith("Row") and not name.startswith("_")}
    assert kinds == {kind.__name__ for kind in [*TABLE_OF, IntegrityEventRow]}
    assert kinds <= set(package.__all__)
    assert all(getattr(package, name) is not None for name in package.__all__)


# -- job runs


def test_job_run_is_open_until_it_is_finished(ledger, reads):
    ledger.start_job_run("r1", "backtest", "abc", '{"a":1}', "python -m jobs.backtest", 1000)
    assert reads.get_job_run("r1")["status"] == "running"
    assert reads.get_job_run("r1")["finished_ms"] is None
    ledger.finish_job_run("r1", "failed", 3, "data is missing", 2000)
    run = reads.get_job_run("r1")
    assert (run["status"], run["exit_code"], run["error"], run["finished_ms"]) == (
        "failed",
        3,
        "data is missing",
        2000,
    )


def test_job_runs_are_listed_newest_first_with_filters(ledger, reads):
    for number, job in enumerate(["ingest", "backtest", "ingest"]):
        ledger.start_job_run(f"r{number}", job, "abc", "{}", "cmd", number)
    assert [run["run_id"] for run in reads.list_job_runs()] == ["r2", "r1", "r0"]
    assert [run["run_id"] for run in reads.list_job_runs(1, job="ingest")] == ["r2"]
    assert reads.list_job_runs(status="done") == []


def test_run_id_is_taken_once_and_an_unknown_one_cannot_end(ledger, reads):
    ledger.start_job_run("r1", "backtest", "abc", "{}", "first", 1)
    with pytest.raises(DataError, match="refused a row"):
        ledger.start_job_run("r1", "backtest", "abc", "{}", "second", 2)
    with pytest.raises(DataError, match="job_runs has no run_id 'r2'"):
        ledger.finish_job_run("r2", "done", 0, None, 3)
    assert reads.get_job_run("r1")["command"] == "first"


# -- backtests


def test_backtest_comes_back_as_it_was_recorded(ledger, reads, backtest):
    record = backtest(tags=("trend", "btc"), notes="n")
    ledger.record_backtest(record)
    found = reads.get_backtest("run-1")
    for name in ("strategy", "dataset_hash", "config_json", "bars", "start_ms", "notes", "trial_count"):
        assert found[name] == getattr(record, name)
    assert found["synthetic"] is True
    assert found["tags"] == '["trend","btc"]'
    assert found["metrics"] == record.metrics
    assert (found["sharpe"], found["trades"], found["cagr"]) == (1.5, 42, None)


def test_fills_and_decisions_keep_their_order_and_pages(ledger, reads, backtest, fills):
    ledger.record_backtest(backtest(orders=fills(12_000)))
    found = reads.list_backtest_orders("run-1")
    assert [row["bar"] for row in found] == list(range(12_000))
    assert {key: found[7][key] for key in fills(8)[7]} == fills(8)[7]
    assert [row["seq"] for row in reads.list_backtest_orders("run-1", 2, after_seq=4_999)] == [5_000, 5_001]
    (decision,) = reads.list_backtest_decisions("run-1")
    assert (decision["target"], decision["stop_distance"], decision["reason"]) == (0.5, None, None)


def test_run_list_has_the_headline_and_its_filters(ledger, reads, backtest):
    ledger.record_backtest(backtest("a", created_ms=1))
    ledger.record_backtest(backtest("b", created_ms=3, strategy="bollinger_range"))
    ledger.record_backtest(backtest("c", created_ms=2, inst_id="ETH-USDT-SWAP", dataset_hash="e"))
    assert [run["run_id"] for run in reads.list_backtests()] == ["b", "c", "a"]
    assert [run["run_id"] for run in reads.list_backtests(1)] == ["b"]
    assert [run["run_id"] for run in reads.list_backtests(strategy="ema_trend")] == ["c", "a"]
    assert [run["run_id"] for run in reads.list_backtests(inst_id="ETH-USDT-SWAP")] == ["c"]
    headline = {
        key: reads.list_backtests()[0][key] for key in ("total_return", "sharpe", "max_drawdown", "trades")
    }
    assert headline == {"total_return": 0.25, "sharpe": 1.5, "max_drawdown": 0.1, "trades": 42.0}


def test_one_config_is_kept_once_for_all_its_runs(ledger, reads, backtest):
    ledger.record_backtest(backtest("a"))
    ledger.record_backtest(backtest("b", created_ms=9))
    assert reads.get_backtest("a")["config_json"] == reads.get_backtest("b")["config_json"] == '{"fast":12}'


def test_second_backtest_with_the_same_id_changes_nothing(ledger, reads, backtest, fills):
    ledger.record_backtest(backtest())
    with pytest.raises(DataError, match="refused a row"):
        ledger.record_backtest(backtest(orders=fills(9), config_hash="other"))
    assert len(reads.list_backtest_orders("run-1")) == 3


@pytest.mark.parametrize(
    ("orders", "says"),
    [
        ([{"ts": 1, "side": 1}, {"ts": "x", "side": 1}], "row 1 cannot be stored"),
        ([{"ts": 1, "side": 1}, {"ts": 1, "price": 2.0}], "row 1 cannot be stored: KeyError"),
        ([{"ts": 1, "side": 1}, {"ts": 1, "side": 1, "price": 2.0}], "row 1 has other columns"),
        ([{"ts": 1, "side": 1, "prise": 2.0}], "did you mean 'price'"),
        ([{"ts": 1}], "refused a row"),
    ],
    ids=["wrong type", "other column", "more columns", "unknown column", "column missing"],
)
def test_bad_fill_leaves_nothing_of_the_backtest(ledger, reads, backtest, orders, says):
    with pytest.raises(DataError, match=says):
        ledger.record_backtest(backtest(orders=orders))
    assert reads.list_backtests() == []
    assert reads.list_backtest_orders("run-1") == []


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_metric_that_is_no_number_is_refused(ledger, reads, backtest, value):
    with pytest.raises(DataError, match="metric 'sharpe' is"):
        ledger.record_backtest(backtest(metrics={"sharpe": value}))
    assert reads.list_backtests() == []


def test_numpy_scalars_and_nan_are_stored_as_plain_numbers_and_null(ledger, reads, backtest):
    order = {"ts": np.int64(5), "side": np.int64(-1), "price": np.float64(1.5), "fee": np.float64("nan")}
    ledger.record_backtest(backtest(orders=[order], bars=np.int64(7), synthetic=np.bool_(False)))
    (found,) = reads.list_backtest_orders("run-1")
    assert (found["ts"], found["side"], found["price"], found["fee"]) == (5, -1, 1.5, None)
    assert reads.get_backtest("run-1")["synthetic"] is False


def test_trials_of_a_data_set_count_every_config_once(ledger, reads, backtest):
    assert reads.count_trials("d" * 64) == 0
    ledger.record_backtest(backtest("a", config_hash="1"))
    ledger.record_backtest(backtest("again", config_hash="1"))
    ledger.record_backtest(backtest("sweep", config_hash="2", trial_count=10_000, sharpe_variance=0.3))
    ledger.record_backtest(backtest("elsewhere", config_hash="3", dataset_hash="e"))
    assert reads.count_trials("d" * 64) == 10_001


def test_notes_of_a_run_can_be_changed_alone(ledger, reads, backtest):
    ledger.record_backtest(backtest())
    ledger.describe_backtest("run-1", notes="luck?", tags=["old"])
    found = reads.get_backtest("run-1")
    assert (found["name"], found["notes"], found["tags"]) == ("first look", "luck?", '["old"]')
    with pytest.raises(DataError, match="no column to change"):
        ledger.describe_backtest("run-1")


def test_unknown_backtest_names_the_newest_known(reads, ledger, backtest):
    ledger.record_backtest(backtest())
    with pytest.raises(DataError, match=r"unknown backtest run 'run-2': did you mean 'run-1'\?"):
        reads.get_backtest("run-2")


# -- orders, fills and the account


def test_order_reported_twice_is_one_row(ledger, reads, row):
    first = ledger.insert_order(row(OrderRow, cl_ord_id="c1", size_text="0.10"))
    assert ledger.insert_order(row(OrderRow, cl_ord_id="c1", size_text="9")) == first
    assert ledger.insert_order(row(OrderRow, cl_ord_id="c1", account="live")) != first
    external = ledger.insert_order(row(OrderRow, exchange_order_id="77", origin="external"))
    assert ledger.insert_order(row(OrderRow, exchange_order_id="77", origin="external")) == external
    assert len(reads.list_orders()) == 3
    with pytest.raises(DataError, match="needs cl_ord_id or exchange_order_id"):
        ledger.insert_order(row(OrderRow))


def test_exact_text_stays_as_sent_beside_its_float(ledger, reads, row):
    sent = {"size_text": "0.10", "price_text": Decimal("12345678901234567890.123456789"), "fee_text": ""}
    order = ledger.insert_order(row(OrderRow, cl_ord_id="c1", **sent))
    ledger.update_order(order, {"status": "filled", "filled_text": "0.1000", "updated_ms": 5})
    (found,) = reads.list_orders("filled")
    assert (found["size_text"], found["size"]) == ("0.10", 0.1)
    assert (found["price_text"], found["price"]) == ("12345678901234567890.123456789", 12345678901234567890.0)
    assert (found["fee_text"], found["fee"]) == ("", None)
    assert (found["filled_text"], found["filled"], found["average_price"]) == ("0.1000", 0.1, None)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "ten", "1,5"])
def test_text_that_is_no_decimal_is_refused(ledger, reads, row, text):
    with pytest.raises(DataError, match=r"orders\.size_text is .* a decimal number is needed"):
        ledger.insert_order(row(OrderRow, cl_ord_id="c1", size_text=text))
    assert reads.list_orders() == []


def test_orders_by_status_instrument_and_time(ledger, reads, row):
    for number in range(6):
        status, inst = ("open", "filled")[number % 2], ("BTC-USDT-SWAP", "ETH-USDT-SWAP")[number // 3]
        ledger.insert_order(
            row(OrderRow, cl_ord_id=f"c{number}", status=status, inst_id=inst, created_ms=number)
        )
    assert [order["cl_ord_id"] for order in reads.list_orders("open")] == ["c4", "c2", "c0"]
    assert [order["cl_ord_id"] for order in reads.list_orders(limit=2)] == ["c5", "c4"]
    assert [order["cl_ord_id"] for order in reads.list_orders(start_ms=1, end_ms=3)] == ["c2", "c1"]
    assert [order["cl_ord_id"] for order in reads.list_orders("open", inst_id="ETH-USDT-SWAP")] == ["c4"]


def test_unknown_order_or_column_cannot_be_changed(ledger, row):
    order = ledger.insert_order(row(OrderRow, cl_ord_id="c1"))
    with pytest.raises(DataError, match="orders has no order_id"):
        ledger.update_order(order + 1, {"status": "filled"})
    with pytest.raises(DataError, match="unknown column of orders 'statsu': did you mean 'status'"):
        ledger.update_order(order, {"statsu": "filled"})


def test_lifecycle_of_an_order_is_kept_step_by_step(ledger, reads, row):
    order = ledger.insert_order(row(OrderRow, cl_ord_id="c1"))
    steps = [("sent", 10), ("acknowledged", 20), ("filled", 20)]
    for kind, ts in steps:
        event = row(LifecycleEventRow, order_id=order, kind=kind, ts=ts, to_status=kind)
        ledger.append_lifecycle_events([event])
    found = reads.list_lifecycle_events(order)
    assert [(event["kind"], event["ts"]) for event in found] == steps[::-1]


def test_event_of_an_unknown_order_is_refused(ledger, reads, row):
    with pytest.raises(DataError, match="refused a row"):
        ledger.append_lifecycle_events([row(LifecycleEventRow, order_id=4)])
    assert reads.list_lifecycle_events() == []


def test_x8_duplicate_fill_is_counted_once(ledger, reads, row):
    fill = row(TradeRow, trade_id="t1", price_text="100.10", size_text="2")
    assert [ledger.add_trade(fill), ledger.add_trade(fill)] == [True, False]
    assert ledger.add_trade(row(TradeRow, trade_id="t1", inst_id="ETH-USDT-SWAP")) is True
    (found,) = reads.list_trades(inst_id="BTC-USDT-SWAP")
    assert (found["price_text"], found["price"]) == ("100.10", 100.1)


def test_position_and_balance_are_what_was_last_seen(ledger, reads, row):
    for size in ("1", "-2.50"):
        ledger.save_position(row(PositionRow, size_text=size))
        ledger.save_balance(row(BalanceRow, equity_text=size))
    ledger.save_instrument(row(InstrumentRow, ct_val_text="0.1"))
    ledger.save_instrument(row(InstrumentRow, ct_val_text="0.01"))
    assert [(r["size_text"], r["size"]) for r in reads.list_positions()] == [("-2.50", -2.5)]
    assert [(r["equity_text"], r["equity"]) for r in reads.list_balances("demo")] == [("-2.50", -2.5)]
    assert [r["ct_val"] for r in reads.list_instruments()] == [0.01]


def test_snapshots_keep_every_look(ledger, reads, row):
    for ts in (1, 2):
        ledger.append_position_snapshots([row(PositionSnapshotRow, ts=ts, size_text=str(ts))])
        ledger.append_balance_snapshots([row(BalanceSnapshotRow, ts=ts, cash_text=str(ts))])
    assert [r["size"] for r in reads.list_position_snapshots("demo", "BTC-USDT-SWAP")] == [2.0, 1.0]
    assert [r["cash_text"] for r in reads.list_balance_snapshots("demo", "USDT")] == ["2", "1"]


# -- cycles


def test_second_intent_cycle_or_decision_with_the_same_key_is_a_no_op(ledger, reads, row):
    assert [ledger.open_cycle(row(CycleRow, cycle_id="c")) for _ in range(2)] == [True, False]
    decision = row(DecisionRow, decision_id="d", cycle_id="c")
    assert [ledger.add_decision(decision) for _ in range(2)] == [True, False]
    intent = row(IntentRow, intent_id="i", cycle_id="c", decision_id="d", size_text="1")
    assert [ledger.add_intent(intent) for _ in range(2)] == [True, False]
    same_order = row(IntentRow, intent_id="j", cl_ord_id=intent.cl_ord_id)
    assert ledger.add_intent(same_order) is False
    assert [found["intent_id"] for found in reads.list_intents()] == ["i"]


def test_cycle_and_intent_move_on(ledger, reads, row):
    ledger.open_cycle(row(CycleRow, cycle_id="c"))
    ledger.add_intent(row(IntentRow, intent_id="i", cycle_id="c"))
    ledger.update_cycle("c", {"status": "done", "step": "report", "finished_ms": 9})
    ledger.update_intent("i", "unknown", 8)
    assert (reads.get_cycle("c")["status"], reads.get_cycle("c")["step"]) == ("done", "report")
    assert [found["updated_ms"] for found in reads.list_intents("unknown")] == [8]
    assert reads.list_intents("written") == []


def test_what_refers_to_a_missing_cycle_is_refused(ledger, reads, row):
    with pytest.raises(DataError, match="refused a row"):
        ledger.add_intent(row(IntentRow, cycle_id="nowhere"))
    assert reads.list_intents() == []


def test_decisions_newest_first_by_strategy(ledger, reads, row):
    for number, strategy in enumerate(["ema_trend", None, "ema_trend"]):
        made = row(DecisionRow, decision_id=f"d{number}", strategy=strategy, created_ms=number, target=0.5)
        ledger.add_decision(made)
    assert [found["decision_id"] for found in reads.list_decisions(2)] == ["d2", "d1"]
    assert [found["decision_id"] for found in reads.list_decisions(strategy="ema_trend")] == ["d2", "d0"]


def test_model_call_keeps_all_that_was_sent_and_received(ledger, reads, row):
    sent, received = '{"prompt":"a\\u0000b 中"}', "not JSON at all {"
    call = row(LlmCallRow, request=sent, response=received, request_hash="h", prompt_tokens=12, cost_usd=0.01)
    (key,) = ledger.append_llm_calls([call])
    (found,) = reads.list_llm_calls(request_hash="h")
    assert (found["call_id"], found["request"], found["response"]) == (key, sent, received)
    assert (found["attempt"], found["cost_usd"]) == (1, 0.01)


def test_risk_events_by_kind_and_range(ledger, reads, row):
    ledger.append_risk_events(
        [row(RiskEventRow, ts=ts, kind=kind) for ts, kind in [(1, "refused"), (2, "clamped")]]
    )
    assert [event["ts"] for event in reads.list_risk_events()] == [2, 1]
    assert [event["ts"] for event in reads.list_risk_events(kind="refused")] == [1]
    assert [event["ts"] for event in reads.list_risk_events(start_ms=2, end_ms=3)] == [2]


def test_event_written_again_under_its_key_is_left_as_it_was(ledger, reads, row):
    first = row(RiskEventRow, ts=1, event_id="e", message="first")
    assert ledger.append_risk_events([first, dataclasses.replace(first, message="second")]) == ["e", "e"]
    assert [event["message"] for event in reads.list_risk_events()] == ["first"]
    assert ledger.append_risk_events([]) == []


def test_audit_log_is_found_by_subject(ledger, reads, row):
    key = ledger.append_audit(row(AuditRow, action="halt.release", subject_kind="account", subject_id="demo"))
    assert [deed["event_id"] for deed in reads.list_audit(action="halt.release")] == [key]
    assert reads.list_audit(subject_kind="account", subject_id="live") == []


# -- candles


def test_same_finding_is_one_row_however_often_it_is_seen(ledger, reads, row):
    gap = row(IntegrityEventRow, kind="gap", seen_ms=100)
    other = dataclasses.replace(gap, start_ts=7)
    first = ledger.record_integrity_events([gap, other, gap])
    again = ledger.record_integrity_events([dataclasses.replace(gap, seen_ms=200, severity="error")])
    assert (first[0], first[0]) == (first[2], again[0])
    assert first[1] != first[0]
    found = {event["event_id"]: event for event in reads.list_integrity_events(kind="gap")}
    seen = found[first[0]]
    assert len(found) == 2
    assert (seen["first_seen_ms"], seen["last_seen_ms"], seen["times_seen"]) == (100, 200, 3)
    assert seen["severity"] == "error"
    assert ledger.record_integrity_events([]) == []


@pytest.mark.parametrize(
    ("resolution", "open_again"),
    [("repaired", True), ("gone", True), ("confirmed_absent", False), ("confirmed_same", False)],
)
def test_finding_seen_after_its_resolution(ledger, reads, row, resolution, open_again):
    finding = row(IntegrityEventRow, kind="gap")
    (event,) = ledger.record_integrity_events([finding])
    ledger.start_repair_job(row(RepairJobRow, repair_id="p"))
    ledger.resolve_integrity_event(event, resolution, 50, "p")
    assert reads.list_integrity_events(unresolved=True) == []
    ledger.record_integrity_events([finding])
    (found,) = reads.list_integrity_events()
    assert (found["resolution"] is None) == open_again
    assert (found["resolved_ms"], found["repair_id"]) == ((None, None) if open_again else (50, "p"))


@pytest.mark.parametrize(
    ("before", "after", "open_again"),
    [
        (None, None, False),
        ('{"price":0.1}', '{"price":0.1}', False),
        ('{"price":0.1}', '{"price":0.2}', True),
        (None, '{"price":0.2}', True),
    ],
)
def test_finding_whose_bars_the_exchange_has_is_open_again_with_other_details(
    ledger, reads, row, before, after, open_again
):
    finding = row(IntegrityEventRow, kind="spike", detail_json=before)
    (event,) = ledger.record_integrity_events([finding])
    ledger.resolve_integrity_event(event, "confirmed_same", 50)
    ledger.record_integrity_events([dataclasses.replace(finding, detail_json=after)])
    (found,) = reads.list_integrity_events()
    assert (found["resolution"] is None) == open_again


def test_repairs_are_found_by_their_status_and_say_what_they_were_of(ledger, reads, row):
    for name, kind in (("p", "candles"), ("q", "funding")):
        ledger.start_repair_job(row(RepairJobRow, repair_id=name, kind=kind))
    ledger.finish_repair_job("p", "done", 9, outcome="repaired")
    assert [(one["repair_id"], one["kind"]) for one in reads.list_repair_jobs(status="running")] == [
        ("q", "funding")
    ]


def test_decisions_of_any_length_of_bar_are_found(ledger, reads, row):
    for name, timeframe in (("a", "1h"), ("b", "4h")):
        ledger.add_decision(row(DecisionRow, decision_id=name, timeframe=timeframe, ts=10, created_ms=20))
    inst_id = reads.list_decisions()[0]["inst_id"]
    assert len(reads.list_decisions_over(inst_id, None, 5, 30)) == 2
    assert len(reads.list_decisions_over(inst_id, "4h", 5, 30)) == 1


def test_scan_closes_what_it_looked_for_and_did_not_find(ledger, reads, row):
    gap = row(IntegrityEventRow, kind="gap", seen_ms=100)
    spike = row(IntegrityEventRow, kind="spike", seen_ms=100)
    elsewhere = row(IntegrityEventRow, kind="gap", timeframe="4h", seen_ms=100)
    scope = ScanScope("BTC-USDT-SWAP", "1h", frozenset({"gap", "spike"}), 100)
    first = ledger.record_scan([gap, spike], scope)
    ledger.record_integrity_events([elsewhere])
    assert [known.times_seen for known in first.known] == [1, 1]
    assert first.gone == ()
    again = ledger.record_scan(
        [dataclasses.replace(gap, seen_ms=200)], dataclasses.replace(scope, seen_ms=200)
    )
    (known,) = again.known
    assert (known.event_id, known.first_seen_ms, known.times_seen) == (first.known[0].event_id, 100, 2)
    assert [(row["kind"], row["resolution"], row["resolved_ms"]) for row in again.gone] == [
        ("spike", "gone", 200)
    ]
    assert {(one["kind"], one["timeframe"]) for one in reads.list_integrity_events(unresolved=True)} == {
        ("gap", "1h"),
        ("gap", "4h"),
    }


def test_scan_leaves_kinds_alone_that_it_did_not_look_for(ledger, reads, row):
    ledger.record_integrity_events([row(IntegrityEventRow, kind="off_mark", seen_ms=100)])
    ledger.record_scan([], ScanScope("BTC-USDT-SWAP", "1h", frozenset({"gap"}), 200))
    assert len(reads.list_integrity_events(unresolved=True)) == 1


@pytest.mark.parametrize(("resolution", "gone"), [("confirmed_absent", True), ("repaired", False)])
def test_hole_that_is_filled_after_all_is_gone(ledger, reads, row, resolution, gone):
    (event,) = ledger.record_integrity_events([row(IntegrityEventRow, kind="gap", seen_ms=100)])
    ledger.resolve_integrity_event(event, resolution, 150)
    outcome = ledger.record_scan([], ScanScope("BTC-USDT-SWAP", "1h", frozenset({"gap"}), 200))
    (found,) = reads.list_integrity_events()
    assert found["resolution"] == ("gone" if gone else resolution)
    assert len(outcome.gone) == gone


def test_findings_that_touch_a_range(ledger, reads, row):
    for start in (0, 10, 20):
        ledger.record_integrity_events([row(IntegrityEventRow, start_ts=start, end_ts=start + 10)])
    touched = reads.list_integrity_events(start_ts=5, end_ts=20, inst_id="BTC-USDT-SWAP", timeframe="1h")
    assert [event["start_ts"] for event in touched] == [10, 0]


def test_repair_tells_its_source_and_the_state_before(ledger, reads, row):
    ledger.start_repair_job(row(RepairJobRow, repair_id="p", source="okx"))
    ledger.finish_repair_job("p", "done", 9, outcome="repaired", before_json="{}")
    assert (reads.list_repair_jobs()[0]["source"], reads.list_repair_jobs()[0]["before_json"]) == (
        "okx",
        "{}",
    )
    ledger.finish_repair_job("p", "done", 9, source="derived from 1m")
    assert reads.list_repair_jobs()[0]["source"] == "derived from 1m"


def test_runs_and_decisions_over_changed_bars(ledger, reads, row, backtest):
    ledger.record_backtest(backtest("r1"))
    (run,) = reads.list_backtests()
    after, made = run["end_ms"] - 1, run["created_ms"]
    (found,) = reads.list_runs_over(run["inst_id"], after, made + 1)
    assert (found["run_id"], "config_json" in found, "sharpe" in found) == ("r1", True, True)
    assert reads.list_runs_over(run["inst_id"], run["end_ms"], made + 1) == []
    assert reads.list_runs_over(run["inst_id"], after, made) == []
    ledger.add_decision(row(DecisionRow, cycle_id=None, run_id=None, ts=50, created_ms=60))
    (decision,) = reads.list_decisions_over("BTC-USDT-SWAP", "1h", 50, 61)
    assert decision["ts"] == 50
    assert reads.list_decisions_over("BTC-USDT-SWAP", "1h", 51, 61) == []
    assert reads.list_decisions_over("BTC-USDT-SWAP", "1h", 50, 60) == []


def test_repair_is_open_until_it_is_finished(ledger, reads, row):
    ledger.start_repair_job(row(RepairJobRow, repair_id="p", bars_asked=4))
    assert reads.list_repair_jobs()[0]["status"] == "running"
    ledger.finish_repair_job("p", "done", 9, outcome="partial", bars_done=3, after_json="{}")
    (found,) = reads.list_repair_jobs(inst_id="BTC-USDT-SWAP", timeframe="1h")
    assert (found["status"], found["outcome"], found["bars_asked"], found["bars_done"]) == (
        "done",
        "partial",
        4,
        3,
    )


# -- together


def test_reads_see_a_write_at_once_and_cannot_write(ledger, reads, row):
    from sqlalchemy import insert

    with pytest.raises(DataError, match=r"read-?only"):
        reads._rows(insert(tables.BALANCES).values(account="a", currency="b", updated_ms=1))
    ledger.save_balance(row(BalanceRow))
    assert len(reads.list_balances()) == 1


def test_threads_take_turns(ledger, reads, row):
    failures: list[ArenaError] = []

    def write(thread: int) -> None:
        try:
            for number in range(25):
                ledger.add_trade(row(TradeRow, trade_id=f"{thread}-{number}"))
        except ArenaError as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(reads.list_trades(1000)) == 100
