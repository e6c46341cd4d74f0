"""The ledger: what ran, what was decided, ordered and found, in SQLite or PostgreSQL.

`open_ledger` gives the one writer, `open_reads` the reads; `migration.migrate` brings an older
ledger up to date. Nothing here imports Alembic before it is needed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from arena.store.ledger.address import DEFAULT_URL
from arena.store.ledger.ledger import Ledger, open_ledger
from arena.store.ledger.market_health import (
    CONFIRMED,
    CONFIRMED_ABSENT,
    CONFIRMED_SAME,
    ScanOutcome,
    ScanScope,
)
from arena.store.ledger.record import BacktestRecord, TrialRecord, TrialTally
from arena.store.ledger.revision import HEAD_REVISION

if TYPE_CHECKING:
    from arena.store.ledger.reads import LedgerReads, open_reads
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

__all__ = [
    "CONFIRMED",
    "CONFIRMED_ABSENT",
    "CONFIRMED_SAME",
    "DEFAULT_URL",
    "HEAD_REVISION",
    "AuditRow",
    "BacktestRecord",
    "BalanceRow",
    "BalanceSnapshotRow",
    "CycleRow",
    "DecisionRow",
    "InstrumentRow",
    "IntegrityEventRow",
    "IntentRow",
    "Ledger",
    "LedgerReads",
    "LifecycleEventRow",
    "LlmCallRow",
    "OrderRow",
    "PositionRow",
    "PositionSnapshotRow",
    "RepairJobRow",
    "RiskEventRow",
    "ScanOutcome",
    "ScanScope",
    "TradeRow",
    "TrialRecord",
    "TrialTally",
    "open_ledger",
    "open_reads",
]


def __getattr__(name: str) -> Any:
    """Load the reads and the row classes when they are first asked for: a backtest needs neither."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "reads" if name in {"LedgerReads", "open_reads"} else "rows"
    return getattr(import_module(f"{__name__}.{home}"), name)
