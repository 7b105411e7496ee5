"""The suite passes on our adapter, over each driver, and catches endpoints that break a promise."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest

from ablo_pg.cluster import Server
from ablo_pg.source import Begin, Endpoint, SqlAdapter, Transaction, psycopg_transactions
from ablo_pg.source.conformance import CHECKS, Caller, Result, check
from ablo_pg.source.refused import Refused
from ablo_pg.source.requests import Commit
from ablo_pg.source.testing import NAMES, test_source_conforms

from .conftest import KEY, SCHEMA, caller

ROW = {"title": "a", "price": "12.50", "tags": ["x"], "percent": "5%"}
CHANGED = {"title": "b", "status": "it's done"}


def failed(endpoint: Endpoint, **scope: Any) -> dict[str, str]:
    found = list(check(caller(endpoint, **scope), row=ROW, changed=CHANGED))
    return {one.name: one.problem for one in found if not one.passed}


def test_each_driver_conforms(endpoint: Endpoint) -> None:
    found = list(check(caller(endpoint), row=ROW, changed=CHANGED))
    assert [one.problem for one in found if not one.passed] == []
    assert len(found) == len(CHECKS)


@pytest.fixture(scope="module")
def conformance(cluster: Server, owner_template: str) -> Iterator[list[Result]]:
    """What a test file of an owner has, for `test_source_conforms`, which is run here as well."""
    name = cluster.create_database(template=owner_template)
    with contextlib.closing(psycopg_transactions(cluster.url(name))) as begin:
        endpoint = Endpoint(SqlAdapter(SCHEMA, begin), api_key=KEY)
        yield list(check(caller(endpoint), row=ROW, changed=CHANGED))
    cluster.drop_database(name)


def told(name: str, results: list[Result]) -> str:
    with pytest.raises(pytest.fail.Exception) as failing:
        test_source_conforms(name, results)
    return str(failing.value)


def test_the_pytest_functions_fail_as_the_suite_does(pool: Begin) -> None:
    found = list(check(caller(Endpoint(HalfOfIt(SCHEMA, pool), api_key=KEY))))
    assert "half of a commit lands" in told("a failed commit leaves nothing", found)
    test_source_conforms("signature", found)
    nothing = list(check(Caller("http://127.0.0.1:1/ablo", KEY)))
    assert all("it was not reached" in told(name, nothing) for name in NAMES)
    assert all("cannot be reached" in told(name, nothing) for name in NAMES)


def test_a_tenant_s_endpoint_conforms(pool: Begin) -> None:
    endpoint = Endpoint(SqlAdapter(SCHEMA, pool), api_key=["old", KEY])
    assert failed(endpoint, organizationId="acme", participantId="ann") == {}


class ForgetsItsEvents(SqlAdapter):
    """Writes no event for updates."""

    def _note(self, tx: Transaction, one: Any, row: Any, request: Commit) -> None:
        if one.type != "UPDATE":
            super()._note(tx, one, row, request)


class AppliesReplays(SqlAdapter):
    """Takes each request for a new one."""

    def commit(self, request: Commit) -> Any:
        again = msgspec.structs.replace(request, correlation_id=f"{request.key} {time.time_ns()}")
        operations = [msgspec.structs.replace(one, id=f"{one.id}-{time.time_ns()}")
                      if one.type == "CREATE" and self._known(one.id) else one
                      for one in request.operations]  # fmt: skip
        return super().commit(msgspec.structs.replace(again, operations=operations))

    def _known(self, id: Any) -> bool:
        with self._begin() as tx:
            return bool(tx.run("select 1 from task where id = %s", [id]))


class IgnoresIntent(SqlAdapter):
    """Answers any request under a known id with the first rows."""

    def commit(self, request: Commit) -> Any:
        return super().commit(msgspec.structs.replace(request, intent_hash="0" * 64))


class AnswersTooEarly(SqlAdapter):
    """Answers before its transaction has committed: that happens when the next one comes."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.waiting: list[Commit] = []

    def commit(self, request: Commit) -> Any:
        while self.waiting:
            with contextlib.suppress(Refused):
                super().commit(self.waiting.pop())
        self.waiting.append(request)
        return [{"id": one.id, **(one.input or {})} for one in request.operations]


class Unordered(SqlAdapter):
    """One transaction draws its cursor, and commits when a reader has seen a later one."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.staged, self.read = threading.Lock(), threading.Event()
        self.drawn: int | None = None

    def _note(self, tx: Transaction, one: Any, row: Any, request: Commit) -> None:
        super()._note(tx, one, row, request)
        if one.id.endswith("-100") and self.staged.acquire(blocking=False):
            ((self.drawn,),) = tx.run("select currval('ablo_outbox_cursor_seq')")
            self.read.wait(10)

    def events(self, request: Any) -> Any:
        found = super().events(request)
        if self.drawn is not None and int(found[1] or 0) > self.drawn:
            self.read.set()  # a reader has passed the cursor that is not yet there
        return found


class HalfOfIt(SqlAdapter):
    """Commits each operation by itself."""

    def commit(self, request: Commit) -> Any:
        found = []
        for number, one in enumerate(request.operations):
            part = msgspec.structs.replace(
                request, operations=[one], correlation_id=f"{request.key}"
                if number == 0 else f"{request.key} {number}",
            )  # fmt: skip
            found += super().commit(part)
        return found


MUTANTS: dict[type[SqlAdapter], str] = {
    ForgetsItsEvents: "events tell of each once",
    AppliesReplays: "a replay adds nothing",
    IgnoresIntent: "another intent is refused",
    AnswersTooEarly: "load hits and misses",
    Unordered: "no event is skipped",
    HalfOfIt: "a failed commit leaves nothing",
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_suite_catches(
    mutant: type[SqlAdapter], pool: Begin, conn: psycopg.Connection[Any]
) -> None:
    if mutant is Unordered:
        conn.execute("drop trigger ablo_outbox_order on ablo_outbox")
    endpoint = Endpoint(mutant(SCHEMA, pool), api_key=KEY)
    assert MUTANTS[mutant] in failed(endpoint)


def test_the_suite_catches_an_open_endpoint(pool: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ablo_pg.source.signing.verify", lambda *args, **kwargs: None)
    endpoint = Endpoint(SqlAdapter(SCHEMA, pool), api_key=KEY)
    assert "signature" in failed(endpoint)
