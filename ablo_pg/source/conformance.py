"""What a service relies on, checked from outside: on any endpoint, in any language.

    results = check(Caller("https://owner.example/ablo", key), model="task", row={"title": "x"})

`ablo-pg source check` runs it; `testing` makes tests of it for one's own adapter. It makes, changes
and deletes rows of one model, under ids of its own, and reads the outbox to its end. Each check
stands for itself: one that fails says what was expected, what came, and what goes wrong in
production without it.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from ablo_pg.json_text import dumps
from ablo_pg.source import signing
from ablo_pg.source.caller import Caller, Failed, shortened
from ablo_pg.source.requests import Row

__all__ = ["CHECKS", "Caller", "Failed", "Result", "Suite", "check"]

PAGES: Final = 10_000  # of events, before an outbox counts as endless


@dataclass(frozen=True, slots=True)
class Result:
    """One check. problem: '' if it passed. why: what a service relies on it for."""

    name: str
    why: str
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether it passed."""
        return not self.problem


@dataclass(slots=True)
class Suite:
    """The checks of one endpoint, in their order; later ones build on the rows of earlier ones."""

    call: Caller
    model: str
    row: Row
    changed: Row
    prefix: str
    cursor: str | None = None

    def id(self, number: int) -> str:
        """Return the id of one of its rows."""
        return f"{self.prefix}-{number}"

    def create(self, number: int, correlation: str, **parts: object) -> Row:
        """Create a row under a correlation id."""
        return self.commit(correlation, [self.creation(number)], **parts)

    def creation(self, number: int) -> Row:
        """Return the operation that creates a row."""
        return {
            "type": "CREATE", "model": self.model, "id": self.id(number), "input": self.row,
            "transactionId": f"tx-{number}",
        }  # fmt: skip

    def commit(self, correlation: str, operations: Sequence[Row], **parts: object) -> Row:
        """Commit under a correlation id."""
        return self.call.ask("commit", **self.request(correlation, operations), **parts)

    def request(self, correlation: str, operations: Sequence[Row]) -> Row:
        """Return the parts of a commit, with the hash of what it means."""
        meant = hashlib.sha256(dumps(operations)).hexdigest()
        return {"operations": operations, "correlationId": correlation, "intentHash": meant}

    def load(self, number: int) -> Row | None:
        """Load a row."""
        found: Row | None = self.call.ask("load", model=self.model, id=self.id(number)).get("row")
        return found

    def drain(self, limit: int = 100) -> list[Row]:
        """Read the outbox from the last cursor to its end."""
        found: list[Row] = []
        for _ in range(PAGES):
            given = {} if self.cursor is None else {"cursor": self.cursor}
            page = self.call.ask("events", limit=limit, **given)
            events = page["events"]
            expect(len(events) <= limit, f"{len(events)} events came, limit was {limit}")
            found += events
            if not events:
                return found
            following = page.get("nextCursor")
            expect(following != self.cursor, "nextCursor does not advance")
            self.cursor = following
        raise Failed("the outbox has no end")

    def own(self, events: Sequence[Row]) -> list[Row]:
        """Return those events that are of the suite's rows."""
        return [one for one in events if str(one.get("entityId", "")).startswith(self.prefix)]


def expect(holds: object, problem: str) -> None:
    """Raise Failed unless it holds."""
    if not holds:
        raise Failed(problem)


def signature(suite: Suite) -> None:
    body = suite.call.body("load", model=suite.model, id=suite.id(0))
    right = suite.call.headers(body)
    for name, headers in {
        "no signature": {k: v for k, v in right.items() if k != signing.SIGNATURE},
        "another key": suite.call.headers(body, key="another"),
        "another body": suite.call.headers(body + b" "),
        "ten minutes ago": suite.call.headers(body, now=time.time() - 600),
        "in ten minutes": suite.call.headers(body, now=time.time() + 600),
        "no id": {k: v for k, v in right.items() if k != signing.ID},
    }.items():
        status, _ = suite.call.raw(body, headers)
        expect(status == 401, f"{name}: 401 expected, {status} came")


def unknown_requests(suite: Suite) -> None:
    for body in (b"{", b'{"type":"drop"}', b'{"type":"load"}', b"[]"):
        status, _ = suite.call.raw(body)
        expect(status == 400, f"{body!r}: 400 expected, {status} came")


