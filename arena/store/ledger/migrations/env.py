"""How Alembic runs this package's scripts: on the connection that `migration` hands over.

Sets up no logging and reads no ini file. Invariant: the scripts run inside the caller's
transaction, on SQLite too.
"""

from alembic import context
from sqlalchemy import Connection

from arena.store.ledger.tables import METADATA


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=True,  # SQLite changes a table by making it anew
        transactional_ddl=True,
    )
    context.run_migrations()


_run(context.config.attributes["connection"])
