"""The market's bytes: Parquet files, one writer and any number of readers a partition.

Nothing here imports pyarrow before the first read or write.
"""
