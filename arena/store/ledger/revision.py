"""Which schema revisions this code knows, readable without importing Alembic.

Invariant: `REVISIONS` lists the scripts in `migrations/versions` from the oldest to the newest.
"""

REVISIONS = ("0001", "0002", "0003")
HEAD_REVISION = REVISIONS[-1]
