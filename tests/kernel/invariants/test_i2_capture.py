"""I2: every committed row change on a synced table makes exactly one delta, whoever wrote it.

Each scenario says which deltas it makes; the oracle says the same from the audit and the tables.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from . import capture_scenarios as scenarios
from . import mutants
from .capture_oracle import capture_problems, deltas, fold_problems
from .site import Site

SEEDED = {"I": 33}  # three organizations: a project and ten tasks each


def changed(site: Site, run: Callable[[Site], None]) -> dict[str, int]:
    """Run a scenario on a seeded site; return what it added to the log, by op."""
    site.seed(per_org=10)
    assert deltas(site.admin) == SEEDED
    run(site)
    after = deltas(site.admin)
    return {op: n - SEEDED.get(op, 0) for op, n in after.items() if n > SEEDED.get(op, 0)}


@pytest.mark.parametrize("name", scenarios.ALL)
def test_each_row_change_makes_one_delta(site: Site, name: str) -> None:
    run, expected = scenarios.ALL[name]
    assert changed(site, run) == expected
    assert capture_problems(site.admin) == []


@pytest.mark.timeout(180)  # 5 s on two idle cores; the rows are what it is about
def test_insert_select_of_100000_rows(site: Site) -> None:
    """The audit would take longer than the rest: the fold and the count say it here."""
    site.admin.execute("alter table tasks disable trigger audit")
    site.admin.execute(
        """insert into tasks (organization_id, id, title)
           select 'acme', 't' || n, 'Task ' || n from generate_series(1, 100000) n"""
    )
    assert deltas(site.admin) == {"I": 100_000}
    assert fold_problems(site.admin) == []


@pytest.mark.parametrize("table", ["notes", "tasks, notes", "projects cascade"])
def test_truncate_is_refused(site: Site, table: str) -> None:
    site.seed(per_org=1)
    for role in ("origin", "replica"):
        site.admin.execute(f"set session_replication_role = {role}")
        with pytest.raises(psycopg.Error, match="is a synced table") as refused:
            site.admin.execute(f"truncate {table}")
        assert "use DELETE FROM" in (refused.value.diag.message_hint or "")
    assert capture_problems(site.admin) == []


@pytest.mark.parametrize("name", mutants.CAPTURE)
def test_a_broken_capture_is_caught(site: Site, name: str) -> None:
    """The same oracle, on builds that lose or repeat deltas."""
    mutant, scenario = mutants.CAPTURE[name]
    site.seed(per_org=10)
    site.admin.execute(mutant)
    run, _ = scenarios.ALL[scenario]
    run(site)
    assert capture_problems(site.admin) != []


def test_a_guard_that_lets_rows_change_hands_is_caught(site: Site) -> None:
    site.seed(per_org=10)
    site.admin.execute(mutants.MOVABLE)
    run, _ = scenarios.ALL[mutants.NOBODYS]
    with pytest.raises(AssertionError, match="did not fail: !update notes set org"):
        run(site)
