"""What the cold programs agree on; imports nothing, for imports are a good part of what is measured."""

CAPITAL = 10_000.0
FEE_RATE = 0.0005
FAST, SLOW = 12, 26
FIRST_BAR = 300  # bars before the first fill
UNIT = 1e-9  # coins: the smallest size of backtesting.py and of our instrument
