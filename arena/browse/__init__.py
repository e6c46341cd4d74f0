"""The ledger in a browser: datasette, read only, with titles, facets and ready questions.

Writes nothing and listens on loopback alone. Invariant: no request of it changes a row, opens another file
or runs longer than its limit.
"""
