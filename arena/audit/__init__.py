"""Looking back: does a strategy look ahead, does a past run come out again, how do runs compare.

Reads run folders and the market, writes nothing. Invariant: a past run is never changed by looking at it.
"""
