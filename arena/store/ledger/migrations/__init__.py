"""Alembic's scripts of the ledger's schema."""
