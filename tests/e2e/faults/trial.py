"""One trial: relays, followers, load, a fault in the middle of it, and the verdict.

Every trial carries a follower that loses one delta of its thousands: its verdict has to name
exactly that one, or the trial says nothing about the others. All the while every relay is asked
whether it is ready, and a witness beside it says whether that was so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
import psycopg

from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.testing import DatabaseHandle

from .follower import Follower, Forgetful
from .judge import complaints, complaints_of_log
from .load import Load
from .readiness import AGE_LIMIT, EVERY
from .relays import PROGRAM, RelayProcess
from .wal_oracle import ORGANIZATION, SLOT, Truth, WalOracle
from .watch import WITNESS, Watch, testify

logger = logging.getLogger(__name__)

DELTAS = 3_000  # of a trial, at least; the long ones have many more
NAMES = ("a", "b")
CATCH_UP = 25.0  # seconds; a false alarm on a busy machine says nothing
GROWTH = 64 << 20  # bytes that a relay may grow by, whatever happens to it
READINESS = ("--set", f"canary_age={AGE_LIMIT:g}", "--set", f"canary_seconds={EVERY:g}")

SEED = "insert into tasks (id, organization_id, title) values (%s, 'acme', 'to be claimed')"
CLAIMED = "select count(distinct participant) from ablo.claim where description = 'following'"
LEFT = """
select 'slot ' || slot_name from pg_replication_slots
 where database = current_database() and slot_name <> %s
union all select 'session ' || application_name from pg_stat_activity
 where datname = current_database() and application_name like 'ablo%%'
union all select 'claim on ' || row_id from ablo.claim
 where status in ('active', 'queued') and expires_at > clock_timestamp()
