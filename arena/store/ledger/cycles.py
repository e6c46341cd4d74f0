"""Writes along a trade cycle: the cycle, its decision, model calls, risk events, intents.

Invariant: an intent is on disk when `add_intent` returns; a second one with its key is a no-op.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from arena.store.ledger.table_writer import TableWriter
from arena.store.ledger.tables import CYCLES, DECISIONS, INTENTS, LLM_CALLS, RISK_EVENTS

if TYPE_CHECKING:
    from arena.store.ledger.rows import CycleRow, DecisionRow, IntentRow, LlmCallRow, RiskEventRow


class CycleWrites(TableWriter):
    """The ledger's methods about trade cycles."""

    def open_cycle(self, row: CycleRow) -> bool:
        """Write that a cycle has begun; return False, and change nothing, when it is known."""
        return self._insert_new(CYCLES, row)

    def update_cycle(self, cycle_id: str, changes: Mapping[str, Any]) -> None:
        """Change named columns of a cycle, e.g. `{"step": "risk"}`.

        Raises:
            DataError: there is no such cycle or column.
        """
        self._change(CYCLES, "cycle_id", cycle_id, changes)

    def add_decision(self, row: DecisionRow) -> bool:
        """Write a decision; return False, and change nothing, when its key is known."""
        return self._insert_new(DECISIONS, row)

    def add_intent(self, row: IntentRow) -> bool:
        """Write an intent to disk for good; return False, and change nothing, when it is known.

        False also when another intent holds the same client order id.

        Raises:
            DataError: it could not be committed: no order may be sent.
        """
        return self._insert_new(INTENTS, row, durable=True)

    def update_intent(self, intent_id: str, status: str, updated_ms: int) -> None:
        """Change the status of an intent.

        Raises:
            DataError: there is no such intent.
        """
        changes = {"status": status, "updated_ms": updated_ms}
        self._change(INTENTS, "intent_id", intent_id, changes, durable=True)

    def append_llm_calls(self, rows: Sequence[LlmCallRow]) -> list[str]:
        """Append calls of a language model and return their keys."""
        return self._append(LLM_CALLS, rows)

    def append_risk_events(self, rows: Sequence[RiskEventRow]) -> list[str]:
        """Append what the risk rules and safety switches said and return the keys."""
        return self._append(RISK_EVENTS, rows)
