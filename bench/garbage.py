"""Whether garbage harms a relay: generated requests, frames and calls, watched from outside.

Every route of the route table with every kind of key, every type of frame, and every routine that
the runtime login may execute, called directly. Meanwhile another organization reads its row. Exit
code 1, with a line for each fault, if there was a 5xx other than a time-out, a traceback in the
relay's log, a SQLSTATE that no caller is promised, a read of the other organization that failed or
took over 10 s, or a relay that is not ready afterwards or has kept over 10 % of its memory. Memory
is compared at rest: before the garbage, but after valid traffic of every kind, which loads and
fills what any relay has in use, and when the garbage has ended.

    python -m bench.garbage [--minutes 30] [--seed 1] [--postgres system|embedded]
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import websockets
from psycopg import sql
from starlette.routing import Route

from ablo_pg.cluster import Cluster
from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.relay.http.app import routes
from ablo_pg.testing import DatabaseHandle, make_database
from examples.tasks import schema

from .figures import figure, rounded
from .junk import Junk
from .soak import Office, relay_command, resident, work

FRAMES: Final = (
    *("commit", "claim_begin", "claim_abandon", "claim_reorder", "claim_heartbeat", "claim", "ack"),
    *("update_subscription", "sync_request", "bootstrap_request", "presence_update", "release"),
    *("ping", "nothing"),
)
PARAMETERS: Final = (
    "limit",
    "order_by",
    "order",
    "starting_after",
    "models",
    "syncGroups",
    "after",
)
# What a caller of a routine is promised: our own errors (AB...), a lock or a deadline that ran out,
# a conflict with another transaction, a right that is missing.
PROMISED: Final = re.compile(r"AB...|55P03|57014|40001|40P01|42501")
ANSWERED_5XX: Final = (503, 504)  # at capacity, not provisioned, timed out
LIKELY: Final[dict[str, tuple[str | None, ...]]] = {
    "p_organization": ("acme",),
    "p_participant": ("agent:b", "user:a", "system:c"),
    "p_model": ("tasks", "Task"),
    "p_id": ("t1", "t2"),
    "p_capability_id": (None,),
    "p_key_id": (None,),
}
WITNESS_SECONDS: Final = 10.0
WITNESS_PAUSE: Final = 0.01  # keeps it below its own key's rate
WARM_SECONDS: Final = 30.0  # of valid traffic
QUIET_SECONDS: Final = 6.0  # in which what was under way ends
REST_SECONDS: Final = 45.0  # in which freed memory goes back as well
JUDGED_MINUTES: Final = 5.0  # a shorter run says nothing about memory
ROUTINES: Final = """
    select n.nspname, p.proname, array(select format_type(t, null) from unnest(p.proargtypes) t),
           coalesce(p.proargnames, '{}')
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname in ('ablo', 'ablo_model') and p.prorettype <> 'trigger'::regtype
       and has_function_privilege('ablo_runtime', p.oid, 'execute')
     order by 1, 2"""


@dataclass
class Tally:
    """What was sent, what came back, and what should not have."""

    statuses: collections.Counter[str] = field(default_factory=collections.Counter)
    states: collections.Counter[str] = field(default_factory=collections.Counter)
    frames: int = 0
    witnessed: int = 0
    slowest: float = 0.0
    faults: collections.Counter[str] = field(default_factory=collections.Counter)
    over: float = 0.0  # when to end, on time.monotonic's clock

    def fault(self, text: str) -> None:
        """Note what should not have been."""
        self.faults[text] += 1

    @property
    def running(self) -> bool:
        return time.monotonic() < self.over


def make_keys(db: DatabaseHandle) -> list[str]:
    """Make a key of each kind; the last has its own organization, and reads."""
    kinds: list[tuple[str, str, dict[str, Any]]] = [
        ("acme", "system:junk", {"prefix": "sk"}),
        ("acme", "agent:junk", {"prefix": "rk", "operations": ["tasks.read", "tasks.update"]}),
        ("acme", "user:junk", {"prefix": "ek", "syncGroups": ["tasks:t1"]}),
        ("acme", "user:page", {"prefix": "pk"}),
        ("globex", "user:reader", {"prefix": "sk"}),
    ]
    keys = []
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        for organization, participant, asked in kinds:
            keys.append(new_key(asked["prefix"]))
            create_key(conn, organization, participant, keys[-1], asked)
    return keys


async def over_http(client: httpx.AsyncClient, keys: list[str], junk: Junk, tally: Tally) -> None:
    """Send requests to every route, again and again."""
    table = [
        (method, route.path)
        for route in routes()
        if isinstance(route, Route)
        for method in route.methods or ()
    ]
    while tally.running:
        method, pattern = junk.chance.choice(table)
        path = re.sub(r"{[^}]*}", lambda _: path_part(junk), pattern)
        query = {name: junk.text()[:5000] for name in junk.chance.sample(PARAMETERS, 2)}
        query |= {junk.text()[:50]: junk.text()[:200]} if junk.chance.random() < 0.3 else {}
        token = junk.chance.choice((*keys[:-1], keys[0], keys[0], "sk_x", ""))
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        if junk.chance.random() < 0.3:
            headers["idempotency-key"] = junk.text()[:3000].encode("ascii", "ignore").decode()
        body = junk.body() if method in ("POST", "PATCH", "DELETE") else None
        try:
            async with asyncio.timeout(4):  # a stream with news has no end
                answer = await client.request(
                    method, path, params=query, headers=headers, content=body
                )
        except (TimeoutError, httpx.TimeoutException, httpx.InvalidURL, ValueError):
            tally.statuses["hung up"] += 1  # a stream without end, or never sent
            continue
        except httpx.HTTPError as exc:
            tally.statuses[type(exc).__name__] += 1
            continue
        tally.statuses[str(answer.status_code)] += 1
        if answer.status_code >= 500 and answer.status_code not in ANSWERED_5XX:
            tally.fault(f"{answer.status_code} {method} {pattern}: {body!r:.300}")


def path_part(junk: Junk) -> str:
    """Return a part of a path; it is quoted by the client."""
    text = junk.text()[:300] or "x"
    return text.replace("/", "%2F").replace("?", "%3F").replace("#", "%23")


async def over_socket(url: str, keys: list[str], junk: Junk, tally: Tally) -> None:
    """Open sockets and send frames; what comes back is read and dropped."""
    while tally.running:
        names = (f"ablo.bearer.{junk.chance.choice(keys[:-1])}", "ablo.sync.v1")
        protocols = [websockets.Subprotocol(name) for name in names]
        cursor = junk.chance.choice(("", "0", "99999999999", "x"))
        address = f"{url.replace('http', 'ws')}/api/sync/ws?cursor={cursor}"
        try:
            async with websockets.connect(
                address,
                subprotocols=protocols,
                max_size=None,
                open_timeout=5,
                close_timeout=1,
            ) as socket:
                reading = asyncio.create_task(drain(socket))
                try:
                    for _ in range(junk.chance.randrange(5, 120)):
                        await asyncio.wait_for(socket.send(frame(junk)), 5)
                        tally.frames += 1
                        await asyncio.sleep(0.005)
                finally:
                    reading.cancel()
        except (OSError, TimeoutError, websockets.exceptions.WebSocketException) as exc:
            tally.statuses[f"socket: {type(exc).__name__}"] += 1


def frame(junk: Junk) -> str | bytes:
    """Return a frame of any type."""
    payload = junk.body() if junk.chance.random() < 0.1 else json.dumps(junk.mapping()).encode()
    kind = junk.chance.choice(FRAMES)
    text = f'{{"type":"{kind}","payload":{payload.decode("utf-8", "replace")}}}'
    return text if junk.chance.random() < 0.98 else payload


async def drain(socket: Any) -> None:
    async for _ in socket:
        pass


def over_kernel(url: str, junk: Junk, tally: Tally) -> None:
    """Call every routine that the runtime login may execute, with arguments of its types."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("set statement_timeout to '4s'")
        conn.execute("set lock_timeout to '1s'")
        known = conn.execute(ROUTINES).fetchall()
        while tally.running:
            space, name, types, names = junk.chance.choice(known)
            names = [*names, *[""] * len(types)]  # those of results are behind
            given = [argument(junk, *one) for one in zip(types, names, strict=False)]
            casts = sql.SQL(", ").join(
                sql.SQL("{}::{}").format(sql.Literal(quoted(value)), sql.SQL(kind))
                for value, kind in zip(given, types, strict=True)
            )
            call = sql.SQL("select {}.{}({})").format(
                sql.Identifier(space), sql.Identifier(name), casts
            )
            try:
                with conn.transaction(force_rollback=junk.chance.random() < 0.5):
                    conn.execute(call)
                tally.states["ok"] += 1
            except psycopg.Error as exc:
                state = exc.sqlstate or type(exc).__name__
                tally.states[state] += 1
                if not PROMISED.fullmatch(state):
                    tally.fault(f"{state} {name}: {str(exc).splitlines()[0][:120]} {given!r:.400}")


