"""A column may be called like anything that the SQL calls its own: aliases, variables, parameters.

In `f(t)` a column t hides the alias t, and a bare v_id may mean a column. So every word that the
kernel's routines and a compiled schema use for such a thing is collected here, and made a column.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Final

import psycopg
import pytest

from ablo_pg.cluster import Server
from ablo_pg.compile import compile_schema
from ablo_pg.compile.migration import Batches
from ablo_pg.compile.names import ident
from ablo_pg.errors import AbloError, AbloStaleContextError
from ablo_pg.kernel.files import sql_root
from ablo_pg.schema import EntityRole, Field, FieldType, ModelSpec, Relation, SchemaSpec, Tenancy
from ablo_pg.schema.check_models import SYSTEM_COLUMNS
from ablo_pg.schema.names import SYSTEM_WIRE
from ablo_pg.schema.wire_json import schema_hash
from ablo_pg.testing import make_database

from .board import Board, Caller, Json, op
from .claim_calls import claimer
from .key_calls import Holder, Keys, code_of
from .setwise import ROWS, codes, item, setwise

# What may be an alias, a variable or a parameter: any word of up to two letters, what begins like
# ours, and what follows a table or "as".
_WORDS: Final = re.compile(
    r"""(?<![\w%])(?:(\w{1,2}|[vp]_\w+)\b
    |(?:from|join|update|into)\s+(?:only\s+)?[\w.%$"]+(?:\([^()]*\))?\s+(?:as\s+)?([a-z_]\w*)
    |\bas\s+([a-z_]\w*))""",
    re.VERBOSE | re.IGNORECASE,
)
_ALWAYS: Final = ("new", "old", "found", "tg_op", "sqlerrm", "excluded", "row", "place", "page")
PARENT, MANY, ROLE = "t", "n", "r"
PLAIN: Final = Field("plain", "plain", "plain", FieldType.STRING, optional=True)


def words(*texts: str) -> set[str]:
    """Return what may be a name of ours in SQL texts, string constants included."""
    found = (next(filter(None, each)) for text in texts for each in _WORDS.findall(text))
    plain = {word.lower() for word in found if not word[0].isdigit()}
    return plain - SYSTEM_WIRE.keys() - SYSTEM_COLUMNS


def models(names: set[str]) -> SchemaSpec:
    """Three generations whose every field is one of these names, and a table of another make."""
    kinds = {MANY: FieldType.JSON}
    fields = tuple(
        Field(name, name, name, kinds.get(name, FieldType.STRING), optional=True)
        for name in sorted(names)
    )
    root = ModelSpec("roots", "v", "c", fields)
    parent = Relation("above", "belongsTo", "roots", PARENT, parent=True, fk=True)
    middle = ModelSpec("middles", "r", "r", fields, relations=(parent,))
    leaf = ModelSpec(
        "leaves",
        "t",
        "t",
        fields,
        relations=(Relation("above", "belongsTo", "middles", PARENT, parent=True, fk=True),),
        entity_roles=(EntityRole("one", ROLE), EntityRole("many", MANY, multi=True)),
        claims_bind_sql=True,
    )
    own = {"v_id", "v_organization"}
    theirs = ModelSpec(
        "theirs",
        "d",
        "d",
        tuple(field for field in fields if field.column not in own),
        id_column="v_id",
        tenancy=Tenancy("column", column="v_organization"),
    )
    made = SchemaSpec((root, middle, leaf, theirs))
    return SchemaSpec(made.models, hash=schema_hash(made))


def collected() -> set[str]:
    """Return the words of the kernel and of a schema that uses all that a schema can."""
    kernel = [path.read_text() for path in sorted(sql_root().glob("*/*.sql"))]
    compiled = compile_schema(models({"title", PARENT, MANY, ROLE})).statements
    bare = (re.sub(r"--.*", "", text) for text in (*kernel, *compiled))
    return words(*bare) | set(_ALWAYS)


@pytest.fixture(scope="module")
def names() -> set[str]:
    return collected()


@pytest.fixture(scope="module")
def shadowed(cluster: Server, kernel_template: str, names: set[str]) -> Iterator[Board]:
    """A database whose every column is called like something of ours."""
    with (
        make_database(models(names), server=cluster, template=kernel_template) as handle,
        Board(handle) as board,
    ):
        yield board


@pytest.fixture
def caller(shadowed: Board) -> Caller:
    return shadowed.caller(participant="user:ada")


def values(names: set[str], text: str) -> Json:
    """Return a value for every field but the owner."""
    return {name: [text] if name == MANY else text for name in names - {PARENT}}


@pytest.fixture
def family(caller: Caller, names: set[str]) -> str:
    """The id of a leaf, whose owner and its owner share it."""
    own = uuid.uuid4().hex[:12]  # in every field: a row has to fit a page
    caller.commit(
        op("create", "roots", own, values(names, own)),
        op("create", "middles", own, values(names, own) | {PARENT: own}),
        op("create", "leaves", own, values(names, own) | {PARENT: own}),
    )
    return own


def test_rows_are_written_set_wise(shadowed: Board, caller: Caller, names: set[str]) -> None:
    own, before = uuid.uuid4().hex[:12], setwise(shadowed)
    made = [op("create", "roots", f"{own}{n}", values(names, own)) for n in range(ROWS)]
    assert codes(caller.batch(map(item, made))) == [None] * ROWS
    changed = [op("update", "roots", f"{own}{n}", {MANY: [str(n)]}) for n in range(ROWS)]
    assert codes(caller.batch(map(item, changed))) == [None] * ROWS
    assert setwise(shadowed) == before + 2 * ROWS
    assert caller.get("roots", f"{own}7")["row"][MANY] == ["7"]


def test_what_is_ours_was_collected(names: set[str]) -> None:
    expected = {"t", "r", "j", "d", "n", "k", "x", "v", "v_id", "v_organization", "v_now", "v_1"}
    assert expected | {"p_id", "p_data", "p_groups", "v_groups", "new"} <= names


@pytest.mark.parametrize("model", ["leaves", "middles", "roots"])
def test_a_row_is_read_in_every_way(
    caller: Caller, family: str, names: set[str], model: str
) -> None:
    expected = values(names, family) | ({} if model == "roots" else {PARENT: family})
    row = caller.get(model, family)["row"]
    assert {name: row[name] for name in expected} == expected
    assert caller.snapshot([{"model": model, "id": family}])["rows"][0]["row"] == row
    plain = sorted(names - {MANY, PARENT})
    for some in (plain[at : at + 20] for at in range(0, len(plain), 20)):
        where = [[name, "=", family] for name in some]
        query = {"where": where, "orderBy": [[name, "desc"] for name in some[:3]], "limit": 1}
        assert caller.list(model, query)["data"] == [row], some
    grouped = caller.list(model, {"where": where, "groups": [f"org:{caller.organization}"]})
    assert grouped["data"] == [row]


def test_pages_go_on_by_any_column(caller: Caller, names: set[str]) -> None:
    mark = uuid.uuid4().hex[:12]
    for number in range(3):
        data = dict.fromkeys(names - {MANY, PARENT}, f"{mark}{number}")
        caller.commit(op("create", "roots", f"{mark}{number}", data))
    for name in ("v_id", "x", "j", "k", "d"):
        query = {"where": [[name, "like", f"{mark}%"]], "orderBy": [[name, "asc"]], "limit": 2}
        first = caller.list("roots", query)
        rest = caller.list("roots", query | {"after": first["nextCursor"]})
        found = [row["id"] for row in first["data"] + rest["data"]]
        assert found == [f"{mark}{number}" for number in range(3)], name


def test_a_row_is_written_in_every_way(
    shadowed: Board, caller: Caller, family: str, names: set[str]
) -> None:
    changed = values(names, "changed")
    caller.commit(op("update", "leaves", family, changed))
    row = caller.get("leaves", family)["row"]
    assert {name: row[name] for name in changed} == changed
    for action in ("archive", "unarchive"):
        caller.commit(op(action, "leaves", family))
    with shadowed.admin.transaction():
        shadowed.run(f"update t set t = null, v_id = 'sql', \"new\" = 'sql' where id = '{family}'")
    caller.commit(op("delete", "leaves", family))
    history = caller.call(
        "select ablo.row_history(%s, %s, 'leaves', %s)", "acme", "user:ada", family
    )["entries"]
    assert [entry["op"] for entry in history] == ["D", "U", "V", "A", "U", "I"]
    assert set(history[4]["changed"]) == names - {PARENT} | {"updatedAt"}
    assert set(history[1]["changed"]) == {"t", "v_id", "new", "updatedAt"}
    assert history[-1]["row"]["t"] == family


def test_its_groups_are_those_of_all_its_owners(
    shadowed: Board, caller: Caller, family: str
) -> None:
    groups = {"org:acme", *(f"{kind}:{family}" for kind in ("t", "r", "v", "one", "many"))}
    query = f"select groups from ablo.delta where row_id = '{family}' and model = 't'"
    assert {frozenset(found) for (found,) in shadowed.rows(query)} == {frozenset(groups)}
    keys = Keys(shadowed)
    agent = Holder(shadowed, keys.create("agent:a", "rk", syncGroups=[f"v:{family}"]))
    other = Holder(shadowed, keys.create("agent:b", "rk", syncGroups=["v:other"]))
    assert agent.ask("row_get", "leaves", family)["row"]["id"] == family
    assert other.ask("row_get", "leaves", family)["row"] is None
    assert [row["id"] for row in agent.ask("row_list", "leaves", "{}")["data"]] == [family]
    agent.write(op("update", "leaves", family, {"v_id": "seen"}))
    assert code_of(other.write, op("update", "leaves", family, {"v_id": "x"})) is not None


def test_premises_and_claims_see_it(
    shadowed: Board, caller: Caller, family: str, names: set[str]
) -> None:
    stamp = caller.get("leaves", family)["stamp"]
    caller.commit(op("update", "leaves", family, {"x": "other"}))
    plain = sorted(names - {MANY, PARENT, "x"})
    for some in (plain[at : at + 20] for at in range(0, len(plain), 20)):
        where = [[name, "=", family] for name in some]
        premise = {"model": "leaves", "where": where, "readAt": stamp}
        with pytest.raises(AbloStaleContextError):
            caller.commit(op("update", "leaves", family, {"y": "z"}), reads=[premise])
    ada, bob = claimer(shadowed, "ada"), claimer(shadowed, "bob")
    ada.acquire(family, "leaves", fields=["t", "v_id"], ttl=60)
    with pytest.raises(AbloError):
        bob.commit(op("update", "leaves", family, {"v_id": "taken"}))
    bob.commit(op("update", "leaves", family, {"n": ["free"]}))
    assert ada.release_row(family, "leaves")


def test_a_table_that_knows_its_rows_by_such_a_name(
    shadowed: Board, caller: Caller, names: set[str]
) -> None:
    own = uuid.uuid4().hex[:12]
    data = dict.fromkeys(names - {"v_id", "v_organization", MANY}, own)
    caller.commit(op("create", "theirs", own, data))
    row = caller.get("theirs", own)["row"]
    assert {name: row[name] for name in data} == data
    query = {"where": [["t", "=", own]], "orderBy": [["t", "asc"]]}
    assert caller.list("theirs", query)["data"] == [row]
    caller.commit(op("update", "theirs", own, {"t": "other"}))
    assert claimer(shadowed, "ada").acquire(own, "theirs", ttl=60)
    claimer(shadowed, "ada").release_row(own, "theirs")
    caller.commit(op("delete", "theirs", own))
    assert caller.get("theirs", own)["row"] is None


@pytest.mark.parametrize("kind", [FieldType.STRING, FieldType.INTEGER, FieldType.JSON])
def test_a_premise_finds_a_key_that_is_longer_than_an_identifier(
    cluster: Server, kernel_template: str, kind: FieldType
) -> None:
    value = {FieldType.STRING: "x", FieldType.INTEGER: 7, FieldType.JSON: {"a": [1]}}[kind]
    keys = ["w" * 70 + end for end in ("1", "2")]
    fields = (Field(key, key, key, kind, optional=True) for key in keys)
    spec = SchemaSpec((ModelSpec("long", "Long", "long", (*fields, PLAIN)),))
    made = SchemaSpec(spec.models, hash=schema_hash(spec))
    with (
        make_database(made, server=cluster, template=kernel_template) as handle,
        Board(handle) as board,
    ):
        caller = board.caller()
        caller.commit(op("create", "long", "a", {keys[0]: value}))
        for where, stale in (
            ([[keys[0], "=", value]], True),
            ([[keys[1], "=", value]], False),
            ([[keys[1], "=", None], ["plain", "=", None], [keys[0], "!=", None]], True),
        ):
            stamp = caller.get("long", "a")["stamp"]
            found = caller.list("long", {"where": where})["data"]
            assert bool(found) is stale
            caller.commit(op("update", "long", "a", {"plain": None}))
            premise = {"model": "long", "where": where, "readAt": stamp}
            with pytest.raises(AbloStaleContextError) if stale else nullcontext():
                caller.commit(op("update", "long", "a", {"plain": None}), reads=[premise])


@pytest.mark.parametrize("psql", [True, False])
@pytest.mark.parametrize("grouped", [True, False])
def test_a_table_is_written_in_pages_whatever_its_key_is_called(
    kernel_db: psycopg.Connection, psql: bool, grouped: bool
) -> None:
    key = ("place", "v_at", "array", "page", "v_page", "few", "q", "$$")
    columns = ", ".join(f"{ident(name)} text" for name in key)
    kernel_db.execute(
        f"create table t ({columns}, t text, c text, primary key ({', '.join(map(ident, key))}));"
    )
    for number in range(600):  # of more organizations than one page has
        kernel_db.execute(
            f"insert into t values ({', '.join(['%s'] * len(key))})",
            [f"{number % 60:02}", str(number), *[f"{600 - number:03}"] * (len(key) - 2)],
        )
    steps = Batches(
        "backfill",
        "",
        "t",
        tuple(map(ident, key)),
        ("text",) * len(key),
        "c = 'done'",
        "t.c is null",
        600,
        grouped,
    )
    if psql:
        kernel_db.execute(steps.sql)
    else:
        (at,) = kernel_db.execute(steps.first).fetchone() or ((),)
        page = 2
        while page > 1:
            _, page, at = kernel_db.execute(steps.page_from(tuple(at), 100)).fetchone() or (0, 0, 0)
    assert kernel_db.execute(steps.left).fetchone() == (0,)
