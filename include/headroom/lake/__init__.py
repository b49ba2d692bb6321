"""The lake: atomic Parquet files on a path or in S3, read through views in an in-memory DuckDB."""
