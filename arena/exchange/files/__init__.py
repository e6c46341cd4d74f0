"""Feed of downloaded archives: own columns, Binance, OKX and freqtrade files.

Reads what a user hands it and never writes. Invariant: what comes out is sorted, unique by time,
on the UTC grid and finished.
"""

from arena.exchange.files.feed import FileCount, FileImport, FileRequest, Rejects, read_files
from arena.exchange.files.layouts import Format, Kind

__all__ = ["FileCount", "FileImport", "FileRequest", "Format", "Kind", "Rejects", "read_files"]
