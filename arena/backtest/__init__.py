"""Backtests: one strategy over one window of stored bars, and what it is worth."""
