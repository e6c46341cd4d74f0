"""The health scan: what is wrong with a stored series, as findings with a range and a severity.

Every check is a pure function over arrays. `finding` holds the vocabulary, `rules` the limits, `series`
runs all checks of one series; what reads the store stands outside, in `arena.data.survey`.
"""
