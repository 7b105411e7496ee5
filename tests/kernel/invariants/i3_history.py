"""What guarded commits said they had read, and whether the log bears them out.

A commit with premises at position r whose own first delta is n is right only if the log has no
delta of anybody else on what it read with r < sync id < n. Commits mark deltas with their key.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..board import Board


@dataclass(frozen=True)
class Guarded:
    """A guarded commit that was acknowledged: its key and the tasks it had read, with positions."""

    key: str
    read: tuple[tuple[str, int], ...]


def broken_guards(board: Board, landed: list[Guarded]) -> list[str]:
    """Return one line for each premise that had moved when its commit landed."""
    log = board.rows(
        "select sync_id, row_id, transaction_id from ablo.delta"
        " where organization_id = '{org}' and model = 'tasks' order by sync_id"
    )
    first: dict[str, int] = {}
    for sync_id, _, key in log:
        first.setdefault(key, sync_id)
    return [
        f"{commit.key} at {first[commit.key]} had read {row} at {read_at}, moved at {sync_id}"
        for commit in landed
        for row, read_at in commit.read
        for sync_id, row_id, key in log
        if row_id == row and key != commit.key and read_at < sync_id < first[commit.key]
    ]
