"""What must not be seen: a row of project p2, with all that belongs to it.

Its content is the canary SECRET. Its names (id, claim, idempotency key) are the scene's; NOBODYS
has names of the same shape that stand for nothing: an answer that tells them apart tells what is
there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import psycopg

from ablo_pg import Model, belongs_to, define_schema, has_many
from ablo_pg.schema import IdentityRole

SECRET = "canary-of-p2"
OWNER = "user:owner"


class Project(Model, scope=True):
    name: str
    tasks = has_many("tasks")


class Task(Model):
    title: str
    note: str | None = None
    project_id: str
    project = belongs_to("projects", parent=True, fk=True, index=True)


# Backends act as the organization; of the others, one key has a role.
ROLE = IdentityRole("projects", "", (("source", {"field": "teamIds", "multi": True}),))
SCHEMA = define_schema(projects=Project, tasks=Task, identity_roles=[ROLE])
Names = dict[str, str]
NOBODYS: Names = {
    "row": "row-nnnnnn", "moved": "mov-nnnnnn", "project": "prj-nnnnnn", "claim": "clm-nnnnnn",
    "waiter": "wai-nnnnnn", "commit": "key-nnnnnn", "stx": "stx_7777777_1", "session": "ses-nnnnnn",
    "capability": "cap_nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
}  # fmt: skip
ROW = "/api/v1/models/tasks/{row}"
# What is in the database of the organization; the caller's own presence and keys are not in it.
STATE = """
    select 'row', t::text from tasks t where t.organization_id = 'acme'
    union all
    select 'project', p::text from projects p where p.organization_id = 'acme'
    union all
    select 'claim', concat_ws(' ', c.id, c.status, c.ticket, c.expires_at, c.meta)
      from ablo.claim c where c.organization_id = 'acme'
    union all
    select 'track', t::text from ablo.track t where t.organization_id = 'acme'
    union all
    select 'receipt', r.participant || r.key from ablo.receipt r where r.organization_id = 'acme'
    union all
    select 'delta', max(d.sync_id)::text from ablo.delta d where d.organization_id = 'acme'
    union all
    select 'presence', p.session from ablo.presence p where p.participant = 'user:there'
    union all
    select 'key', concat_ws(' ', k.id, k.revoked_at) from ablo.api_key k
     where k.participant = 'user:keys'
     order by 1, 2"""


@dataclass
class Scene:
    """The world with the scene in it. theirs: the names. at: a position after all of it."""

    world: Any
    theirs: Names
    at: int

    def state(self) -> list[Any]:
        """Return everything that a key without rights to it must leave as it is."""
        with psycopg.connect(self.world.db.admin_url) as conn:
            return conn.execute(STATE.encode()).fetchall()


async def play(world: Any) -> Scene:
    """Make it: a held row with a waiter, one that moved out and one that moved in, presence, a
    track, a receipt."""
    owner = await world.api("acme", OWNER)
    waiter = await world.api("acme", "agent:waiter")
    there = await world.api("acme", "user:there")
    key_id = made_key(world)
    for project in ("p1", "p2"):
        await owner.create("projects", project, name=project)
    await owner.create("tasks", "mine", title="mine", projectId="p1")
    await owner.create("tasks", "row-aaaaaa", title=SECRET, projectId="p2")
    await owner.create("projects", "prj-aaaaaa", name="theirs")
    await owner.create("tasks", "mov-aaaaaa", title="was mine", projectId="p1")
    moved = {"data": {"title": SECRET, "projectId": "p2"}}
    assert (await owner("PATCH", "/api/v1/models/tasks/mov-aaaaaa", moved)).is_success
    await owner.create("tasks", "entered", title=SECRET, projectId="p2")
    entered = {"data": {"title": "entered p1", "projectId": "p1"}}
    assert (await owner("PATCH", "/api/v1/models/tasks/entered", entered)).is_success
    held = {"description": SECRET, "claimId": "clm-aaaaaa", "ttl": "10m", "meta": {"w": SECRET}}
    row = ROW.format(row="row-aaaaaa")
    assert (await owner("POST", f"{row}/claim", held)).is_success
    assert (await waiter("POST", f"{row}/claim", held | {"claimId": "wai-aaaaaa"})).is_success
    track = {"operations": [], "track": [{"model": "tasks", "id": "row-aaaaaa"}]}
    answer = await owner("POST", "/api/v1/commits", track, idempotency_key="key-aaaaaa")
    assert answer.is_success
    activity = {"entityType": "task", "entityId": "row-aaaaaa", "detail": SECRET}
    said = {"activity": activity, "meta": {"syncGroups": ["projects:p2"]}}
    body = {"session": "ses-aaaaaa", "request": said | {"ttl": "10m"}}
    assert (await there("POST", "/api/v1/kernel/presence_beat", body)).is_success
    other = await world.api("other", OWNER)
    for each in (owner, other):
        await each.create(
            "projects", "last", name="END"
        )  # a stream that has shown it has shown all
    await owner("PATCH", "/api/v1/models/projects/p1", {"data": {"name": "END"}})
    head = await owner("POST", "/api/v1/kernel/log_head", {})
    theirs = {name: value.replace("n" * 6, "a" * 6) for name, value in NOBODYS.items()}
    theirs |= {"stx": answer.json()["serverTxId"], "capability": key_id}
    return Scene(world, theirs, head.json()["head"])


def made_key(world: Any) -> str:
    """Make a key of a third participant; return its id."""
    world.key("acme", "user:keys")
    with psycopg.connect(world.db.admin_url) as conn:
        row = conn.execute("select id from ablo.api_key where participant = 'user:keys'").fetchone()
    assert row is not None
    return str(row[0])


VOLATILE = re.compile(
    r'"(request_id|event_id|createdAt|statusAt|serverTxId|clientTxId|timestamp|after|next_cursor|seenAt'
    r'|since|expiresAt|id|token|capabilityId|fenceToken|readAt|declaredAt|grantedAt|endedAt)" ?: ?'
    r'("[^"]*"|\d+|null)'
)


def without_names(text: str, *names: Names) -> str:
    """Return an answer with what was asked for, and what differs from call to call, left out."""
    for each in names:
        for name, value in each.items():
            text = text if name in ("at", "home") else text.replace(value, f"<{name}>")
    return VOLATILE.sub(r'"\1"', text)
