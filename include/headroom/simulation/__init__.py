"""The replay engine, its policies and the oracle; pure."""
