"""An OKX v5 exchange on loopback: market replay, matching, accounts and faults, over HTTP and WebSocket.

Keeps its own state and is imported by its job alone. Invariant: money adds up, the sum of an account's
bills is its balance.
"""
