"""Order, equality, cursor and identity go by the column's own comparison."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, Literal

import psycopg
import pytest

from ablo_pg import AbloError, AsyncAblo, Model, define_schema
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, apply_schema, make_database

pytestmark = [pytest.mark.anyio, pytest.mark.direct("of the kernel's lists and names of rows")]

REF: Final = uuid.UUID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
ANY_CASE: Final = """
create collation any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"""
DDL: Final = f"""
create extension citext;
create table words (
  id text primary key, organization_id text not null,
  email citext, label text collate any_case, code char(5), kind char(8), weight real,
  score double precision, price numeric(8, 2), at timestamp(0));
insert into words values
  ('1', 'acme', 'Ann@x', 'b', 'b', 'near', 0.1, 0.1, 1.5, '2024-01-01'),
  ('2', 'acme', 'bob@x', 'B', 'a', 'near', 0.2, 0.2, 2.5, '2024-01-02'),
  ('3', 'acme', 'Carl@x', 'a', 'aa', 'far', 0.3, 0.3, 3.5, '0044-03-15 BC'),
  ('4', 'acme', 'dora@x', 'A', 'B', 'far', 1e-30, 0.4, 4.5, '20231-01-01'),
  ('5', 'acme', 'BOB@y', 'ä', 'ab', 'near', 3e38, 0.5, 5.5, null),
  ('6', 'acme', null, null, null, 'near', null, null, null, null);
create table uuids (id uuid primary key, organization_id text not null, name text not null);
create domain key as uuid;
create table keys (id key primary key, organization_id text not null, name text not null);
insert into keys values ('{REF}', 'acme', 'n');
create table numbers (id int primary key, organization_id text not null, name text not null);
create table chars (id char(6) primary key, organization_id text not null, name text not null);
insert into uuids values ('{REF}', 'acme', 'n');
insert into numbers values (7, 'acme', 'n');
insert into chars values ('abc', 'acme', 'n');"""


class Word(Model):
    email: str | None = None
    label: str | None = None
    code: str | None = None
    kind: Literal["near", "far"]
    weight: float | None = None
    score: float | None = None
    price: Decimal | None = None
    at: dt.datetime | None = None


class Named(Model):
    name: str


class Uuid(Named):
    pass


class Key(Named):
    pass


class Number(Named):
    pass


class Char(Named):
    pass


SCHEMA: Final = define_schema(words=Word, uuids=Uuid, keys=Key, numbers=Number, chars=Char)
# Model: a row's name, and another spelling of it that its column calls equal.
SPELLINGS: Final = {
    "uuids": (str(REF), str(REF).upper()), "keys": (str(REF), f"{{{REF}}}"),
    "numbers": ("7", "+07"), "chars": ("abc", "abc "),
}  # fmt: skip
COLUMNS: Final = ("email", "label", "code", "kind", "weight", "score", "price", "at")
WHERE: Final[dict[str, tuple[list[list[Any]], str]]] = {
    "citext =": ([["email", "=", "ANN@X"]], "1"),
    "citext in": ([["email", "in", ["ann@x", "BOB@X", "none"]]], "12"),
    "citext !=": ([["email", "!=", "ann@x"]], "2345"),
    "citext not in": ([["email", "not_in", ["ann@x", "bob@x"]]], "345"),
    "citext <": ([["email", "<", "CARL@X"]], "125"),
    "citext like": ([["email", "like", "BOB%"]], "25"),
    "label =": ([["label", "=", "A"]], "34"),
    "label in": ([["label", "in", ["b", "c"]]], "12"),
    "label like": ([["label", "like", "a%"]], "3"),
    "label ilike": ([["label", "ilike", "a%"]], "34"),
    "char =": ([["code", "=", "b"]], "1"),
    "char = with blanks": ([["code", "=", "b  "]], "1"),
    "char like": ([["code", "like", "a"]], "2"),
    "char enum": ([["kind", "in", ["far"]]], "34"),
    "real =": ([["weight", "=", 0.1]], "1"),
    "real in": ([["weight", "in", [0.2, 1e300]]], "2"),
    "real < what none can be": ([["weight", "<", 1e300]], "12345"),
    "real > what is smaller than any": ([["weight", ">", 1e-300]], "12345"),
    "real = what none can be": ([["weight", "=", 1e300]], ""),
    "double precision =": ([["score", "=", 0.3]], "3"),
    "numeric, finer than its scale": ([["price", ">", "1.4999"], ["price", "<", "2.4999"]], "1"),
    "timestamp, finer than its precision": ([["at", "<", "2024-01-01T00:00:00.4Z"]], "13"),
    "timestamp, of another zone": ([["at", "=", "2024-01-01T05:45:00+05:45"]], "1"),
}


@pytest.fixture(scope="module")
def adopted(cluster: Server, kernel_template: str) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster, template=kernel_template) as handle:
        adopt(handle)
        yield handle


@pytest.fixture(scope="module")
def adopted_template(cluster: Server, kernel_template: str) -> Iterator[str]:
    """The name of a database whose tables were adopted, to be cloned."""
    with make_database(server=cluster, template=kernel_template) as handle:
        adopt(handle)
        yield handle.name


@pytest.fixture
def own(cluster: Server, adopted_template: str) -> Iterator[DatabaseHandle]:
    """A database of the test's own, to break things in."""
    with make_database(server=cluster, template=adopted_template) as handle:
        yield handle


