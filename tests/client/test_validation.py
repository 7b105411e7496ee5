"""What a schema requires of rows holds for every writer, and each is told it in the same words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Self

import httpx
import psycopg
import pytest
from pydantic import field_validator, model_validator

from ablo_pg import (
    Ablo,
    AbloConflictError,
    AbloError,
    AbloValidationError,
    Model,
    Operation,
    check,
    define_schema,
    field,
    index,
)
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, template_database

from .conftest import MakeClient
from .relay_thread import GetRelay, make_key
from .shared import own_organization, shared, shared_db, shared_relay  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio


class Task(Model):
    title: str = field(min_length=1, max_length=5, pattern="^[a-z]")
    count: int = field(default=0, ge=0, le=5)
    price: Decimal | None = field(default=None, gt=0, lt=100, multiple_of=Decimal("0.05"))
    start_date: dt.date | None = field(default=None, ge=dt.date(2020, 1, 1))
    due_date: dt.date | None = None
    email: str | None = field(default=None, unique=True)
    owner: str | None = None
    labels: list[str] = field(default_factory=list)
    meta: dict[str, int] = field(default_factory=dict)
    dates_in_order = check("due_date >= start_date")
    one_at_a_time = index("owner", unique=True, where="count > 0")


class Range(Model):
    """What only Python can say."""

    low: int = 0
    high: int = 10
    note: str = ""

    @field_validator("note")
    @classmethod
    def of_words(cls, note: str) -> str:
        if note.isupper():
            raise ValueError("do not shout")
        return note

    @model_validator(mode="after")
    def in_order(self) -> Self:
        for hook in HOOKS:
            hook(self)
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


HOOKS: list[Callable[[Range], None]] = []
SCHEMA = define_schema(tasks=Task, ranges=Range)
MAY = dt.date(2026, 5, 1)
# What each breaks: the values, the field that the error names, and what it says.
BROKEN: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "le": ({"count": 99}, "count", "must be at least 0 and at most 5"),
    "ge": ({"count": -1}, "count", "must be at least 0 and at most 5"),
    "gt": ({"price": Decimal(0)}, "price", "must be more than 0, less than 100 and a multiple"),
    "lt": ({"price": Decimal(100)}, "price", "less than 100"),
    "multiple_of": ({"price": Decimal("0.07")}, "price", "a multiple of 0.05"),
    "min_length": ({"title": ""}, "title", "must be 1 or more characters long"),
    "max_length": ({"title": "abcdef"}, "title", "at most 5 characters long"),
    "pattern": ({"title": "Abc"}, "title", "text that matches ^[a-z]"),
    "a date": ({"start_date": dt.date(2019, 1, 1)}, "start_date", "at least 2020-01-01"),
    "check": (
        {"start_date": MAY, "due_date": dt.date(2026, 4, 1)},
        None,
        "must fulfil due_date >= start_date",
    ),
}
FINE: dict[str, Any] = {"title": "abc"}


@pytest.fixture(scope="session")
def client_template(cluster: Server) -> Iterator[str]:
    with template_database(cluster, SCHEMA) as name:
        yield name


@pytest.fixture
def schema() -> Any:
    return SCHEMA


def wire(data: dict[str, Any]) -> dict[str, Any]:
    """The data as JSON carries it."""
    names = {"start_date": "startDate", "due_date": "dueDate"}
    return {
        names.get(name, name): value if isinstance(value, int | str) else str(value)
        for name, value in data.items()
    }


@pytest.mark.parametrize("name", BROKEN)
async def test_a_client_is_refused(make_client: MakeClient, name: str) -> None:
    broken, field_name, says = BROKEN[name]
    async with make_client(schema=SCHEMA) as ablo:
        with pytest.raises(AbloValidationError) as caught:
            await ablo.tasks.create({**FINE, **broken})
        told(caught.value, field_name, says)
        row = await ablo.tasks.create(FINE)
        with pytest.raises(AbloValidationError) as caught:
            await ablo.tasks.update(row.id, broken)
        told(caught.value, field_name, says)
        assert await ablo.tasks.retrieve(row.id) == row


def told(error: AbloError, field_name: str | None, says: str) -> None:
    assert error.code == "check_violation"
    assert (error.model, error.field) == ("tasks", field_name)
    assert says in str(error)
    assert error.remedy


@pytest.fixture
def http(db: DatabaseHandle, get_relay: GetRelay, organization: str) -> Iterator[httpx.Client]:
    """Any program that speaks HTTP."""
    headers = {"authorization": f"Bearer {make_key(db, organization, 'agent:curl')}"}
    with httpx.Client(base_url=get_relay().url, headers=headers, timeout=30) as client:
        yield client


def test_lists_and_dicts_with_defaults_may_be_left_out(http: httpx.Client) -> None:
    made = http.post("/api/v1/models/tasks", json={"id": "t", "data": FINE})
    assert made.status_code == 201, made.text
    row = http.get("/api/v1/models/tasks/t").json()["data"]
    assert (row["labels"], row["meta"]) == ([], {})


def test_http_is_refused_alike(http: httpx.Client) -> None:
    made = http.post("/api/v1/models/tasks", json={"id": "t", "data": FINE})
    assert made.status_code == 201, made.text
    for broken, field_name, says in BROKEN.values():
        create = {"data": {**FINE, **wire(broken)}}
        answers = [
            http.post("/api/v1/models/tasks", json=create),
            http.patch("/api/v1/models/tasks/t", json={"data": wire(broken)}),
        ]
        for answer in answers:
            problem = answer.json()
            assert (answer.status_code, problem["code"]) == (400, "check_violation"), problem
            names = {"start_date": "startDate"}
            assert problem.get("param") == (names.get(field_name or "", field_name))
            assert says in answer.text


@pytest.mark.parametrize("name", BROKEN)
def test_plain_sql_is_refused(db: DatabaseHandle, organization: str, name: str) -> None:
    broken, field_name, _ = BROKEN[name]
    data = {"id": "t", "organization_id": organization, **FINE, **broken}
    insert = f"insert into tasks ({', '.join(data)}) values ({', '.join(['%s'] * len(data))})"
    with psycopg.connect(db.admin_url) as conn, pytest.raises(psycopg.errors.CheckViolation) as at:
        conn.execute(insert.encode(), list(data.values()))
    assert at.value.diag.constraint_name == (
        f"tasks_{field_name}_rules" if field_name else "tasks_dates_in_order_holds"
    )


async def test_a_batch_and_the_server_say_the_same(make_client: MakeClient) -> None:
    """Where no class looks first: the kernel refuses, and the whole commit with it."""
    async with make_client(schema=SCHEMA) as ablo:
        order = {"start_date": MAY, "due_date": MAY - dt.timedelta(1)}
        with pytest.raises(AbloValidationError) as caught:
            await ablo.commits.create(
                [
                    Operation("create", "tasks", "a", FINE),
                    Operation("create", "tasks", "b", {**FINE, **order}),
                ]
            )
        told(caught.value, None, "must fulfil due_date >= start_date")
        assert caught.value.details["rule"] == "must fulfil due_date >= start_date"
        assert await ablo.tasks.retrieve("a") is None


async def test_null_passes(make_client: MakeClient) -> None:
    async with make_client(schema=SCHEMA) as ablo:
        row = await ablo.tasks.create({**FINE, "due_date": MAY})
        assert (row.due_date, row.start_date, row.price) == (MAY, None, None)


async def test_what_is_unique_is_so_within_an_organization(
    make_client: MakeClient, organization: str
) -> None:
    async with (
        make_client(schema=SCHEMA) as ablo,
        make_client(organization=f"{organization}-2", schema=SCHEMA) as other,
    ):
        await ablo.tasks.create({**FINE, "email": "a@x"})
        await other.tasks.create({**FINE, "email": "a@x"})
        row = await ablo.tasks.create(FINE)
        for broken in (
            ablo.tasks.create({**FINE, "email": "a@x"}),
            ablo.tasks.update(row.id, {"email": "a@x"}),
        ):
            with pytest.raises(AbloError) as caught:
                await broken
            assert (caught.value.code, caught.value.field) == ("unique_violation", "email")
            assert "must be unique" in str(caught.value)
            assert "a@x" not in str(caught.value)


async def test_a_unique_index_holds_for_its_rows(make_client: MakeClient) -> None:
    async with make_client(schema=SCHEMA) as ablo:
        first = await ablo.tasks.create({**FINE, "owner": "ann", "count": 1})
        waits = await ablo.tasks.create({**FINE, "owner": "ann"})
        with pytest.raises(AbloConflictError) as caught:
            await ablo.tasks.update(waits.id, {"count": 1})
        assert (caught.value.code, caught.value.field) == ("unique_violation", "owner")
        assert "among rows that fulfil count > 0" in str(caught.value)
        await ablo.tasks.update(first.id, {"count": 0})
        await ablo.tasks.update(waits.id, {"count": 1})


async def test_validators_of_python_see_the_whole_row_of_an_update(make_client: MakeClient) -> None:
    async with make_client(schema=SCHEMA) as ablo:
        with pytest.raises(AbloValidationError, match="low is above high"):
            await ablo.ranges.create({"low": 11})
        row = await ablo.ranges.create({"low": 5})
        stamp = (await ablo.snapshot(ranges=row.id)).stamp
        refused = (
            lambda: ablo.ranges.update(row.id, {"high": 4}),
            lambda: ablo.ranges.update(row.id, lambda now: {"high": now.low - 1}),
            lambda: ablo.ranges.update(row.id, {"high": 4}, read_at=stamp),
            lambda: ablo.commits.create([Operation("update", Range, row.id, {"high": 4})]),
        )
        for write in refused:
            with pytest.raises(AbloValidationError) as caught:
                await write()
            assert caught.value.code == "validation_failed"
            assert "low is above high" in str(caught.value)
        with pytest.raises(AbloValidationError, match="do not shout"):
            await ablo.ranges.update(row.id, {"note": "LOUD"})
        assert (await ablo.ranges.update(row.id, {"high": 6})).high == 6
        both = [
            Operation("update", Range, row.id, {"high": 9}),
            Operation("update", Range, row.id, {"low": 8}),
        ]
        await ablo.commits.create(both)
        assert (await ablo.ranges.retrieve(row.id)).low == 8


async def test_the_row_that_was_validated_is_the_one_that_is_changed(
    make_client: MakeClient, db: DatabaseHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make_client(schema=SCHEMA) as ablo:
        row = await ablo.ranges.create({"low": 1})
        seen: list[int] = []

        def another_writer_is_faster(now: Range) -> None:
            seen.append(now.low)
            if len(seen) == 1:
                with psycopg.connect(db.admin_url) as conn:
                    conn.execute("update ranges set low = 5 where id = %s", [row.id])

        monkeypatch.setattr(f"{__name__}.HOOKS", [another_writer_is_faster])
        with pytest.raises(AbloValidationError, match="low is above high"):
            await ablo.ranges.update(row.id, {"high": 4})
        assert seen[0] == 1
        assert seen[-1] == 5


def test_the_sync_client_runs_the_same_validators(db: DatabaseHandle, organization: str) -> None:
    with Ablo(
        schema=SCHEMA,
        database_url=db.database_url,
        organization=organization,
        participant="user:ann",
    ) as ablo:
        row = ablo.ranges.create({"low": 5})
        with pytest.raises(AbloValidationError, match="low is above high"):
            ablo.ranges.update(row.id, {"high": 4})
        assert ablo.ranges.update(row.id, {"high": 5}).high == 5
