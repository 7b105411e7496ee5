"""I4 end to end: agents in processes that are killed, stopped and cut off, over few rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from . import mutants, oracle
from .faults import Faults, wait_through
from .fleet import Fleet, resolve_everything
from .ground import Ground, wait_until
from .models import ORGANIZATION
from .plan import Plan, Task
from .proxy import Proxy

MakeFleet = Callable[..., Fleet]
# A good deal more than a test takes: a false alarm on a busy machine says nothing.
pytestmark = pytest.mark.timeout(180)


def test_no_two_hold_one_row(ground: Ground, make_fleet: MakeFleet) -> None:
    fight(ground, make_fleet, rows=3, agents=5, crews=(1, 1, 2), seconds=2.5, sections=200)


@pytest.mark.long
@pytest.mark.timeout(240)
def test_no_two_hold_one_row_for_a_minute(ground: Ground, make_fleet: MakeFleet) -> None:
    """Fifty agents in eight processes over five rows."""
    fight(ground, make_fleet, rows=5, agents=7, crews=(2, 2, 4), seconds=60, sections=500)


def fight(
    ground: Ground,
    make_fleet: MakeFleet,
    *,
    rows: int,
    agents: int,
    crews: tuple[int, int, int],
    seconds: float,
    sections: int,
) -> None:
    """crews: how many are let be, sit behind the proxy, are killed and stopped."""
    names = ground.seed(rows)
    url = ground.handle.database_url
    tasks: list[Task] = ["count", "count", "count", "note"]
    plan = Plan(url, ORGANIZATION, names, tasks=tasks, naps=1, patience=2.0)
    fleet = make_fleet(plan)
    with Proxy(url) as proxy:
        faults = Faults(fleet, ground, proxy, agents)
        faults.start(steady=crews[0], proxied=crews[1], victims=crews[2])
        wait_through(faults, seconds=seconds, until=lambda: len(fleet.marks()) >= sections)
        fleet.stop()
    resolve_everything(ground, ORGANIZATION, names, plan.model)
    history = ground.history()
    assert oracle.problems(history) == []
    assert oracle.unresolved(history) == []
    assert oracle.starved(history, fleet.stayed()) == []
    assert oracle.miscounted(history, fleet.marks()) == []
    # The faults did reach claimed work, and what came late was refused.
    refusals = {event["code"] for event in fleet.events("refused")}
    assert refusals <= {"claim_lost", "fence_token_stale", "entity_claimed"}
    assert "claim_lost" in refusals
    assert {version.status for version in history.versions} >= {"expired", "committed"}
    assert fleet.events("gave_up"), "somebody's wait has reached its deadline"


@pytest.mark.parametrize("name", mutants.FIGHT)
def test_the_oracle_catches_the_mutant(ground: Ground, make_fleet: MakeFleet, name: str) -> None:
    mutant = mutants.FIGHT[name]
    mutant.install(ground.admin)
    rows = ground.seed(mutant.rows)
    plan = Plan(ground.handle.database_url, ORGANIZATION, rows, ttl=0.5, naps=mutant.naps)
    fleet = make_fleet(plan)
    for _ in range(2):
        fleet.add(4)
    find = getattr(oracle, mutant.caught_by)
    wait_until(lambda: find(ground.history()), pause=0.2)
