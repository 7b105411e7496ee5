"""Scope escalation: no chain of mints and rotations gives anybody more than the key it began with.

Keys are minted and rotated at random over HTTP, by keys that were minted before. What each may do
is then tried at the doors, by somebody who knows nothing of the routines: whatever works for a
child has to work for every key it came from. (What the table holds is checked in tests/kernel.)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import httpx
import psycopg
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ablo_pg.cluster import Server
from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.kernel.push import push_schema
from ablo_pg.relay.daemon import serving
from ablo_pg.relay.settings import RelaySettings
from ablo_pg.schema import dump_schema_json
from ablo_pg.testing import make_database

from ..http.world import SCHEMA

EXAMPLES = int(os.environ.get("ABLO_TEST_EXAMPLES", "8"))
CAPABILITIES: Final = "/api/v1/capabilities"
OPERATIONS: Final = ["tasks.read", "tasks.create", "tasks.update", "projects.read", "*.read"]
GROUPS: Final = ["projects:p1", "projects:p2", "default", "org:acme"]
ROOTS: Final[list[dict[str, Any]]] = [
    {},
    {"operations": ["tasks.read", "tasks.update"]},
    {"syncGroups": ["projects:p1"]},
    {"scopes": ["schema:push"]},
    {"operations": ["*.read"], "syncGroups": ["projects:p1"], "prefix": "rk"},
    {"prefix": "rk"},
]
# What may be tried: (name, method, path, body). None of it changes what another try sees.
TRIES: Final[list[tuple[str, str, str, Any]]] = [
    ("read tasks", "GET", "/api/v1/models/tasks", None),
    ("read projects", "GET", "/api/v1/models/projects", None),
    ("create a task", "POST", "/api/v1/commits", {"operations": [
        {"action": "create", "model": "tasks", "id": "taken", "data": {"title": "x"}}]}),
    ("update a task", "PATCH", "/api/v1/models/tasks/none", {"data": {"title": "x"}}),
    ("delete a task", "DELETE", "/api/v1/models/tasks/none", {}),
    ("claim a task", "POST", "/api/v1/models/tasks/taken/claim", {"ttl": "250ms"}),
    ("push", "POST", "/api/schema", {"schema": dump_schema_json(SCHEMA.spec)}),
    ("mint a session", "POST", "/api/v1/ephemeral_keys", {"user": {"id": "u"}, "operations": []}),
    ("mint elsewhere", "POST", "/api/v1/ephemeral_keys", {
        "user": {"id": "u"}, "operations": ["tasks.read"], "organizationId": "other"}),
    ("rule", "POST", CAPABILITIES, {"operations": [], "scopes": ["branch:manage"]}),
]  # fmt: skip
DENIED: Final = {401, 403}


@dataclass
class Place:
    """A relay, and who asks it."""

    client: httpx.Client
    admin_url: str

    def ask(self, key: str, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request with a key."""
        headers = {"authorization": f"Bearer {key}"}
        return self.client.request(method, path, json=body, headers=headers)

    def root(self, asked: dict[str, Any]) -> str:
        """Make a key that nobody minted."""
        prefix = asked.get("prefix", "sk")
        key = new_key(prefix)
        with psycopg.connect(self.admin_url, autocommit=True) as conn:
            create_key(conn, "acme", "system:root", key, {"prefix": prefix, **asked})
        return key

    def rights(self, key: str) -> set[str]:
        """What a key may do, and which projects it sees, as the doors have it."""
        found = set()
        for name, method, path, body in TRIES:
            answer = self.ask(key, method, path, body)
            assert answer.status_code < 500, answer.text
            if answer.status_code not in DENIED:
                found.add(name)
        listed = self.ask(key, "GET", "/api/v1/models/projects")
        if listed.status_code == 200:
            found |= {f"see {row['id']}" for row in listed.json()["data"]}
        groups = self.ask(key, "GET", "/api/auth/identity").json()["syncGroups"]
        wide = {"default", "org:acme"} & set(groups)
        all_of_them = {"follow everything", *(f"follow {one}" for one in GROUPS)}
        return found | (all_of_them if wide else {f"follow {one}" for one in groups})


@contextmanager
def served(cluster: Server, template: str) -> Iterator[Place]:
    """A relay in a thread, on a database with two projects."""
    with make_database(server=cluster, template=template) as db:
        made = RelaySettings(
            port=0,
            database_url=db.database_url,
            admin_url=db.admin_url,
            requests_per_second=100_000,
            request_burst=100_000,
            open_claims=100_000,
        )
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            conn.execute(
                "insert into projects (id, organization_id, name) values"
                " ('p1', 'acme', 'a'), ('p2', 'acme', 'b'), ('p3', 'other', 'c')"
            )
            conn.execute(
                "insert into tasks (id, organization_id, title, status)"
                " values ('taken', 'acme', 'x', 'todo')"
            )
        apply_schema = partial(push_schema, db.admin_url)
        with (
            start_blocking_portal() as portal,
            portal.wrap_async_context_manager(serving(made, apply_schema)) as relay,
            httpx.Client(base_url=relay.url, timeout=60) as client,
        ):
            yield Place(client, db.admin_url)