def create_returns_the_row(suite: Suite) -> None:
    (row,) = suite.create(1, f"{suite.prefix}-a")["rows"]
    same(suite, row, suite.row)
    expect(row.get("id") == suite.id(1), f"the row's id is {row.get('id')!r}")


def load_hits_and_misses(suite: Suite) -> None:
    found = suite.load(1)
    expect(found is not None, "the row that was created is not found")
    same(suite, found or {}, suite.row)
    expect(suite.load(999) is None, "a row that was never created is found")


def list_finds_it(suite: Suite) -> None:
    query = {"where": [["id", suite.id(1)]], "limit": 10}
    found = suite.call.ask("list", model=suite.model, query=query)["rows"]
    ids = [one["id"] for one in found]
    expect(ids == [suite.id(1)], f"a list by id has {ids}")


def a_replay_adds_nothing(suite: Suite) -> None:
    first = suite.create(2, f"{suite.prefix}-b")["rows"]
    again = suite.create(2, f"{suite.prefix}-b")["rows"]
    expect(first == again, f"the replay's rows differ: {shortened(again)}")


def another_intent_is_refused(suite: Suite) -> None:
    parts = suite.request(f"{suite.prefix}-b", [suite.creation(3)])
    status, code = suite.call.refused("commit", **parts)
    expect(code == "idempotency_conflict", f"idempotency_conflict expected, {status} {code} came")
    expect(suite.load(3) is None, "the refused commit has written its row")


def at_once_it_applies_once(suite: Suite) -> None:
    with ThreadPoolExecutor(4) as threads:
        made = [threads.submit(suite.create, 4, f"{suite.prefix}-d") for _ in range(4)]
        answers = [one.result()["rows"] for one in made]
    expect(all(one == answers[0] for one in answers), "the answers of one commit differ")


def a_later_commit_applies(suite: Suite) -> None:
    operation = {
        "type": "UPDATE", "model": suite.model, "id": suite.id(1), "input": suite.changed,
        "transactionId": "tx-update",
    }  # fmt: skip
    (row,) = suite.commit(f"{suite.prefix}-e", [operation])["rows"]
    same(suite, row, suite.changed)
    same(suite, suite.load(1) or {}, suite.changed)


def a_failed_commit_leaves_nothing(suite: Suite) -> None:
    missing = {"type": "UPDATE", "model": suite.model, "id": suite.id(998), "input": suite.changed}
    parts = suite.request(f"{suite.prefix}-f", [suite.creation(5), missing])
    status, code = suite.call.refused("commit", **parts)
    expect(status >= 400, f"an update of a missing row is accepted ({status} {code})")
    expect(suite.load(5) is None, "the first operation of a refused commit has landed")


def a_commit_needs_a_correlation_id(suite: Suite) -> None:
    status, code = suite.call.refused("commit", operations=[suite.creation(6)])
    wanted = "source_commit_requires_correlation_id"
    expect((status, code) == (400, wanted), f"400 {wanted} expected, {status} {code} came")


def events_tell_of_each_once(suite: Suite) -> None:
    own = suite.own(suite.drain(2))
    told = [(one["entityId"], one["type"]) for one in own]
    wanted = [
        (suite.id(1), "CREATE"), (suite.id(2), "CREATE"), (suite.id(4), "CREATE"),
        (suite.id(1), "UPDATE"),
    ]  # fmt: skip
    kinds = [(name, type_.upper()) for name, type_ in told]
    expect(kinds == wanted, f"the events of the suite's rows are {told}, not {wanted}")
    ids = [one["id"] for one in own]
    expect(len(set(ids)) == len(ids), "two events have one id")


def events_name_their_commit(suite: Suite) -> None:
    suite.create(7, f"{suite.prefix}-g")
    own = suite.own(suite.drain())
    expect(len(own) == 1, f"one event expected, {len(own)} came")
    (event,) = own
    expect(
        event.get("correlationId") == f"{suite.prefix}-g",
        f"correlationId is {event.get('correlationId')!r}",
    )
    expect(event.get("transactionId") == "tx-7", f"transactionId is {event.get('transactionId')!r}")
    expect(event.get("clientTxId") is None, "clientTxId is set")


