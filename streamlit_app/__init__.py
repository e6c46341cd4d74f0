"""The data-health monitor: one Streamlit page over the store, read only.

Reads through DataService alone and writes nothing. Invariant: whatever state the store is in, the page says
in plain words what it is.
"""