def adopt(handle: DatabaseHandle) -> None:
    with psycopg.connect(handle.admin_url, autocommit=True) as conn:
        try:
            conn.execute(ANY_CASE)
        except psycopg.errors.FeatureNotSupported:  # a server without ICU
            conn.execute('create collation any_case from "C"')
        conn.execute(DDL.encode())
        apply_schema(handle.admin_url, SCHEMA)


def needs_icu(handle: DatabaseHandle, name: str) -> None:
    with psycopg.connect(handle.admin_url) as conn:
        query = "select from pg_collation where collname = 'any_case' and collisdeterministic"
        if name.startswith("label") and conn.execute(query).rowcount:
            pytest.skip("needs a server that is built with ICU")


def client(handle: DatabaseHandle, participant: str = "user:a") -> AsyncAblo:
    return AsyncAblo(
        schema=SCHEMA, database_url=handle.database_url, replication_url=handle.replication_url,
        organization="acme", participant=participant, timeout=30,
    )  # fmt: skip


def listed(conn: psycopg.Connection[Any], **query: Any) -> Any:
    row = conn.execute("select ablo.row_list('acme', 'user:a', 'words', %s)", [json.dumps(query)])
    return row.fetchone()[0]  # type: ignore[index]


def judged(handle: DatabaseHandle, premise: dict[str, Any]) -> None:
    """Commit something under a premise."""
    operation = {"action": "create", "model": "words", "id": "9", "data": {"kind": "far"}}
    request = json.dumps({"operations": [operation], "reads": [premise]})
    with psycopg.connect(handle.database_url) as conn:
        conn.execute("select ablo.commit('acme', 'user:b', 'k', %s)", [request])


def paged(conn: psycopg.Connection[Any], name: str, direction: str) -> list[str]:
    """Return the ids, one a page; endless pages are cut."""
    seen, after = [], None
    for _ in range(10):
        page = listed(conn, orderBy=[[name, direction]], limit=1, after=after)
        seen += [row["id"] for row in page["data"]]
        after = page["nextCursor"]
        if not page["hasMore"]:
            break
    return seen


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("name", COLUMNS)
def test_pages_show_each_row_once_in_the_columns_order(
    adopted: DatabaseHandle, name: str, direction: str
) -> None:
    needs_icu(adopted, name)
    query = f"select id from words order by {name} {direction} nulls last, id"
    with psycopg.connect(adopted.admin_url) as conn:
        wanted = [row_id for (row_id,) in conn.execute(query.encode())]
    with psycopg.connect(adopted.database_url) as conn:
        assert paged(conn, name, direction) == wanted


@pytest.mark.parametrize(("where", "wanted"), WHERE.values(), ids=WHERE)
def test_where_takes_what_the_column_calls_equal(
    adopted: DatabaseHandle, where: list[list[Any]], wanted: str
) -> None:
    needs_icu(adopted, where[0][0])
    with psycopg.connect(adopted.database_url) as conn:
        found = listed(conn, where=where, orderBy=[["id", "asc"]])["data"]
    assert "".join(row["id"] for row in found) == wanted


@pytest.mark.parametrize("value", ["x", [1], {"a": 1}, True])
def test_a_value_that_the_column_cannot_be_is_refused(adopted: DatabaseHandle, value: Any) -> None:
    with psycopg.connect(adopted.database_url) as conn, pytest.raises(psycopg.Error) as caught:
        listed(conn, where=[["weight", "=", value]])
    assert "column_type_mismatch" in str(caught.value.diag.message_detail)


def test_pages_that_compare_as_text_are_caught(own: DatabaseHandle) -> None:
    with psycopg.connect(own.admin_url, autocommit=True) as conn:
        source = conn.execute(
            "select pg_get_functiondef('ablo.field_compared'::regproc)"
        ).fetchone()
        assert source is not None
        mutant = source[0].replace("$function$;", "").rpartition("end\n$function$")[0]
        conn.execute((mutant + "  type := 'text'; operators := null;\nend\n$function$").encode())
        assert paged(conn, "email", "asc") != ["1", "2", "5", "3", "4", "6"]


