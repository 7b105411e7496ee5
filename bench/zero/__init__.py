"""Our relay beside zero-cache on the same Postgres: `python -m bench.zero`.

__main__ (rounds, figures) -> relay and cache (the two systems, each with its database and its way
to subscribe) -> subscribers (sockets that note when a write arrives), writer (who writes).
"""