union all select 'lock' from pg_locks
 where locktype = 'advisory' and not granted
   and database = (select oid from pg_database where datname = current_database())"""


@dataclass
class Trial:
    """A trial that runs: what a fault may lay its hands on."""

    db: DatabaseHandle
    oracle: WalOracle
    relays: list[RelayProcess]
    doors: list[str]
    watches: list[Watch] = field(default_factory=list)
    followers: list[Follower] = field(default_factory=list)
    load: Load = field(init=False)
    wrong: list[str] = field(default_factory=list)
    grown: list[int] = field(default_factory=list)  # bytes, of each relay

    async def flow(self, *who: Follower, deltas: int = 200) -> None:
        """Wait until the followers (all, or these) have got more, and a commit was confirmed."""
        confirmed = len(self.load.acknowledged)
        before = [(each, len(each.taken)) for each in who or self.followers]
        await until(
            lambda: (
                all(len(each.taken) >= then + deltas for each, then in before)
                and len(self.load.acknowledged) > confirmed
            ),
            what="deltas flow, commits are confirmed",
        )

    @asynccontextmanager
    async def coming_back(self, *who: Follower) -> AsyncIterator[None]:
        """At the end of the block, wait until the followers (all, or these) have a new session."""
        before = [(each, each.sessions) for each in who or self.followers]
        yield
        await until(
            lambda: all(each.sessions > then for each, then in before),
            "everybody is back",
        )

    def key(self, participant: str, organization: str = ORGANIZATION) -> str:
        """Make a key of an organization."""
        key = new_key("sk")
        with psycopg.connect(self.db.admin_url, autocommit=True) as conn:
            create_key(conn, organization, participant, key, {"prefix": "sk"})
        return key

    async def ready(self) -> None:
        """Wait until every relay says that it is ready, or has been caught at a lie."""
        await until(
            lambda: all(each.ready or each.lies() for each in self.watches), "ready is said"
        )


Fault = Callable[[Trial], Awaitable[None]]


async def wait_for(condition: Callable[[], object], seconds: float = CATCH_UP) -> bool:
    """Look again and again until it holds; tell whether it came to that."""
    with anyio.move_on_after(seconds):
        while True:
            if condition():
                return True
            await anyio.sleep(0.01)
    return False


async def until(condition: Callable[[], object], what: str, seconds: float = CATCH_UP) -> None:
    """Wait until it holds."""
    assert await wait_for(condition, seconds), f"in {seconds} s it did not come to this: {what}"


async def run_trial(
    db: DatabaseHandle,
    folder: Path,
    fault: Fault,
    *arguments: str,
    programs: Sequence[Sequence[str]] = (PROGRAM,),
    through: Callable[[RelayProcess], str] | None = None,
    reached: DatabaseHandle | None = None,
) -> Trial:
    """Run a fault under load and return the trial, with what went wrong.

    Args: arguments, of the relays. programs, one for each relay, run in the place of `ablo-pg`.
    through, makes the door of the followers to a relay. reached, the database as relays reach it.
    """
    processes = [
        RelayProcess(reached or db, folder / f"relay{n}", *READINESS, *arguments, program=program)
        for n, program in enumerate(programs)
    ]
    direct = [each.url for each in processes]
    doors = [through(each) for each in processes] if through else direct
    _seed(db)
    with WalOracle(db.admin_url) as oracle:
        trial = Trial(db, oracle, processes, doors)
        began = time.monotonic()
        try:
            for each in processes:
                await each.start()
            trial.load = Load(db.admin_url, trial.key("system:load"), direct)
            truth = await _under_load(trial, fault)
        finally:
            for each in processes:
                each.kill()
        _judge(trial, truth)
        await _nothing_left(db)
    sessions = sum(each.sessions for each in trial.followers)
    logger.info(
        "%.0f s, %d deltas, %d sessions of %d followers, relays grew by %s MiB, refused %s",
        *(time.monotonic() - began, len(truth.deltas), sessions, len(trial.followers)),
        *([each >> 20 for each in trial.grown], dict(trial.load.refused)),
    )
    return trial


async def _under_load(trial: Trial, fault: Fault) -> Truth:
    """Run followers, load and fault; return the truth when the followers know it, or never will."""
    _cast(trial)
    async with anyio.create_task_group() as group:
        for one in trial.followers:
            group.start_soon(one.run)
        for watch in trial.watches:
            group.start_soon(watch.run)
        group.start_soon(testify, trial.db.admin_url)
        await until(lambda: all(each.sessions for each in trial.followers), "all connect")
        await until(lambda: all(each.witness.passages for each in trial.watches), "all witness")
        await trial.ready()
        memory = [each.memory() for each in trial.relays]
        async with anyio.create_task_group() as writing:
            writing.start_soon(trial.load.run)
            await fault(trial)
            await trial.flow()
            while (written := trial.load.written) <= DELTAS:
                await until(partial(trial.load.has_written, written + 1), "something is written")
            trial.load.stopping = True
        await trial.ready()
        truth = await anyio.to_thread.run_sync(trial.oracle.read)
        head = truth.deltas[-1].id
        # Who does not get there is named by the verdict.
        await wait_for(lambda: all((each.position or 0) >= head for each in trial.followers))
        both = zip(trial.relays, memory, strict=True)
        trial.grown = [relay.memory() - before for relay, before in both]
        group.cancel_scope.cancel()
    return truth


def _seed(db: DatabaseHandle) -> None:
    """Write the rows that followers claim: the log begins before they come."""
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        for name in (*NAMES, "forgetful"):
            conn.execute(SEED, [f"seed-{name}"])


def _cast(trial: Trial) -> None:
    """Make followers and witnesses."""
    for number, name in enumerate(NAMES):
        doors = trial.doors[number % len(trial.doors) :] + trial.doors[: number % len(trial.doors)]
        trial.followers.append(Follower(name, trial.key(f"system:{name}"), doors))
    trial.followers.append(Forgetful("forgetful", trial.key("system:forgetful"), trial.doors))
    for each in trial.relays:
        trial.watches.append(Watch(each.url, trial.key("system:witness", WITNESS)))


def _judge(trial: Trial, truth: Truth) -> None:
    trial.wrong += complaints_of_log(truth, trial.load.acknowledged)
    trial.wrong += [f"a relay grew by {each} bytes" for each in trial.grown if each > GROWTH]
    for number, watch in enumerate(trial.watches):
        trial.wrong += [f"/ready of relay {number} {lie}" for lie in watch.lies()]
    for each in trial.followers:
        found = complaints(each.taken, truth)
        if isinstance(each, Forgetful):
            lost = each.lost and f"1 deltas are missing: [{each.lost.id}]"
            if lost not in found:
                trial.wrong.append(f"the lost delta {each.lost} was not found: {found}")
            continue
        trial.wrong += [f"{each.name}: {complaint}" for complaint in found + each.troubles]


async def _nothing_left(db: DatabaseHandle) -> None:
    with psycopg.connect(db.admin_url, autocommit=True) as conn:

        def left() -> list[str]:
            return [each for (each,) in conn.execute(LEFT, [SLOT])]

        assert conn.execute(CLAIMED).fetchone() == (len(NAMES) + 1,), "there was what to leave"
        await until(lambda: not left(), "nothing is left behind")