def quoted(value: Any) -> Any:
    """Return a number as text: a sign before a cast would be put on after it."""
    return str(value) if isinstance(value, int) else value


def argument(junk: Junk, kind: str, name: str) -> Any:
    """Return a value of a type, as text that the type takes; null now and then.

    Where a call would end at who asks for what, that is mostly right.
    """
    if name in LIKELY and junk.chance.random() < 0.85:
        return junk.chance.choice(LIKELY[name])
    if junk.chance.random() < 0.08:
        return None
    makers: dict[str, Callable[[], Any]] = {
        "text": lambda: junk.text().replace("\x00", ""),
        "jsonb": lambda: json.dumps(junk.mapping()).replace("\\u0000", ""),
        "json": lambda: json.dumps(junk.mapping()).replace("\\u0000", ""),
        "integer": lambda: junk.chance.choice((0, 1, -1, 100, 1001, 2**31 - 1, -(2**31))),
        "bigint": lambda: junk.chance.choice((0, 1, -1, 100, 2**53, 2**63 - 1, -(2**63))),
        "boolean": lambda: junk.chance.choice((True, False)),
        "text[]": lambda: [junk.text() for _ in range(junk.chance.choice((0, 1, 3, 1500)))],
    }
    return makers[kind]() if kind in makers else None


