"""Filters, groups and tracks read by index: what a commit that judges them touches of a long log.

Beside a log of 50,000 deltas, over 2 rows an organization or over 2,500, there are 60,000 tracks of
other participants.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest

from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database

from .plan_reader import pages_read, rows_read, run
from .test_plans import NOTES, SCHEMA, SHAPES

TRACKS: Final = """
alter table ablo.track set (autovacuum_enabled = off);
insert into ablo.track
  (organization_id, participant, model, target, read_at, on_stale, created_at, used_at)
select 'acme', 'agent:' || n %% 600, case n %% 3 when 0 then '' else 'notes' end,
       case n %% 3 when 0 then 'notes:n' else 'n' end || n, 50000, 'notify', now(), now()
  from generate_series(1, 60000) n;
insert into ablo.track
  (organization_id, participant, model, target, read_at, on_stale, created_at, used_at)
select 'acme', 'agent:t', m, t, 49900, 'notify', now(), now()
  from (values ('notes', 'n2'), ('notes', 'n3998'), ('', 'notes:n2'), ('', 'notes:none')) v (m, t);
%s"""
UPDATE: Final = (
    '{"action": "update", "model": "notes", "id": "n4000", "data": {"body": "y"}, "readAt": 50000}'
)


def commit(participant: str, more: str = "") -> str:
    request = f'{{"operations": [{UPDATE}]{more}}}'
    return f"select ablo.commit('acme', '{participant}', 'new', '{request}')"


def reading(read: str) -> str:
    told = read.replace("}", ', "onStale": "notify"}')
    return commit("user:u", f', "reads": [{told}]')


FILTER: Final = '{"model": "notes", "where": [["body", "=", "x"]], "readAt": %s, "ids": ["n8888"]}'
ALL: Final = FILTER.replace('"=", "x"', '"is", null')
# The call; how many rows of the log it may read. Of two ids since the read, one is its own. For one
# read long ago the limit is looked for first; a row that matches is looked at for a later delta.
CALLS: Final[dict[str, tuple[str, int]]] = {
    "a filter, read a little ago": (reading(FILTER % 49900), 55),
    "a filter, read just now": (reading(FILTER % 50000), 5),
    "a filter, read long ago": (reading(FILTER % 30002), 20_000),
    "a filter that all rows match": (reading(ALL % 30002), 30_010),
    "a group, read a little ago": (reading('{"group": "notes:no", "readAt": 49900}'), 55),
    "tracks": (commit("agent:t"), 160),
    "no tracks": (commit("user:u"), 5),
}


@pytest.fixture(
    scope="module",
    params=[(shape, fresh) for shape in SHAPES for fresh in (True, False)],
    ids=lambda param: f"{param[0]}, {'analyzed' if param[1] else 'never analyzed'}",
)
def filled(
    request: pytest.FixtureRequest, cluster: Server, kernel_template: str
) -> Iterator[DatabaseHandle]:
    shape, analyzed = request.param
    with make_database(SCHEMA, server=cluster, template=kernel_template) as handle:
        with psycopg.connect(handle.admin_url, autocommit=True) as admin:
            admin.execute((NOTES % SHAPES[shape]).encode())
            admin.execute((TRACKS % ("analyze" if analyzed else "")).encode())
        yield handle


def scans_of(handle: DatabaseHandle, call: str, relation: str) -> list[dict[str, Any]]:
    return [scan for scan in run(handle, call) if scan["Relation Name"] == relation]


@pytest.mark.parametrize("name", CALLS)
def test_the_log_is_read_by_index(filled: DatabaseHandle, name: str) -> None:
    call, most = CALLS[name]
    scans = scans_of(filled, call, "delta_p000000")
    assert scans, "the call reads the log"
    ways = {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}
    assert {scan["Node Type"] for scan in scans} <= ways
    assert sum(rows_read(scan) for scan in scans) <= most
    assert sum(pages_read(scan) for scan in scans) <= 5 * most + 10 * len(scans)


@pytest.mark.parametrize(("participant", "most"), [("user:u", 0), ("agent:t", 30)])
def test_tracks_are_found_by_their_participant(
    filled: DatabaseHandle, participant: str, most: int
) -> None:
    scans = scans_of(filled, commit(participant), "track")
    assert scans
    assert {scan.get("Index Name") for scan in scans if "Index Name" in scan} == {"track_pkey"}
    assert {scan["Node Type"] for scan in scans} <= {"Index Scan", "Index Only Scan", "Tid Scan"}
    assert sum(rows_read(scan) for scan in scans) <= most
    if not most:
        assert len(scans) == 1, "one probe for who tracks nothing"


def test_the_sweep_reads_what_it_takes(filled: DatabaseHandle) -> None:
    scans = scans_of(filled, "select ablo.track_sweep(10)", "track")
    assert {scan.get("Index Name") for scan in scans} <= {"track_used_idx", None}
    assert sum(rows_read(scan) for scan in scans) == 0
