"""Tables of the house itself: what ran, and who did what."""

from sqlalchemy import Index

from arena.store.ledger.tables.columns import event_table, moment, table, text, whole

JOB_RUNS = table(
    "job_runs",
    "One row a run of a job, written at its start and closed at its end",
    text("run_id", "sorts by time, ends in the config's hash", primary_key=True),
    text("job", "name of the job, e.g. backtest"),
    text("status", "running, done, failed or interrupted"),
    text("config_hash", "SHA-256 of the resolved config"),
    text("config_json", "resolved config without secrets, JSON"),
    text("command", "command line that was given"),
    moment("started_ms", "start, UTC ms"),
    moment("finished_ms", "end, UTC ms; null while running or when the process was killed", null=True),
    whole("exit_code", "exit code of the process", null=True),
    text("error", "the message it ended with", null=True),
    Index(None, "started_ms"),
    Index(None, "job", "started_ms"),
    Index(None, "status", "started_ms"),
)

AUDIT_LOG = event_table(
    "audit_log",
    "Deeds of people and programs that change what the system may do: switches, releases, unlocks",
    text("actor", "who did it: a job, the API, a person"),
    text("action", "what was done, e.g. halt.release"),
    text("subject_kind", "what kind of thing it was done to, e.g. order", null=True),
    text("subject_id", "key of that thing", null=True),
    text("run_id", "job run it belongs to", null=True),
    text("detail_json", "everything else, JSON", null=True),
    Index(None, "ts"),
    Index(None, "action", "ts"),
    Index(None, "subject_kind", "subject_id", "ts"),
)
