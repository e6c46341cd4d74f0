"""Tables about the candles: what is wrong with them, and what was done about it."""

from sqlalchemy import Index, UniqueConstraint

from arena.store.ledger.tables.columns import moment, serial, table, text, whole

CANDLE_REPAIR_JOBS = table(
    "candle_repair_jobs",
    "One row a repair of stored candles: asked, done, source, before and after",
    text("repair_id", "key of the repair", primary_key=True),
    text("run_id", "job run that did it", null=True, to="job_runs.run_id"),
    text("inst_id", "exchange's id of the instrument"),
    text("kind", "candles, mark, index or funding", default="candles"),
    text("timeframe", "bar length, or the interval of the series"),
    text("mode", "refetch, resample or rebuild"),
    text("source", "where the bars came from", null=True),
    text("status", "running, done or failed"),
    moment("start_ts", "start of the range, UTC ms"),
    moment("end_ts", "end of the range, not included, UTC ms"),
    whole("bars_asked", "bars that were wanted", null=True),
    whole("bars_done", "bars that were written", null=True),
    text("before_json", "health of the range before, JSON", null=True),
    text("after_json", "health of the range after, JSON", null=True),
    text("outcome", "repaired, unchanged, confirmed_absent, partial or failed", null=True),
    text("error", "why it failed", null=True),
    moment("created_ms", "start, UTC ms"),
    moment("finished_ms", "end, UTC ms", null=True),
    Index(None, "created_ms"),
    Index(None, "inst_id", "timeframe", "created_ms"),
    Index(None, "run_id"),
)

CANDLE_INTEGRITY_EVENTS = table(
    "candle_integrity_events",
    "One row a finding in a stored series; seen again it is the same row",
    serial("event_id", "counted up"),
    text("kind", "what is wrong, e.g. gap, duplicate, bad_ohlc"),
    text("inst_id", "exchange's id of the instrument"),
    text("timeframe", "bar length, or the interval of the series"),
    moment("start_ts", "start of the range, UTC ms"),
    moment("end_ts", "end of the range, not included, UTC ms"),
    text("severity", "info, warning or error"),
    whole("bars", "bars concerned", null=True),
    text("source", "which check found it", null=True),
    text("detail_json", "everything else, JSON", null=True),
    text("run_id", "job run that saw it last", null=True, to="job_runs.run_id"),
    moment("first_seen_ms", "UTC ms"),
    moment("last_seen_ms", "UTC ms"),
    whole("times_seen", "how often a check has found it", default=1),
    text("resolution", "null while open; repaired, gone, confirmed_absent or confirmed_same", null=True),
    moment("resolved_ms", "UTC ms", null=True),
    text("repair_id", "the repair that resolved it", null=True, to="candle_repair_jobs.repair_id"),
    UniqueConstraint(
        "kind", "inst_id", "timeframe", "start_ts", "end_ts", name="uq_candle_integrity_events_finding"
    ),
    Index(None, "start_ts"),
    Index(None, "kind", "start_ts"),
    Index(None, "inst_id", "timeframe", "start_ts"),
    Index(None, "resolution", "start_ts"),
    Index(None, "run_id"),
    Index(None, "repair_id"),
)
