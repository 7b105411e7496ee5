"""I4, staged: at most one live claim covers a target, whoever writes or asks at the same moment."""

from __future__ import annotations

import pytest

from ..board import Board
from .i4_mutants import MUTANTS
from .i4_scenarios import SCENARIOS

CAUGHT = [(name, by) for name, mutant in MUTANTS.items() for by in mutant.caught_by]


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_holds(board: Board, name: str) -> None:
    assert SCENARIOS[name](board) == []


@pytest.mark.parametrize(("mutant", "scenario"), CAUGHT)
def test_the_scenario_catches_the_mutant(own_board: Board, mutant: str, scenario: str) -> None:
    MUTANTS[mutant].install(own_board)
    assert SCENARIOS[scenario](own_board)