def a_replay_adds_no_event(suite: Suite) -> None:
    suite.create(7, f"{suite.prefix}-g")
    own = suite.own(suite.drain())
    expect(own == [], f"the replay has added {len(own)} events")


def an_answered_commit_is_in_the_outbox(suite: Suite) -> None:
    for number in range(20, 30):
        suite.create(number, f"{suite.prefix}-h{number}")
        own = suite.own(suite.drain())
        expect(
            [one["entityId"] for one in own] == [suite.id(number)],
            f"the event of an answered commit is not there: {own}",
        )


def no_event_is_skipped(suite: Suite) -> None:
    numbers = range(100, 140)
    seen: list[Row] = []
    with ThreadPoolExecutor(8) as threads:
        made = [threads.submit(suite.create, n, f"{suite.prefix}-i{n}") for n in numbers]
        while not all(one.done() for one in made):
            seen += suite.own(suite.drain(5))
        for one in made:
            one.result()
    seen += suite.own(suite.drain(5))
    lost = {suite.id(n) for n in numbers} - {one["entityId"] for one in seen}
    expect(not lost, f"a reader that followed has missed {len(lost)} of {len(numbers)} events")
    expect(len(seen) == len(numbers), f"{len(seen)} events came for {len(numbers)} commits")


def a_delete_removes_it(suite: Suite) -> None:
    operation = {"type": "DELETE", "model": suite.model, "id": suite.id(1)}
    suite.commit(f"{suite.prefix}-j", [operation])
    expect(suite.load(1) is None, "the deleted row is still found")
    own = suite.own(suite.drain())
    expect([one["type"].upper() for one in own] == ["DELETE"], f"its events are {own}")


CHECKS: Final[tuple[tuple[Callable[[Suite], None], str], ...]] = (
    (signature, "others than the service could read and write"),
    (unknown_requests, "a service cannot tell its own fault from the endpoint's"),
    (create_returns_the_row, "clients get a row that is not the stored one"),
    (load_hits_and_misses, "reads are wrong"),
    (list_finds_it, "lists are wrong"),
    (a_replay_adds_nothing, "a commit whose answer was lost is applied twice"),
    (another_intent_is_refused, "a commit is taken for another, and lost"),
    (at_once_it_applies_once, "a retry during the first attempt applies twice"),
    (a_later_commit_applies, "only creates work"),
    (a_failed_commit_leaves_nothing, "half of a commit lands"),
    (a_commit_needs_a_correlation_id, "a commit without one cannot be repeated safely"),
    (events_tell_of_each_once, "subscribers miss changes, or get them twice"),
    (events_name_their_commit, "the service takes its own write for another's"),
    (a_replay_adds_no_event, "subscribers get a change twice"),
    (an_answered_commit_is_in_the_outbox, "a crash after the answer loses the change"),
    (no_event_is_skipped, "a change that commits late is never delivered"),
    (a_delete_removes_it, "deleted rows stay"),
)


def check(
    call: Caller, *, model: str = "task", row: Row | None = None, changed: Row | None = None
) -> Iterator[Result]:
    """Run all checks in turn; yield each result as it is known.

    Args:
        model: the model to use. row: fields for new rows of it. changed: fields that an update
            changes, to other values.
    """
    made = {"title": "conformance"} if row is None else row
    after = {"title": "changed"} if changed is None else changed
    suite = Suite(call, model, made, after, f"conformance-{uuid.uuid4().hex[:12]}")
    try:
        suite.drain()
    except Failed as exc:
        yield Result("the outbox can be read", "nothing can be followed", str(exc))
        return
    for test, why in CHECKS:
        name = test.__name__.replace("_", " ")
        try:
            test(suite)
        except Failed as exc:
            yield Result(name, why, str(exc))
        except (KeyError, TypeError, ValueError) as exc:
            yield Result(name, why, f"the answer has another shape: {type(exc).__name__}: {exc}")
        else:
            yield Result(name, why)


def same(suite: Suite, row: Row, wanted: Row) -> None:
    """Raise Failed unless a row has these values."""
    odd = {name: row.get(name) for name, value in wanted.items() if row.get(name) != value}
    expect(not odd, f"the row has {odd}, not {wanted}")
