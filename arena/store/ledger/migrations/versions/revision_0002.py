"""The trial ledger: one table that counts every parameter set ever run on a market.

Released revisions are never changed: what comes later is a new module beside this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and take in the single runs and sweeps that the ledger knows already."""
    op.create_table(
        "trials",
        text("config_hash", "config of the run or of the whole sweep"),
        text("dataset_hash", "hash of the exact arrays it read"),
        whole("batch", "number of the batch in its sweep; 0 for a run"),
        text("kind", "run or sweep"),
        text("run_id", "the run or sweep that counted most of these trials last"),
        text("strategy", "name of the strategy"),
        text("inst_id", "exchange's id of the instrument"),
        text("timeframe", "bar length, e.g. 1h"),
        sa.Column("synthetic", sa.Boolean, nullable=False, comment="any input was generated"),
        whole("start_ms", "open of the first bar, UTC ms"),
        whole("end_ms", "close of the last bar that was read, UTC ms"),
        whole("held_start_ms", "open of the first bar kept back, UTC ms; null: none", null=True),
        whole("held_end_ms", "close of the last bar kept back, UTC ms; null: none", null=True),
        whole("sets", "parameter sets that were run: 1, or those of the batch that were done"),
        whole("sharpes", "those among them with a Sharpe ratio"),
        real("sharpe_mean", "mean of their Sharpe ratios a bar"),
        real("sharpe_variance", "variance of their Sharpe ratios a bar (n - 1)"),
        real("effective", "independent trials they amount to, by groups of like returns"),
        whole("created_ms", "when they were first run, UTC ms"),
        sa.PrimaryKeyConstraint("config_hash", "dataset_hash", "batch", name="pk_trials"),
        comment="Trial ledger: every parameter set ever run on a market; a run is one row, "
        "a batch of a sweep is one row",
    )
    op.create_index(
        "ix_trials_inst_id_timeframe_synthetic_end_ms",
        "trials",
        ["inst_id", "timeframe", "synthetic", "end_ms"],
    )
    op.create_index("ix_trials_created_ms", "trials", ["created_ms"])
    # Runs of before keep counting as tries; their Sharpe ratio a bar is not known and left out.
    op.execute(
        "INSERT INTO trials (config_hash, dataset_hash, batch, kind, run_id, strategy, inst_id, timeframe, "
        "synthetic, start_ms, end_ms, sets, sharpes, created_ms) "
        "SELECT config_hash, dataset_hash, 0, "
        "CASE WHEN MAX(trial_count) > 1 THEN 'sweep' ELSE 'run' END, MAX(run_id), MAX(strategy), "
        "MAX(inst_id), MAX(timeframe), synthetic, MIN(start_ms), MAX(end_ms), MAX(trial_count), 0, "
        "MIN(created_ms) FROM backtest_runs GROUP BY config_hash, dataset_hash, synthetic"
    )


def downgrade() -> None:
    """Drop the table and its rows."""
    op.drop_table("trials")


def text(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, comment=comment)


def whole(name: str, comment: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, autoincrement=False, nullable=null, comment=comment)


def real(name: str, comment: str) -> sa.Column[float]:
    return sa.Column(name, sa.Float(53), nullable=True, comment=comment)
