"""Where bytes live: the market's Parquet files and the ledger's tables.

Imports nothing heavy itself; readers above go through `arena.data`, writers are named ones.
"""
