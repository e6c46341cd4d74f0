"""OKX through ccxt: one client with the house's limits, clock and errors, and the market feed on it.

ccxt is imported here alone, when the first request is made. Invariant: nobody above sees ccxt.
"""
