"""Time is the database's: clients whose clocks are a day off wait, hold and write like the rest."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from . import oracle
from .fleet import Fleet, resolve_everything
from .ground import Ground, wait_until
from .models import ORGANIZATION
from .plan import Door, Plan

DAY = 86_400.0
# A good deal more than a test takes: a false alarm on a busy machine says nothing.
pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("door", ["sql", "client"])
def test_a_clock_that_is_a_day_off(
    ground: Ground, make_fleet: Callable[..., Fleet], door: Door
) -> None:
    rows = ground.seed(2)
    fleet = make_fleet(Plan(ground.handle.database_url, ORGANIZATION, rows, door=door))
    for clock in (DAY, -DAY, 0.0):
        fleet.add(3, clock=clock)
    wait_until(
        lambda: all(
            sum(event["event"] == "landed" for event in crew.events()) >= 15 for crew in fleet.crews
        ),
    )
    for crew in fleet.crews:  # they do have another time
        (started,) = (event for event in crew.events() if event["event"] == "started")
        assert abs(started["now"] - time.time() - crew.plan.clock) < 3600
    fleet.stop()
    resolve_everything(ground, ORGANIZATION, rows, "counters")
    history = ground.history()
    assert oracle.problems(history) == []
    assert oracle.unresolved(history) == []
    assert oracle.starved(history, fleet.stayed()) == []
    assert oracle.miscounted(history, fleet.marks()) == []
    assert fleet.events("refused") == []
    assert fleet.events("lost") == []


def test_an_agent_that_believes_its_clock_is_caught(
    ground: Ground, make_fleet: Callable[..., Fleet]
) -> None:
    rows = ground.seed(2)
    fleet = make_fleet(Plan(ground.handle.database_url, ORGANIZATION, rows, believes_it=True))
    late, right = fleet.add(1, clock=DAY), fleet.add(1)
    wait_until(lambda: any(event["event"] == "landed" for event in right.events()))
    wait_until(lambda: any(event["event"] == "refused" for event in late.events()))
    assert not any(event["event"] == "landed" for event in late.events())
