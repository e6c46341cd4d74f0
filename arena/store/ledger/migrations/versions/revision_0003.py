"""Repairs of mark, index and funding, and findings that the exchange confirms.

Released revisions are never changed: what comes later is a new module beside this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_COMMENTS = (
    (
        "candle_repair_jobs",
        "timeframe",
        False,
        "bar length",
        "bar length, or the interval of the series",
    ),
    (
        "candle_repair_jobs",
        "outcome",
        True,
        "repaired, confirmed_absent, partial or failed",
        "repaired, unchanged, confirmed_absent, partial or failed",
    ),
    (
        "candle_integrity_events",
        "resolution",
        True,
        "null while open; repaired, gone or confirmed_absent",
        "null while open; repaired, gone, confirmed_absent or confirmed_same",
    ),
)
"""Table, column, whether it may be null, its words before and after."""


def upgrade() -> None:
    """Say of each repair what was repaired; those of before were of candles."""
    op.add_column(
        "candle_repair_jobs",
        sa.Column(
            "kind",
            sa.Text,
            nullable=False,
            server_default=sa.text("'candles'"),
            comment="candles, mark, index or funding",
        ),
    )
    _say(after=True)


def downgrade() -> None:
    """Drop the column."""
    _say(after=False)
    with op.batch_alter_table("candle_repair_jobs") as batch:
        batch.drop_column("kind")


def _say(*, after: bool) -> None:
    """Change the words of columns; SQLite keeps none."""
    if op.get_bind().dialect.name == "sqlite":
        return
    for table, column, null, old, new in _COMMENTS:
        said, before = (new, old) if after else (old, new)
        op.alter_column(
            table,
            column,
            existing_type=sa.Text,
            existing_nullable=null,
            comment=said,
            existing_comment=before,
        )
