"""The statements of an install, as text; kernel/script.py joins them into one script."""

from __future__ import annotations

from collections.abc import Iterable


def literal(text: str) -> str:
    """Quote text as a Postgres string constant (standard_conforming_strings is on since 9.1)."""
    return "'" + text.replace("'", "''") + "'"


def kernel_record(path: str, checksum: str) -> str:
    """Return the statement that records an installed file."""
    return f"select ablo.kernel_record({literal(path)}, {literal(checksum)});"


def kernel_migrate(path: str, checksum: str, sql: str) -> str:
    """Return the statement that applies a migration unless it has been applied."""
    return f"select ablo.kernel_migrate({literal(path)}, {literal(checksum)}, {literal(sql)});"


def kernel_finish(paths: Iterable[str]) -> str:
    """Return the statement that closes an install."""
    listed = ", ".join(literal(path) for path in paths)
    return f"select ablo.kernel_finish(array[{listed}]);"


def in_transaction(script: str) -> str:
    """Wrap a script in one transaction, for psql."""
    return f"begin;\n\n{script}\ncommit;\n"
