"""What there is at first, and random writes."""

from __future__ import annotations

import random
from typing import Any

from ..http.world import World
from ..sight_world import Sql

PROJECTS = ("p1", "p2", "p3")
BOARDS = ("b1", "b2", "b3")


async def scene(world: World) -> Any:
    owner = await world.api("acme", "system:owner")
    await owner.create("projects", "p1", name="one")
    await owner.create("projects", "p2", name="two")
    await owner.create("boards", "b1", title="b", projectId="p1")
    await owner.create("boards", "b2", title="b", projectId="p2")
    await owner.create("projects", "p3", name="three")
    await owner.create("boards", "b3", title="b", projectId="p3")
    await owner.create("tasks", "t1", title="t", boardId="b1")
    await owner.create("tasks", "t2", title="t", boardId="b2")
    return owner


class Chance:
    """Random writes, by psql and over HTTP: grants made, moved, hidden, archived and taken back;
    rows, and whose they are."""

    def __init__(self, seed: int, sql: Sql, owner: Any) -> None:
        self._random = random.Random(seed)
        self._sql = sql
        self._owner = owner
        self._number = 0

    async def step(self) -> None:
        """Make one write or a transaction of several."""
        pick = self._random.choice
        project, board, user = pick(PROJECTS), pick(BOARDS), pick(("ann", "ann", "bob"))
        whose, role = pick(("ann", "bob", "zoe", None)), pick(("r", "hidden"))
        self._number += 1
        new = f"n{self._number}"
        kind = self._random.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11])
        if kind < 3:
            by = pick((self._grant_sql, self._grant_api))
            await by(f"m{new}", user, project, role)
        elif kind < 5:
            self._sql("delete from memberships where id = (select id from memberships"
                      " where user_id = %s order by random() limit 1)", user)  # fmt: skip
        elif kind == 5:
            self._sql("update memberships set project_id = %s, user_id = %s where id = (select id"
                      " from memberships order by random() limit 1)", project, user)  # fmt: skip
        elif kind == 6:
            self._sql("update memberships set archived_at = case when archived_at is null then"
                      " now() end, role = %s where id = (select id from memberships"
                      " order by random() limit 1)", role)  # fmt: skip
        elif kind == 7:
            self._sql("update tasks set owner = %s where id = (select id from tasks"
                      " order by random() limit 1)", whose)  # fmt: skip
        elif kind == 8:
            self._sql("insert into tasks (id, organization_id, title, board_id, owner)"
                      " values (%s, 'acme', 't', %s, %s)", new, board, whose)  # fmt: skip
            self._sql("update tasks set title = %s where id = %s", new, new)
        elif kind == 9:
            self._sql("update tasks set board_id = %s where id = (select id from tasks"
                      " order by random() limit 1)", board)  # fmt: skip
        elif kind == 10:
            self._sql("delete from tasks where id = (select id from tasks order by random()"
                      " limit 1)")  # fmt: skip
        else:
            owner = "null" if whose is None else f"'{whose}'"
            self._sql(f"do $$ begin insert into tasks (id, organization_id, title, board_id, owner)"
                      f" values ('{new}', 'acme', 'x', '{board}', {owner}); delete from memberships"
                      f" where user_id = 'ann'; insert into memberships (id, organization_id, role,"
                      f" user_id, project_id) values ('m{new}', 'acme', '{role}', 'ann',"
                      f" '{project}'); update tasks set title = 'y' where id = '{new}' or"
                      f" board_id = '{board}'; end $$")  # fmt: skip

    async def _grant_sql(self, row_id: str, user: str, project: str, role: str) -> None:
        self._sql("insert into memberships (id, organization_id, role, user_id, project_id)"
                  " values (%s, 'acme', %s, %s, %s)", row_id, role, user, project)  # fmt: skip

    async def _grant_api(self, row_id: str, user: str, project: str, role: str) -> None:
        await self._owner.create("memberships", row_id, userId=user, projectId=project, role=role)
