"""A model with permissions, an oracle of them in plain Python, and every place that shows rows."""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg
from psycopg import Connection

from ablo_pg import Model, allow, define_schema
from ablo_pg.changefeed.permissions import Permissions
from ablo_pg.changefeed.view import View, seen
from ablo_pg.db.errors import translate
from ablo_pg.db.log import READ
from ablo_pg.db.routines import RawJsonLoader
from ablo_pg.delta import Delta
from ablo_pg.testing import DatabaseHandle

ORG = "acme"
ACTORS = ("user:ann", "user:bob", "agent:ann", "system:ann")


class Task(Model):
    owner_id: str | None = None
    status: Literal["draft", "public"] = "draft"
    level: int | None = None
    urgent: bool = False
    title: str = ""
    permissions = allow(
        read="owner_id = actor.user_id or status = 'public' and not urgent"
        " or actor.kind = 'agent' and level > 2",
        create="owner_id = actor.id",
        update="old.owner_id = actor.user_id and new.level is not null",
        delete="owner_id = actor.user_id and status <> 'public'",
    )


class Note(Model):
    title: str = ""


SCHEMA = define_schema(tasks=Task, notes=Note)
Row = dict[str, Any]
Sight = dict[str, Row]  # rows by id, as an actor sees them


def may_read(row: Row, actor: str) -> bool:
    kind, _, name = actor.partition(":")
    mine = kind == "user" and row["ownerId"] == name
    public = row["status"] == "public" and not row["urgent"]
    level = row["level"]
    return mine or public or (kind == "agent" and level is not None and level > 2)


def random_row(chance: random.Random) -> Row:
    return {
        "ownerId": chance.choice(["ann", "bob", None, "user:ann"]),
        "status": chance.choice(["draft", "public"]),
        "level": chance.choice([None, 0, 2, 3, 9]),
        "urgent": chance.random() < 0.3,
        "title": f"t{chance.randrange(9)}",
    }


@dataclass
class Scene:
    """One database. admin sees everything; runtime is a program's login."""

    handle: DatabaseHandle
    admin: Connection[Any]
    runtime: Connection[Any]
    permissions: Permissions = field(default_factory=Permissions)

    def call(self, routine: str, *args: object, **named: object) -> Any:
        """Call a routine of the kernel as a program does; raise as a client does."""
        places = ["%s"] * len(args) + [f"{name} => %s" for name in named]
        query = f"select ablo.{routine}({', '.join(places)})"
        try:
            row = self.runtime.execute(query, [*args, *named.values()]).fetchone()
        except psycopg.Error as exc:
            raise translate(exc) from exc
        return row and row[0]

    def commit(self, actor: str, *operations: Row, **request: Any) -> Any:
        body = json.dumps({"operations": operations, **request})
        return self.call("commit", ORG, actor, f"k{random.random()}", body)

    def key(self, actor: str) -> str:
        request = {"prefix": "rk", "hash": secrets.token_hex(32), "display": "rk_1234"}
        query = "select ablo.key_create(%s, %s, %s) ->> 'id'"
        row = self.admin.execute(query, (ORG, actor, json.dumps(request))).fetchone()
        assert row is not None
        return str(row[0])

    @contextmanager
    def acting(self, actor: str) -> Iterator[Connection[Any]]:
        """Plain SQL of a program's login, as this actor; rolled back."""
        with self.runtime.transaction(force_rollback=True):
            set_ = "select set_config('app.current_org_id', %s, true), "
            set_ += "set_config('app.current_participant_id', %s, true)"
            self.runtime.execute(set_, (ORG, actor))
            yield self.runtime

    def write(self, chance: random.Random, ids: list[str]) -> None:
        """Change some rows as an administrator, whom no permission binds."""
        with self.admin.transaction():
            for _ in range(chance.randint(1, 3)):
                self._write(chance, chance.choice(ids))

    def _write(self, chance: random.Random, name: str) -> None:
        row, how = random_row(chance), chance.random()
        values = [row["ownerId"], row["status"], row["level"], row["urgent"], row["title"], name]
        if how < 0.15:
            self.admin.execute("delete from tasks where id = %s", [name])
            return
        found = self.admin.execute(
            "update tasks set owner_id = %s, status = %s, level = %s, urgent = %s, title = %s"
            " where id = %s",
            values,
        )
        if not found.rowcount:
            self.admin.execute(
                "insert into tasks (owner_id, status, level, urgent, title, id, organization_id)"
                " values (%s, %s, %s, %s, %s, %s, 'acme')",
                values,
            )

    def rows(self) -> Sight:
        query = "select r.j ->> 'id', r.j from tasks t, ablo_model.tasks__row(t.*) r (j)"
        return dict(self.admin.execute(query).fetchall())