@pytest.fixture(scope="module")
def place(cluster: Server, http_template: str) -> Iterator[Place]:
    with served(cluster, http_template) as made:
        yield made


asks = st.fixed_dictionaries(
    {},
    optional={
        "operations": st.lists(st.sampled_from(OPERATIONS), max_size=3),
        "wideScope": st.just(True),
        "syncGroups": st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2),
        "scopes": st.lists(st.sampled_from(["schema:push", "branch:manage"]), max_size=2),
        "participantKind": st.sampled_from(["user", "agent", "system"]),
        "organizationId": st.sampled_from(["acme", "acme", "other"]),
        "ttlSeconds": st.sampled_from([1000, 90_000]),
    },
)
steps = st.lists(
    st.tuples(
        st.sampled_from(["mint", "mint", "mint", "rotate", "session"]), asks, st.integers(0, 5)
    ),
    min_size=1,
    max_size=5,
)


def climb(place: Place, root: dict[str, Any], chain: list[Any]) -> None:
    """Make keys of keys; none may more than the first, nor than the one it was made of."""
    made = [place.root(root)]
    rights = [place.rights(made[0])]
    for what, asked, which in chain:
        parent = which % len(made)
        token = make(place, made[parent], what, asked)
        if token is None:
            continue
        made.append(token)
        rights.append(place.rights(token))
        more = rights[-1] - rights[parent]
        assert not more, f"{what} {asked} of {root} gave {more}"


def make(place: Place, key: str, what: str, asked: dict[str, Any]) -> str | None:
    """Make a key of a key; None where it is refused."""
    if what == "rotate":
        own = key_id(place, key)
        answer = place.ask(key, "POST", f"{CAPABILITIES}/{own}/rotate", {"ttlSeconds": 90_000})
    elif what == "session":
        body = {"user": {"id": "u"}, "operations": asked.get("operations", []), **asked}
        answer = place.ask(key, "POST", "/api/v1/ephemeral_keys", body)
    else:
        answer = place.ask(key, "POST", CAPABILITIES, asked)
    assert answer.status_code < 500, answer.text
    return str(answer.json()["token"]) if answer.status_code < 300 else None


def key_id(place: Place, key: str) -> str:
    """Return a key's own id; who may not look at itself has none."""
    query = "select id from ablo.api_key where key_hash = %s"
    with psycopg.connect(place.admin_url, autocommit=True) as conn:
        found = conn.execute(query, [hashlib.sha256(key.encode()).hexdigest()]).fetchone()
    assert found is not None
    return str(found[0])


QUICK = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


def test_no_chain_gives_more_than_it_began_with(place: Place) -> None:
    @given(root=st.sampled_from(ROOTS), chain=steps)
    @QUICK
    def climbed(root: dict[str, Any], chain: list[Any]) -> None:
        climb(place, root, chain)

    climbed()


MUTANTS = {
    "a key of some operations gives itself scopes": (
        "key_mint",
        "not v_key.scopes <@ v_parent.scopes",
        "false",
        ROOTS[1],
        ("mint", {"operations": ["tasks.read"], "scopes": ["schema:push"]}, 0),
    ),
    "groups are not compared": (
        "key_mint",
        "(v_key.sync_groups <@ v_parent.sync_groups) is not true",
        "false",
        ROOTS[2],
        ("mint", {"wideScope": True, "syncGroups": ["projects:p2"]}, 0),
    ),
    "a rotation frees": (
        "key_rotate",
        "v_new := v_old;",
        "v_new := v_old; v_new.operations := null;",
        ROOTS[1],
        ("rotate", {}, 0),
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_check_catches_mutants(cluster: Server, http_template: str, name: str) -> None:
    routine, sound, broken, root, step = MUTANTS[name]
    with served(cluster, http_template) as place:
        with psycopg.connect(place.admin_url, autocommit=True) as conn:
            query = "select pg_get_functiondef(%s::regproc)"
            row = conn.execute(query, [f"ablo.{routine}"]).fetchone()
            assert row is not None
            assert sound in row[0]
            conn.execute(row[0].replace(sound, broken).encode())
        with pytest.raises(AssertionError, match="gave"):
            climb(place, root, [step])
