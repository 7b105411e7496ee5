"""Faults of relay, Postgres and network under load, judged by a second decoding of the WAL."""