async def test_what_a_filter_premise_calls_equal_is_what_a_list_does(own: DatabaseHandle) -> None:
    async with client(own) as ablo:
        page = await ablo.words.list(where={"email": "ANN@X", "kind": "near"})
        assert [row.id for row in page] == ["1"]
        with psycopg.connect(own.admin_url, autocommit=True) as conn:
            conn.execute("update words set email = 'ANN@x' where id = '2'")
        with pytest.raises(AbloError) as caught:
            await ablo.words.update("3", {"kind": "near"}, reads=[page])
    assert caught.value.code == "stale_context"


async def test_a_padded_enum_is_written_back_as_it_was_read(own: DatabaseHandle) -> None:
    async with client(own) as ablo, ablo.words.subscribe() as changes:
        read = await ablo.words.retrieve("3")
        assert (read.kind, read.code) == ("far", "aa")
        again = await ablo.words.update("3", {"kind": read.kind, "code": read.code, "weight": 0.3})
        assert (again.kind, again.code, again.weight) == ("far", "aa", 0.3)
        change = await anext(changes)
        assert (change.row.kind, change.row.code, change.changed) == ("far", "aa", ("updated_at",))


async def test_a_change_that_a_collation_calls_none_is_told(own: DatabaseHandle) -> None:
    needs_icu(own, "label")
    async with client(own) as ablo, ablo.words.subscribe() as changes:
        await ablo.words.update("1", {"label": "B"})
        change = await anext(changes)
    assert change.row.label == "B"
    assert "label" in change.changed


@pytest.mark.parametrize("model", SPELLINGS)
async def test_a_row_has_one_name(own: DatabaseHandle, model: str) -> None:
    name, other = SPELLINGS[model]
    async with client(own) as a, client(own, "user:b") as b:
        ours, theirs = getattr(a, model), getattr(b, model)
        assert (await theirs.retrieve(other)).id == name
        stamp = (await b.snapshot(**{model: other})).stamp  # type: ignore[arg-type]
        await ours.update(name, {"name": "by a"})
        assert [entry.row.name for entry in await theirs.history(id=other)] == ["by a"]
        for premise in (
            {"id": other, "readAt": stamp},
            {"id": other, "absent": True},
            {"where": [["name", "=", "n"]], "ids": [other], "readAt": stamp},
        ):
            with pytest.raises(psycopg.Error) as refused:
                judged(own, {"model": model} | premise)
            assert "stale_context" in str(refused.value.diag.message_detail)
        with pytest.raises(AbloError) as caught:
            await theirs.update(other, {"name": "by b"}, read_at=stamp, on_stale="reject")
        assert caught.value.code == "invalid_id"
        async with ours.claim(id=other) as claim:
            assert claim.row.id == name
            assert await theirs.claim(id=name, queue=False) is None
            assert await theirs.claim(id=other, queue=False) is None
            state = await theirs.claim.state(other)
            assert (state.row_id, state.held_by) == (name, "user:a")


async def test_a_premise_that_goes_by_the_spelling_is_caught(own: DatabaseHandle) -> None:
    with psycopg.connect(own.admin_url, autocommit=True) as conn:
        conn.execute("""create or replace function ablo.row_id(p_type text, p_id text) returns text
                        language sql immutable as 'select p_id'""")
    with pytest.raises(AssertionError):
        await test_a_row_has_one_name(own, "uuids")


@pytest.mark.parametrize(
    ("where", "order"),
    [
        ([["email", "=", "ANN@X"]], "email"),
        ([["label", "in", ["a", "b"]]], "label"),
        ([["code", "=", "b"]], ["code", "-email"]),
        ([["weight", "=", 0.1]], ["-weight"]),
        ([["kind", "=", "near"]], ["kind", "score"]),
        ([["price", ">", "1.4999"]], ["-price", "at"]),
        ([["price", "<>", "9.00"]], ["price", "id"]),
    ],
)
async def test_a_live_query_compares_as_columns_do(
    own: DatabaseHandle, where: Any, order: Any
) -> None:
    async with client(own) as ablo:
        words = ablo.model("words")
        async with words.live(where, order_by=order, limit=3) as live:
            for row_id, data in (
                ("5", {"email": "aNN@x", "label": "A", "code": "b", "weight": 0.1, "price": "9"}),
                ("2", {"email": "zz", "label": "B", "code": "B", "weight": 0.10000000149}),
                ("1", {"email": "ANN@X", "label": "b", "code": "a", "price": "1.5"}),
                ("6", {"email": "ann@X", "label": "a", "code": "b", "weight": 0.1, "score": 0.0}),
                ("3", None),
            ):
                if data is None:
                    with psycopg.connect(own.admin_url, autocommit=True) as conn:
                        conn.execute("update words set price = 'NaN' where id = %s", [row_id])
                else:
                    await words.update(row_id, data)
                found = await words.list(where, order_by=order, limit=3)
                while live.rows != found:  # a change that does not concern it is not waited for
                    await live._result.advance()