def expected(scene: Scene, actor: str) -> Sight:
    return {name: row for name, row in scene.rows().items() if may_read(row, actor)}


# Each returns what an actor sees of the rows, by one interface.


def by_sql(scene: Scene, actor: str) -> Sight:
    with scene.acting(actor) as conn:
        query = "select r.j ->> 'id', r.j from tasks t, ablo_model.tasks__row(t.*) r (j)"
        return dict(conn.execute(query).fetchall())


def by_list(scene: Scene, actor: str) -> Sight:
    page = scene.call("row_list", ORG, actor, "tasks", '{"limit": 1000}')
    return {row["id"]: row for row in page["data"]}


def by_get(scene: Scene, actor: str) -> Sight:
    read = {name: scene.call("row_get", ORG, actor, "tasks", name) for name in scene.rows()}
    return {name: found["row"] for name, found in read.items() if found["row"]}


def by_snapshot(scene: Scene, actor: str) -> Sight:
    targets = json.dumps([{"model": "tasks", "id": name} for name in scene.rows()])
    found = scene.call("snapshot_read", ORG, actor, targets)
    return {one["id"]: one["row"] for one in found["rows"] if one["row"]}


def by_at(scene: Scene, actor: str) -> Sight:
    head = scene.call("log_head", ORG)
    read = {
        name: scene.call("row_at", ORG, actor, "tasks", name, head)["row"] for name in scene.rows()
    }
    return {name: row for name, row in read.items() if row}


def by_history(scene: Scene, actor: str) -> Sight:
    found = {}
    for name in scene.rows():
        entries = scene.call("row_history", ORG, actor, "tasks", name, 1)["entries"]
        if entries and entries[0]["row"]:
            found[name] = entries[0]["row"]
    return found


def by_log_of_a_key(scene: Scene, actor: str) -> Sight:
    key = scene.key(actor)
    query = "select d.op, d.row_id, d.row from ablo.delta_read(%s, 0, 10000, null, %s) d"
    return replayed(scene.runtime.execute(query, (ORG, key)).fetchall())


def by_claims(scene: Scene, actor: str) -> Sight:
    """The rows whose claims are shown."""
    everything = scene.rows()
    found = scene.call("claim_list", ORG, actor, "tasks")
    return {one["target"]["id"]: everything[one["target"]["id"]] for one in found["claims"]}


def replayed(changes: list[Any]) -> Sight:
    """Apply changes as a replica does."""
    found: Sight = {}
    for op, name, row in changes:
        if op == "D":
            assert row is None
            found.pop(name, None)
        else:
            found[name] = row if isinstance(row, dict) else json.loads(row)
    return found


def deltas(scene: Scene) -> list[Delta]:
    """Read the log as a hub does, which no permission binds."""
    with psycopg.RawCursor(scene.runtime) as cursor:
        cursor.adapters.register_loader("json", RawJsonLoader)
        rows = cursor.execute(READ, (ORG, 0, 10000, None)).fetchall()
    return [made(row) for row in rows]


def made(row: tuple[Any, ...]) -> Delta:
    """Return the delta of a row of the log, as `db.log` reads it."""
    lists = {5, 7, 15, 17}
    values: list[Any] = [tuple(one or ()) if n in lists else one for n, one in enumerate(row)]
    values[13] = int(values[13])
    return Delta._make(values)


def by_hub(scene: Scene, actor: str) -> Sight:
    view = View(frozenset([f"org:{ORG}"]), None, actor)
    shown = [seen((view,), delta, scene.permissions) for delta in deltas(scene)]
    changes = [(one.op, one.row_id, one.row) for one in shown if one and one.model == "tasks"]
    return replayed(changes)


DOORS: tuple[Callable[[Scene, str], Sight], ...] = (
    by_sql,
    by_list,
    by_get,
    by_snapshot,
    by_at,
    by_history,
    by_log_of_a_key,
    by_hub,
    by_claims,
)
