"""I3: a guarded write lands only if nothing it read has moved at its commit point."""

from __future__ import annotations

from itertools import count, product

import pytest

from ..board import Board, Door
from .i3_history import broken_guards
from .i3_mutants import EARLY, MUTANTS, NEVER
from .i3_workloads import counter, crossed, crossed_with_plain_sql, random_walk

DOORS: list[Door] = ["commit", "batch"]
pairs = pytest.mark.parametrize("doors", list(product(DOORS, DOORS)), ids="-".join)


@pairs
def test_of_two_crossed_commits_one_lands(board: Board, doors: tuple[Door, Door]) -> None:
    landed, refused = crossed(board, doors)
    assert (len(landed), len(refused)) == (1, 1)
    assert refused[0].code == "stale_context"
    assert broken_guards(board, landed) == []


def test_a_plain_writer_ahead_at_the_commit_point_counts(board: Board) -> None:
    assert crossed_with_plain_sql(board) == []


@pytest.mark.parametrize("seed", range(3))
def test_random_crossed_reads(board: Board, seed: int) -> None:
    landed = random_walk(board, seed)
    assert len(landed) > 20, "enough landed to mean something"
    assert broken_guards(board, landed) == []


def test_a_counter_under_contention(board: Board) -> None:
    value, acknowledged = counter(board)
    assert value == acknowledged == 9 * 15


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS.keys())
def test_the_staged_checks_catch_mutants(own_board: Board, mutant: str) -> None:
    own_board.run(mutant)
    landed, _ = crossed(own_board, ("commit", "commit"))
    assert len(landed) == 2
    assert len(broken_guards(own_board, landed)) == 1


def test_the_plain_sql_check_catches_the_early_mutant(own_board: Board) -> None:
    own_board.run(EARLY)
    landed = crossed_with_plain_sql(own_board)
    assert len(broken_guards(own_board, landed)) == 1


def test_the_random_check_catches_the_early_mutant(own_board: Board) -> None:
    own_board.run(EARLY)
    for seed in count():
        own_board.organization = f"acme{seed}"
        if broken_guards(own_board, random_walk(own_board, seed)):
            break


def test_the_counter_catches_the_mutant_without_a_check(own_board: Board) -> None:
    own_board.run(NEVER)
    value, acknowledged = counter(own_board, increments=8)
    assert value < acknowledged
