"""The order of grants, against a model: random claims on fields, releases and expiries."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

import pytest

from .board import Board, create
from .claim_calls import Claimer, claimer

NAMES: Final = "abcdef"
FIELDS: Final = (None, ["title"], ["count"], ["title", "count"], ["status", "score"], ["score"])
STEPS: Final = 60


@dataclass
class Asked:
    """A claim of the model."""

    id: str
    who: str
    fields: list[str] | None
    held: bool = False

    def covers(self, fields: list[str] | None) -> bool:
        return self.fields is None or (fields is not None and {*fields} <= {*self.fields})

    def meets(self, other: Asked) -> bool:
        if self.who == other.who:
            return False
        if self.fields is None or other.fields is None:
            return True
        return bool({*self.fields} & {*other.fields})


class Line:
    """Who holds and who waits, first come first served."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def ask(self, one: Asked) -> None:
        own = [each for each in self.asked if each.who == one.who and each.covers(one.fields)]
        if not own:
            self.asked.append(one)
        self.grant()

    def end(self, claim_id: str) -> None:
        self.asked = [each for each in self.asked if each.id != claim_id]
        self.grant()

    def grant(self) -> None:
        for place, one in enumerate(self.asked):
            ahead = [each for n, each in enumerate(self.asked) if n < place or each.held]
            one.held = one.held or not any(one.meets(each) for each in ahead)

    def state(self) -> dict[str, str]:
        return {one.id: "active" if one.held else "queued" for one in self.asked}


@pytest.mark.parametrize("seed", range(4))
def test_grants_follow_the_order_of_the_line(board: Board, seed: int) -> None:
    board.caller(participant="user:ann").commit(create("t1"))
    crew = {name: claimer(board, name) for name in NAMES}
    dice, line = random.Random(seed), Line()
    for step in range(STEPS):
        act(board, crew, dice, line, step)
        found = board.rows(
            "select id, status from ablo.claim where organization_id = '{org}'"
            " and status in ('active', 'queued') and expires_at > clock_timestamp()"
        )
        assert dict(found) == line.state(), step


def act(board: Board, crew: dict[str, Claimer], dice: random.Random, line: Line, step: int) -> None:
    if not line.asked or dice.random() < 0.6:
        one = Asked(f"c{step}", dice.choice(NAMES), dice.choice(FIELDS))
        crew[one.who].acquire(claimId=one.id, fields=one.fields)
        line.ask(one)
        return
    ended = dice.choice(line.asked)
    if dice.random() < 0.5:
        crew[ended.who].release({"claim": {"id": ended.id}})
    else:
        board.run(
            "update ablo.claim set expires_at = clock_timestamp()"
            f" where organization_id = '{{org}}' and id = '{ended.id}'"
        )
        crew[ended.who].look({"claim": {"id": ended.id}})
    line.end(ended.id)
