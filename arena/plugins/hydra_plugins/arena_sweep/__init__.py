"""The sweeper `axes` and the launcher `batches`: a grid stays data from the command line to the kernel.

Hydra looks for plugins under the import name `hydra_plugins` and imports them at every start, so nothing
here imports more than Hydra. Invariant: a task that does not know sweeps is run as Hydra itself would.
"""
