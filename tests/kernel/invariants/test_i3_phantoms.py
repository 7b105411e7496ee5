"""I3: what was read includes what was not there: lists, absences, and the rest of a decision."""

from __future__ import annotations

from itertools import product

import pytest

from ..board import Board, Door
from .i3_mutants import EARLY, NEVER, NO_ABSENCE, NO_DEPARTURES, NO_PHANTOMS
from .i3_phantoms import (
    PAIRS,
    Maker,
    absence,
    appends,
    both,
    creators,
    emptied,
    moved_in,
    natural_key,
    phantom,
    skew_over_a_list,
)

DOORS: list[Door] = ["commit", "batch"]
doors = pytest.mark.parametrize("doors", list(product(DOORS, DOORS)), ids="-".join)


@doors
@pytest.mark.parametrize("name", PAIRS)
def test_of_two_that_exclude_each_other_one_lands(
    board: Board, name: str, doors: tuple[Door, Door]
) -> None:
    assert both(board, PAIRS[name], doors) == 1


def test_a_name_is_created_once(board: Board) -> None:
    assert creators(board) == {f"name {n}": 1 for n in range(6)}


@pytest.mark.parametrize("through", ["readAt", "reads", "page"])
def test_every_acknowledged_append_is_in_the_list_once(board: Board, through: str) -> None:
    items, acknowledged = appends(board, through)
    assert len(acknowledged) == 48
    assert sorted(items) == sorted(acknowledged)


@pytest.mark.parametrize("mutant", [NEVER, EARLY], ids=["never", "before the order lock"])
@pytest.mark.parametrize("name", PAIRS)
def test_the_pairs_catch_a_kernel_that_judges_wrongly(
    own_board: Board, name: str, mutant: str
) -> None:
    own_board.run(mutant)
    assert both(own_board, PAIRS[name], ("commit", "commit")) == 2


@pytest.mark.parametrize("pair", [phantom, moved_in, natural_key])
def test_phantoms_catch_a_filter_that_looks_at_known_rows_only(
    own_board: Board, pair: Maker
) -> None:
    own_board.run(NO_PHANTOMS)
    assert both(own_board, pair, ("commit", "commit")) == 2


@pytest.mark.parametrize("pair", [skew_over_a_list, emptied])
def test_departures_catch_a_filter_that_forgets_what_it_listed(
    own_board: Board, pair: Maker
) -> None:
    own_board.run(NO_DEPARTURES)
    assert both(own_board, pair, ("commit", "commit")) == 2


def test_absences_catch_a_kernel_that_does_not_look(own_board: Board) -> None:
    own_board.run(NO_ABSENCE)
    assert both(own_board, absence, ("commit", "commit")) == 2


def test_the_creators_catch_a_filter_without_phantoms(own_board: Board) -> None:
    own_board.run(NO_PHANTOMS)
    seen = 0
    for round_ in range(20):
        own_board.organization = f"acme{round_}"
        seen += sum(count > 1 for count in creators(own_board).values())
        if seen:
            break
    assert seen


@pytest.mark.parametrize("through", ["readAt", "reads", "page"])
def test_the_appends_catch_a_kernel_without_a_check(own_board: Board, through: str) -> None:
    own_board.run(NEVER)
    items, acknowledged = appends(own_board, through)
    assert sorted(items) != sorted(acknowledged)
