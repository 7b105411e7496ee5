"""Claim routines and the guard read by index, with 200,000 ended claims in the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, LiteralString

import psycopg
import pytest

from ablo_pg import Model, define_schema
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database

from .plan_reader import pages_read, plans, rows_read, run


class Note(Model, claims_bind_sql=True):
    body: str


SCHEMA: Final = define_schema(notes=Note)
# The rows take 3 s on a quiet machine.
pytestmark = pytest.mark.timeout(60)

TABLES: Final = ("claim", "claim_target", "claim_floor", "presence")
LINE: Final = 100  # how many wait for the busy row

# Ended claims on 50,000 rows, then a row that is held and has a line, and one with a held field.
FILL: Final[LiteralString] = """
insert into ablo.claim
  (organization_id, id, model, row_id, participant, description, status, ticket, ttl, expires_at,
   fence_token, read_at, created_at, granted_at, ended_at)
select case n % 2 when 0 then 'acme' else 'globex' end, 'old' || n, 'notes', 'n' || n % 50000,
       'agent:a' || n % 100, 'editing', 'committed', n, '1 minute', now(), n, 1, now(), now(), now()
  from generate_series(1, 200000) n;
insert into ablo.claim_target (organization_id, model, row_id, fence_token)
select case n % 2 when 0 then 'acme' else 'globex' end, 'notes', 'n' || n, n
  from generate_series(1, 50000) n;
select setval('ablo.claim_ticket', 2000001), setval('ablo.fence_token', 2000001);
insert into notes (organization_id, id, body)
select 'acme', 'n' || n, 'x' from generate_series(2, 400, 2) n"""
# Many held rows of one organization.
LIVE: Final[LiteralString] = """
insert into ablo.claim
  (organization_id, id, model, row_id, participant, description, status, ticket, ttl, expires_at,
   fence_token, read_at, created_at, granted_at)
select 'initech', 'live' || n, 'notes', 'n' || n, 'agent:a' || n % 100, 'editing', 'active', n,
       '1 hour', now() + interval '1 hour', n, 1, now(), now()
  from generate_series(1, 6000) n;
"""

# The call, and how many rows it may read of the tables of claims.
CALLS: Final[dict[str, tuple[LiteralString, int]]] = {
    "a commit on a row that nobody holds": (
        """select ablo.commit('acme', 'agent:x', 'k', '{"operations": [
             {"action": "update", "model": "notes", "id": "n4", "data": {"body": "y"}}]}')""",
        1,
    ),
    "a commit of the holder": (
        """select ablo.commit('acme', 'agent:w0', 'k', '{"operations": [{"action": "update",
             "claimId": "w0", "model": "notes", "id": "n2", "data": {"body": "y"}}]}')""",
        12,
    ),
    "a plain update": (
        "update notes set body = 'y' where organization_id = 'acme' and id = 'n4'",
        1,
    ),
    "a plain update at a higher level": (
        """set transaction isolation level repeatable read;
           update notes set body = 'y' where organization_id = 'acme' and id = 'n4'""",
        6,
    ),
    "acquire a free row": (
        "select ablo.claim_acquire('acme', 'agent:x', 'notes', 'n4')",
        20,
    ),
    "wait for the busy row": (
        "select ablo.claim_acquire('acme', 'agent:x', 'notes', 'n2')",
        40 + 4 * LINE,
    ),
    "look at the middle of the line": (
        "select ablo.claim_get('acme', 'agent:w50', 'w50', true)",
        40 + 2 * LINE,
    ),
    "wait for the busy field": (
        """select ablo.claim_acquire('acme', 'agent:x', 'notes', 'n6', '{"fields": ["body"]}')""",
        40 + 6 * LINE,
    ),
    "release a field with a line": (
        "select ablo.claim_release('acme', 'agent:f0', 'f0')",
        20 + LINE,
    ),
    "who waits for a field": (
        "select ablo.claim_list('acme', 'agent:x', 'notes', 'n6')",
        40 + 24 * LINE,
    ),
    "what an organization holds": (LIVE + "select ablo.claim_list('initech', 'agent:x')", 2000),
    "a holder's beat": ("select ablo.claim_heartbeat('acme', 'agent:w0', 'w0')", 20 + LINE),
    "all beats of a participant": ("select ablo.claim_heartbeat_all('acme', 'agent:w0')", 6),
    "release with a line": (
        "select ablo.claim_release('acme', 'agent:w0', 'w0')",
        20,
    ),
    "who holds a row": ("select ablo.claim_list('acme', 'agent:x', 'notes', 'n4')", 1),
    "who is here": ("select ablo.presence_list('acme', 'agent:x')", 4 * LINE),
    "what relays show": ("select ablo.live_read('acme', 'system:relay', true)", 4 * LINE),
    "forget some": (LIVE + "select ablo.claim_sweep('0 seconds', 50)", 700),
}


@pytest.fixture(scope="module")
def filled(cluster: Server, kernel_template: str) -> Iterator[DatabaseHandle]:
    with make_database(SCHEMA, server=cluster, template=kernel_template) as handle:
        with psycopg.connect(handle.admin_url, autocommit=True) as admin:
            admin.execute(FILL)
            for name, row, fields in (("w", "n2", "null"), ("f", "n6", '["body"]')):
                for n in range(LINE + 1):
                    request = f'{{"claimId": "{name}{n}", "ttl": "1h", "fields": {fields}}}'
                    admin.execute(
                        "select ablo.claim_acquire('acme', %s, 'notes', %s, %s)",
                        (f"agent:{name}{n}", row, request),
                    )
        yield handle


@pytest.fixture(scope="module", params=["never analyzed", "analyzed"])
def crowded(request: pytest.FixtureRequest, filled: DatabaseHandle) -> DatabaseHandle:
    with psycopg.connect(filled.admin_url, autocommit=True) as admin:
        if request.param == "analyzed":
            admin.execute("analyze")
    return filled


@pytest.mark.parametrize("name", CALLS)
def test_claims_are_found_by_index(crowded: DatabaseHandle, name: str) -> None:
    call, most = CALLS[name]
    scans = [scan for scan in run(crowded, call) if scan["Relation Name"] in TABLES]
    assert scans, "the call looks at claims"
    wrong = [scan for scan in scans if scan["Node Type"] == "Seq Scan" and heavy(scan)]
    assert not wrong
    assert sum(rows_read(scan) for scan in scans) <= most
    # Pages of the catalogue count too, where a scan calls a function for the first time.
    assert sum(pages_read(scan) for scan in scans) <= 2 * most + 8 * len(scans) + 400


@pytest.mark.parametrize("name", ["wait for the busy field", "release a field with a line"])
def test_a_line_is_passed_over_in_one_statement(crowded: DatabaseHandle, name: str) -> None:
    assert len(plans(crowded, CALLS[name][0])) < LINE


def heavy(scan: dict[str, Any]) -> bool:
    """Whether a scan reads one of the tables that grow: the others have a page or two."""
    return scan["Relation Name"] in ("claim", "claim_target")
