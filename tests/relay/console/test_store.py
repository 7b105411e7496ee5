"""What the page keeps: the newest of everything, never more than so much, nothing twice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .chromium import Page
from .conftest import Site

pytestmark = pytest.mark.anyio

DELTA = """const delta = (id, row, type = 'I', data = {}) => ({
  id, actionType: type, modelName: 'Task', modelId: row,
  createdAt: '2026-01-01T00:00:00Z', actor: { kind: 'agent', id: 'a' },
  data: type === 'D' ? null : { id: row, updatedAt: new Date(id * 1000).toISOString(), ...data } });
  const rows = new Rows({ key: 'tasks' }), log = new Log(), room = new Room();
  const ids = () => rows.sorted().map((entry) => entry.data.id).join();"""


@pytest.fixture
async def modules(site: Site, page: Page) -> Page:
    """A page that can import the console's modules."""
    await page.call("Page.navigate", url=f"{site.url}/console/")
    await page.wait_for("document.querySelector('#key')?.offsetParent")
    return page


async def done(page: Page, script: str) -> Any:
    """Run statements beside the store; return what they return."""
    names = "{ Rows, Log, Room, MOST }"
    body = f"const {names} = await import('/console/store.js'); {DELTA} {script}"
    return json.loads(await page.run(f"(async () => {{ {body} }})().then(JSON.stringify)"))


async def test_however_long_it_stays_open_it_keeps_so_much(modules: Page) -> None:
    kept = await done(
        modules,
        """for (let id = 1; id <= 5000; id++) {
          const long = { title: 'x'.repeat(5000), meta: { a: 'y'.repeat(9000) } };
          const one = delta(id, 'r' + id, 'I', long);
          rows.take(one); log.take(one);
          room.meet({ kind: 'enter', participantKind: 'user', userId: 'u' + id, activeClaims: [] });
          room.line({ target: { type: 'task', id: 'r' + id }, queue: [{}] });
        }
        for (let id = 5001; id < 9000; id += 2) {
          rows.take(delta(id, 'd' + id));
          rows.take(delta(id + 1, 'd' + id, 'D'));
        }
        rows.take(delta(9001, 'r5000', 'U'));
        return [rows.byId.size, log.lines.length, room.people.size, room.waiting.size,
          rows.changes.size, JSON.stringify(rows.byId.get('r4999').data).length,
          ids().split(',')[0], MOST];""",
    )
    size, lines, people, waiting, changes, characters, first, most = kept
    assert most["rows"] <= size <= most["rows"] * 1.25
    assert most["log"] <= lines <= most["log"] * 1.25
    assert (people, waiting) == (most["people"], most["lines"])
    assert changes <= most["rows"] * 4
    assert characters < 3 * most["text"]
    assert first == "r5000"


async def test_nothing_is_taken_twice_or_backwards(modules: Page) -> None:
    taken = await done(
        modules,
        """rows.fill([{ id: 'a', title: 'ten' }, { id: 'b', title: 'two' }],
          [{ id: 'a', stamp: 10 }, { id: 'b', stamp: 2 }], 12);
        const took = [delta(9, 'a', 'U'), delta(10, 'a', 'D'), delta(11, 'c'), delta(13, 'c'),
          delta(13, 'c'), delta(14, 'gone', 'D'), delta(15, 'b', 'D')].map((one) => rows.take(one));
        for (const id of [3, 4, 4, 2, 5]) log.take(delta(id, 'a'));
        return [took, ids(), log.lines.map((line) => line.id)];""",
    )
    assert taken[0] == [False, False, False, True, False, False, True]
    assert taken[1].split(",") == ["c", "a"]
    assert taken[2] == [3, 4, 5]


async def test_a_row_that_was_updated_last_is_on_top(modules: Page) -> None:
    orders = await done(
        modules,
        """for (const id of [1, 2, 3]) rows.take(delta(id, 'r' + id));
        const orders = [ids()];
        rows.take(delta(4, 'r1', 'U', { title: 'urgent' })); orders.push(ids());
        rows.take(delta(5, 'r3', 'A')); orders.push(ids());
        rows.take(delta(6, 'r3', 'V')); orders.push(ids());
        return [...orders, rows.changes.get('r1').kind, rows.changes.get('r3').kind];""",
    )
    assert orders == ["r3,r2,r1", "r1,r3,r2", "r1,r2", "r3,r1,r2", "new", "new"]


async def test_claims_come_and_go_with_who_holds_them(modules: Page) -> None:
    states = await done(
        modules,
        """const states = [];
        const who = (claims) => claims.map((claim) => claim.who);
        const say = () => states.push([...room.targets().values()].map(
          (each) => [each.where, who(each.held), who(each.waiting)]));
        const claim = { claimId: 'c', entityType: 'task', entityId: 't:1' };
        const target = { type: 'task', id: 't:1' };
        const waiter = { target, heldBy: 'b', participantKind: 'user' };
        const here = { participantKind: 'agent', userId: 'a' };
        room.meet({ kind: 'enter', ...here, activeClaims: [claim] }); say();
        room.line({ target, queue: [waiter] }); say();
        room.meet({ kind: 'update', ...here, activeClaims: [] }); say();
        room.line({ target, queue: [] }); say();
        room.meet({ kind: 'leave', ...here }); room.clear(); say();
        return [...states, room.people.size];""",
    )
    assert states == [
        [["task:t:1", ["agent:a"], []]],
        [["task:t:1", ["agent:a"], ["user:b"]]],
        [["task:t:1", [], ["user:b"]]],
        *([], [], 0),
    ]
