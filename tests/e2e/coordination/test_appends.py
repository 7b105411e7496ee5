"""I3 and I4 end to end: no append to a list is lost, whichever way agents guard theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from . import oracle
from .fleet import Fleet, resolve_everything
from .ground import Ground, wait_until
from .models import ORGANIZATION
from .mutants import APPENDS
from .plan import Door, Plan, Task

MakeFleet = Callable[..., Fleet]
# A good deal more than a test takes: a false alarm on a busy machine says nothing.
pytestmark = pytest.mark.timeout(180)


def append(ground: Ground, make_fleet: MakeFleet, *doors: Door) -> Fleet:
    """A fleet whose agents append under claims, by functional updates, and with premises."""
    url = ground.handle.database_url
    tasks: list[Task] = ["append", "again", "reads"]
    fleet = make_fleet(Plan(url, ORGANIZATION, ground.seed(2), tasks=tasks, ttl=2.0))
    for door in doors:
        fleet.add(4, door=door)
    return fleet


def lists(ground: Ground) -> list[list[str]]:
    rows = ground.rows("select coalesce(entries, '[]') from counters order by id")
    return [entries for (entries,) in rows]


def test_every_acknowledged_append_is_there_once(ground: Ground, make_fleet: MakeFleet) -> None:
    fleet = append(ground, make_fleet, "sql", "client")

    def landed_every_way() -> bool:
        """Each crew has appended several times in each way."""
        for crew in fleet.crews:
            ways = Counter(event["task"] for event in crew.events() if event["event"] == "landed")
            if any(ways[way] < 4 for way in fleet.plan.tasks):
                return False
        return True

    wait_until(landed_every_way)
    fleet.stop()
    resolve_everything(ground, ORGANIZATION, fleet.plan.rows, "counters")
    assert oracle.unlisted(lists(ground), fleet.marks()) == []
    assert oracle.problems(ground.history()) == []
    refusals = {event["code"] for event in fleet.events("refused")}
    assert refusals
    assert refusals <= {"stale_context", "entity_claimed", "contention_exhausted"}


@pytest.mark.parametrize("name", APPENDS)
def test_the_lists_catch_the_mutant(ground: Ground, make_fleet: MakeFleet, name: str) -> None:
    APPENDS[name].install(ground.admin)
    fleet = append(ground, make_fleet, "sql", "client")

    def lost() -> list[str]:
        acknowledged = fleet.marks()
        return oracle.unlisted(lists(ground), acknowledged)

    wait_until(lost, pause=0.2)
