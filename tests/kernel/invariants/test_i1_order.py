"""I1: within an organization, whoever has seen sync id n has seen every lower one, for good.

Sixteen writers of all kinds against readers of all kinds. The same run on builds that take ids
before the commit point must be caught.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from . import mutants
from .capture_oracle import capture_problems
from .order_oracle import order_problems, whole_log
from .order_readers import reading
from .order_writers import ROWS, WRITERS, Work
from .site import ORGS, Site


def write_against_readers(site: Site, rounds: int) -> list[str]:
    """Let all writers run against all readers; return what the checker finds."""
    name = site.handle.name
    site.admin.execute(f"alter database {name} set deadlock_timeout = '10ms'".encode())
    with reading(site) as readers:
        write(site, rounds)
        log = whole_log(site.admin)
        heads = {organization: ids[-1] for organization, ids in log.items()}
        seen = {reader.name: reader.finish(heads) for reader in readers}
    return [text for reader in seen for text in order_problems(reader, seen[reader], log)]


def write(site: Site, rounds: int) -> None:
    """Run all writers to their end, then write one delta more for each organization.

    That last one is above all others whatever the build, so a reader that waits for it has had
    every chance to see them.
    """
    site.seed(per_org=ROWS)
    works = [Work(site, name, rounds, level) for name, (_, level) in WRITERS.items()]
    with ThreadPoolExecutor(len(WRITERS)) as pool:
        list(pool.map(lambda work: WRITERS[work.name][0](work), works))
    assert {work.name for work in works if not work.landed} == set()
    site.admin.execute(
        """insert into tasks (organization_id, id, title)
           select o, 'last', '' from unnest(%s::text[]) o""",
        [list(ORGS)],
    )


def test_sixteen_writers_and_every_reader_sees_the_log_in_order(site: Site) -> None:
    assert len(WRITERS) == 16
    assert write_against_readers(site, rounds=80) == []
    assert capture_problems(site.admin) == []


@pytest.mark.parametrize("name", mutants.ORDER)
def test_ids_from_before_the_commit_point_are_caught(site: Site, name: str) -> None:
    site.admin.execute(mutants.ORDER[name])
    problems = write_against_readers(site, rounds=12)
    assert [text for text in problems if "missed" in text or "out of order" in text] != []