def witness(url: str, key: str, tally: Tally) -> None:
    """Read another organization's row all the while; in a thread: the load stalls its own loop."""
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=WITNESS_SECONDS) as client:
        while tally.running:
            began = time.monotonic()
            try:
                answer = client.get("/api/v1/models/tasks/own")
                if answer.status_code != 200:
                    tally.fault(f"the other organization: {answer.status_code} {answer.text[:120]}")
            except httpx.HTTPError as exc:
                tally.fault(f"the other organization: {type(exc).__name__}")
            tally.witnessed += 1
            tally.slowest = max(tally.slowest, time.monotonic() - began)
            time.sleep(WITNESS_PAUSE)


async def warm(url: str, db: DatabaseHandle) -> None:
    """Send valid traffic of every kind for a third organization, then large bodies and pages."""
    key = new_key("sk")
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        create_key(conn, "initech", "system:warm", key, {"prefix": "sk"})
    ablo = None
    with suppress(TimeoutError):
        async with asyncio.timeout(WARM_SECONDS), asyncio.TaskGroup() as group:
            ablo = await work(Office(url, key), group)
    if ablo is None:
        sys.exit(f"the machine is too busy: no client within {WARM_SECONDS} s")
    await ablo.close()
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
        for path in ("/openapi.json", "/docs", "/metrics"):
            (await client.get(path)).raise_for_status()
        for size in (50_000, 300_000, 900_000):
            row = {"data": {"title": "x" * size, "status": "todo"}}
            await asyncio.gather(*(client.post("/api/v1/models/tasks", json=row) for _ in range(4)))


