"""A load of everything at once, and what every writer was told: batches that go set-wise, lone
commits, psql at three levels, COPY, claims, and migrations that add and drop a field.

Each change of a row has a mark of its own: the operation's transactionId, or the row's note. So a
mark that was acknowledged is in the log once, and one that was refused is not in it.
"""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import psycopg

from ablo_pg.compile.migration import MigrateOptions
from ablo_pg.errors import AbloError
from ablo_pg.kernel import Pace, admin_connection, migrate
from ablo_pg.schema import Field, FieldType

from ..migrate_site import schema
from .ground import Ground
from .models import SCHEMA

ORGANIZATIONS: Final = ("acme", "globex", "initech")
MODELS: Final = ("counters", "accounts")  # claims on accounts bind plain SQL too
ROWS: Final = 12  # of an organization and model; counters from PLAIN on are never claimed
PLAIN: Final = 6
EXTRA: Final = Field("extra", "extra", "extra", FieldType.STRING, optional=True)
WITHOUT: Final = SCHEMA.spec
WITH: Final = schema(
    *(
        replace(each, fields=(*each.fields, EXTRA)) if each.key in MODELS else each
        for each in WITHOUT.models
    )
)

# Writers may wait for a migration here. At the default pace it gives way to them: under a load as
# dense as this on a busy machine, for a minute at times.
PACE: Final = Pace(lock_timeout_ms=3000)

Json = dict[str, Any]


@dataclass(slots=True)
class Load:
    """What the writers share and what became of their writes.

    receipts: by idempotency key the answer and the marks of its operations. marks: what landed.
    ends: how often each writer was told what. added: whether the field is there; head: the newest
    sync id before it was added; changes: how often it came or went. stay: it may not go any more.
    """

    ground: Ground
    receipts: dict[str, tuple[Json, list[str]]] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)
    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[BaseException] = field(default_factory=list)
    added: bool = False
    head: int = 0
    changes: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    stay: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self, works: dict[str, Callable[[Load, str], None]]) -> Iterator[None]:
        """Let writers run until the block ends; the migration ends first, with the field there."""
        threads = [
            threading.Thread(target=self._guarded, args=(work, name), name=name)
            for name, work in works.items()
        ]
        change = threading.Thread(target=self._guarded, args=(migrations, "migrations"))
        for thread in (change, *threads):
            thread.start()
        try:
            yield
        finally:
            self.stay.set()
            change.join()
            self.stop.set()
            for thread in threads:
                thread.join()

    def turns(self, name: str) -> Iterator[Turn]:
        """Yield turns until the load ends."""
        dice = random.Random(name)
        while not self.stop.wait(0.002):
            yield Turn(self, name, dice, dice.choice(ORGANIZATIONS))

    def _guarded(self, work: Callable[[Load, str], None], name: str) -> None:
        try:
            work(self, name)
        except BaseException as failure:
            self.failures.append(failure)
            self.stop.set()


@dataclass(frozen=True, slots=True)
class Turn:
    """A writer's turn for an organization."""

    load: Load
    name: str
    random: random.Random
    organization: str

    def mark(self) -> str:
        return uuid.UUID(int=self.random.getrandbits(128)).hex

    def row(self, model: str, low: int = 0, high: int = ROWS) -> str:
        """A row that is there."""
        return f"{self.organization}-{model}-{self.random.randrange(low, high)}"

    def op(self, action: str, model: str, row: str, **more: Any) -> Json:
        """Return an operation with a mark; one in five knows the field that comes and goes."""
        mark = self.mark()
        operation = {"action": action, "model": model, "id": row, "transactionId": mark, **more}
        if action != "delete":
            operation["data"] = {"note": mark, "count": self.random.randrange(1000)}
            if self.random.random() < 0.2:
                operation["data"]["extra"] = mark
        return operation

    def ended(self, how: str) -> None:
        self.load.ends[self.name, how] += 1

    def landed(self, marks: list[str], key: str | None = None, receipt: Any = None) -> None:
        """Note what was acknowledged; a repetition has the same answer."""
        self.ended("landed")
        if key is not None:
            known = self.load.receipts.setdefault(key, (receipt, marks))
            assert known == (receipt, marks), f"{key}: {known}, then {receipt}"
        self.load.marks.update(marks)


def marks_of(request: Json) -> list[str]:
    return [operation["transactionId"] for operation in request["operations"]]


def migrations(load: Load, name: str) -> None:
    """Add the field and drop it with its column, again and again."""
    with admin_connection(load.ground.handle.admin_url) as conn:
        while not (load.added and load.stay.is_set()):
            if not load.added:
                load.head = newest(conn)
            spec, options = WITHOUT if load.added else WITH, MigrateOptions(drop=load.added)
            try:
                migrate(conn, spec, options, pace=PACE)
            except AbloError as error:
                load.ends[name, error.message] += 1
                if error.code != "lock_timeout":
                    raise
            else:
                load.added = not load.added
                load.changes += 1


def newest(conn: psycopg.Connection[Any]) -> int:
    """Return the newest sync id."""
    row = conn.execute("select coalesce(max(sync_id), 0) from ablo.delta").fetchone()
    assert row is not None
    return int(row[0])


def seed(load: Load) -> dict[str, int]:
    """Make the rows; return the log's head of each organization."""
    for organization in ORGANIZATIONS:
        for model in MODELS:
            for number in range(ROWS):
                mark = f"seed {organization} {model} {number}"
                load.marks.add(mark)
                load.ground.admin.execute(
                    f"insert into {model} (organization_id, id, note) values (%s, %s, %s)".encode(),
                    [organization, f"{organization}-{model}-{number}", mark],
                )
    query = "select organization_id, max(sync_id) from ablo.delta group by 1"
    return dict(load.ground.admin.execute(query).fetchall())
