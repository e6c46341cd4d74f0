"""Alpha Arena: a data-first quant system for OKX perpetual swaps."""

__version__ = "0.1.0"