async def pour(url: str, pid: int, db: DatabaseHandle, seed: int, minutes: float) -> Tally:
    """Send garbage for so long; return what came of it."""
    keys, tally = make_keys(db), Tally()
    memory: list[float] = []
    judged = minutes >= JUDGED_MINUTES
    if judged:
        await warm(url, db)
        await asyncio.sleep(REST_SECONDS)
    before = resident(pid)
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=url, limits=limits) as client:
        row = {"id": "own", "data": {"title": "x", "status": "todo"}}
        made = await client.post(
            "/api/v1/models/tasks", json=row, headers={"authorization": f"Bearer {keys[-1]}"}
        )
        assert made.status_code == 201, made.text
        tally.over = time.monotonic() + minutes * 60
        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(over_http(client, keys, Junk(seed * 100 + number), tally))
            for number in range(2):
                group.create_task(over_socket(url, keys, Junk(seed * 100 + 50 + number), tally))
            kernel = Junk(seed * 100 + 70)
            group.create_task(asyncio.to_thread(over_kernel, db.database_url, kernel, tally))
            group.create_task(asyncio.to_thread(witness, url, keys[-1], tally))
            while tally.running:
                await asyncio.sleep(min(1.0, minutes * 6))
                memory.append(resident(pid))
    await asyncio.sleep(REST_SECONDS if judged else QUIET_SECONDS)
    after = resident(pid)
    async with httpx.AsyncClient(base_url=url) as client:
        ready = await client.get("/ready")
    if ready.status_code != 200:
        tally.fault(f"not ready afterwards: {ready.text[:200]}")
    if judged and after > 1.1 * before:
        tally.fault(f"memory: {before:.0f} MB at rest before the garbage, {after:.0f} MB after it")
    report(tally, before, memory, after)
    return tally


def report(tally: Tally, before: float, memory: list[float], after: float) -> None:
    """Print the figures; of the memory under load, medians about the end of each third."""
    span = max(1, len(memory) // 30)
    ends = [len(memory) * third // 3 for third in (1, 2, 3)]
    thirds = [rounded(statistics.median(memory[max(0, end - span) : end])) for end in ends]
    figure(
        "garbage: relay memory at rest, afterwards",
        after,
        "MB",
        ratio=after / before,
        yardstick="at rest after valid traffic",
        yardstick_value=before,
        thirds=thirds,
        most=max(memory),
    )
    figure(
        "garbage: slowest read of the other organization",
        tally.slowest,
        "s",
        samples=tally.witnessed,
    )
    figure("garbage: requests", sum(tally.statuses.values()), "", frames=tally.frames)
    print(json.dumps({"statuses": dict(tally.statuses.most_common())}))
    print(json.dumps({"sqlstates": dict(tally.states.most_common())}))


def main() -> int:
    """Run everything on a cluster of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", default="system", choices=["system", "embedded"])
    options = parser.parse_args()
    with (
        Cluster(prefer=options.postgres) as server,
        make_database(schema, server=server) as db,
        tempfile.TemporaryDirectory() as folder,
    ):
        log = Path(folder) / "relay.log"
        command, environment = relay_command(db)
        with (
            log.open("wb") as stderr,
            subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True
            ) as process,
        ):
            assert process.stdout is not None
            try:
                url = json.loads(process.stdout.readline())["url"]
                tally = asyncio.run(pour(url, process.pid, db, options.seed, options.minutes))
                if process.poll() is not None:
                    tally.fault(f"the relay ended: {process.returncode}")
            finally:
                process.terminate()
        said = log.read_text(errors="replace")
        if "Traceback" in said:
            tally.fault(f"a traceback: {said[said.index('Traceback') :][:3000]}")
    for fault, count in tally.faults.most_common():
        print(json.dumps({"fault": fault, "count": count}))
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
