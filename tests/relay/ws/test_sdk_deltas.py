"""Bursts at a client that keeps the first of several deltas of one row that arrive together.

That is what the live clients of the TypeScript SDK do, in both generations; an update that comes
with its create is dropped, too. Rows must end up right with them, live and after a catch-up.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import pytest

from ablo_pg.relay.ws import pump

pytestmark = pytest.mark.anyio
ROWS: Final = 20


class Kept:
    """The rows of a client that keeps the first of what comes together."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.position = 0

    def take(self, deltas: list[dict[str, Any]]) -> None:
        """Take what one frame carries."""
        seen: set[str] = set()
        for delta in deltas:
            assert delta["id"] > self.position, "ids rise"
            self.position = delta["id"]
            if delta["modelId"] in seen:
                continue
            seen.add(delta["modelId"])
            assert isinstance(delta["data"], str | None), "the row is text"
            if delta["data"] is None:
                self.rows.pop(delta["modelId"], None)
            else:
                self.rows[delta["modelId"]] = json.loads(delta["data"])["title"]

    async def follow(self, client: Any, last: int) -> None:
        """Take frames until the log's end."""
        while self.position < last:
            payload = await client.take("delta")
            self.take(payload.get("deltas", [payload]))


def burst(world: Any, rows: Sequence[str], steps: Sequence[str]) -> dict[str, str]:
    """Change rows in one transaction: create, update and delete, one after the other."""
    expected: dict[str, str] = {}
    statements = []
    for number, step in enumerate(steps):
        for row in rows:
            if step == "create":
                values = f"('{row}', 'acme', '{step}{number}', 'todo')"
                statements.append(
                    f"insert into tasks (id, organization_id, title, status) values {values}"
                )
            elif step == "update":
                statements.append(f"update tasks set title = '{step}{number}' where id = '{row}'")
            else:
                statements.append(f"delete from tasks where id = '{row}'")
            expected[row] = f"{step}{number}"
    world.sql(f"do $$ begin {'; '.join(statements)}; end $$")
    return {} if steps[-1] == "delete" else expected


BURSTS: Final = [
    ("update", "update"),
    ("update",) * 4,
    ("create", "update"),
    ("create", "update", "update"),
    ("create", "delete"),
    ("delete", "create", "update"),
]
NAMES: Final = [f"r{n}" for n in range(ROWS)]


def prepare(world: Any, steps: Sequence[str]) -> None:
    if steps[0] != "create":
        burst(world, NAMES, ["create"])


@pytest.mark.parametrize("steps", BURSTS, ids="-".join)
async def test_a_burst_arrives_live(world: Any, steps: Sequence[str]) -> None:
    prepare(world, steps)
    client = await (await world.client(every=False)).start()
    expected = burst(world, NAMES, steps)
    kept = Kept()
    await kept.follow(client, world.log()[-1])
    assert kept.rows == expected


@pytest.mark.parametrize("steps", BURSTS[1:4], ids="-".join)
async def test_a_burst_arrives_in_a_catch_up(world: Any, steps: Sequence[str]) -> None:
    prepare(world, steps)
    begin = (world.log() or [0])[-1]
    expected = burst(world, NAMES, steps)
    client = await world.client(every=False, cursor=begin)
    answer = await client.sync(cursor=str(begin), last=begin)
    kept = Kept()
    kept.take(answer["deltas"])
    assert kept.rows == expected
    assert kept.position == world.log()[-1] == int(answer["newCursor"])


async def test_who_asks_for_every_delta_gets_it(world: Any) -> None:
    client = await (await world.client(every=True)).start()
    burst(world, NAMES[:2], ["create", "update", "update"])
    deltas = await client.deltas(6)
    assert [delta["id"] for delta in deltas] == world.log()
    assert {type(delta["data"]) for delta in deltas} == {dict}


async def test_the_check_catches_frames_that_are_not_joined(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pump, "coalesce", lambda deltas: deltas)
    client = await (await world.client(every=False)).start()
    expected = burst(world, NAMES, ["create", "update"])
    kept = Kept()
    await kept.follow(client, world.log()[-1])
    assert kept.rows != expected
