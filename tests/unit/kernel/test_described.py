"""Files that declare tables: what is refused, and where; what is skipped; that nothing breaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablo_pg import AbloError
from ablo_pg.errors import AbloValidationError
from ablo_pg.kernel.described import Described, read_drizzle, read_prisma, read_sql
from ablo_pg.kernel.described.draft import LARGEST, MOST
from ablo_pg.kernel.pull import pull_schema
from ablo_pg.schema.source import write_source

Reader = Callable[[str, str], Described]
FILES = Path(__file__).parent.parent.parent / "e2e" / "described"
EACH: list[tuple[Reader, str]] = [
    (read_sql, "structure.sql"),
    (read_sql, "migrations.sql"),
    (read_sql, "sqlmigrate.sql"),
    (read_sql, "postgrest.sql"),
    (read_prisma, "schema.prisma"),
    (read_drizzle, "schema.ts"),
]
MALFORMED: list[tuple[Reader, str, str, int, int]] = [
    (read_sql, "select 1;\ncreate table t (a text default 'x);", "does not end", 2, 32),
    (read_sql, 'create table "t (a int);', "a quoted name", 1, 14),
    (read_sql, "select 1;\n\n/* never", "a comment", 3, 1),
    (read_sql, "create function f() as $$ begin", "dollar quotes", 1, 24),
    (read_sql, "create table t (\n a text default '\0');", "NUL", 2, 18),
    (read_drizzle, "\nconst\0", "NUL", 2, 6),
    (read_prisma, "model User {\n  id Int @id(\n", "expected a value", 3, 1),
    (read_prisma, "model User {\n  id Int @@@\n}", "expected", 2, 10),
    (read_prisma, "model {", "the name of a model", 1, 7),
    (read_prisma, "model User {\n  id", "the type of id", 2, 5),
    (read_prisma, 'model A { id String @default("x }', "unexpected", 1, 30),
    (read_drizzle, "const a = pgTable('a', { id: text('id' }", "expected , or )", 1, 40),
    (read_drizzle, "const a = pgTable('a, {", "unexpected", 1, 19),
    (read_drizzle, "const a = pgTable('a', {\n  1: 2 });", "expected a key", 2, 3),
    (read_drizzle, f"const a = {'[' * 200}", "deep", 1, 71),
]


@pytest.mark.parametrize(("reader", "text", "reason", "line", "column"), MALFORMED)
def test_a_malformed_file_is_refused_with_its_place(
    reader: Reader, text: str, reason: str, line: int, column: int
) -> None:
    with pytest.raises(AbloError) as caught:
        reader(text, "file")
    error = caught.value
    assert error.code == "schema_definition_invalid"
    assert reason in error.message
    assert error.message.startswith(f"file:{line}:{column}: ")
    assert error.details == {"file": "file", "line": line, "column": column}
    assert error.remedy


@pytest.mark.parametrize("reader", [read_sql, read_prisma, read_drizzle])
def test_a_file_that_is_too_large_is_refused(reader: Reader) -> None:
    with pytest.raises(AbloError, match=r"more than \d MB"):
        reader(" " * (LARGEST + 1), "file")


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (read_prisma, 'model A {\n id Int @id\n @@map("")\n}'),
        (read_prisma, 'model A {\n id Int @id @map("")\n}'),
        (read_drizzle, "const a = pgTable('', { id: text('') })"),
    ],
)
def test_an_empty_name_is_refused(reader: Reader, text: str) -> None:
    with pytest.raises(AbloError, match="has no name"):
        reader(text, "file")


def test_too_many_tables_are_refused() -> None:
    text = "".join(f"create view v{i} as select 1;" for i in range(MOST + 1))
    with pytest.raises(AbloError, match=r"more than 2,000 tables"):
        read_sql(text, "file")


SKIPPED: list[tuple[Reader, str, str, str]] = [
    (read_sql, "do $$ begin end $$;", "do $$", "declares no table"),
    (read_sql, "create table a as select 1;", "create table a", "no columns"),
    (read_sql, "create table a (like b);", "table public.a", "LIKE"),
    (read_sql, "alter table a add column b int;", "public.a", "not in the file"),
    (read_sql, "create table a (id int nonsense here);", "create table a", "not understood"),
    (read_sql, "create trigger t before update on a execute function f();", "trigger t", "stays"),
    (read_sql, "create policy p on a using (true);", "create policy p", "stays"),
    (read_sql, "drop table a;", "drop table a", "declares no table"),
    (read_prisma, "type Photo {\n  height Int\n}", "type Photo", "no tables of that kind"),
    (read_prisma, "model A {\n  id String @id @default(cuid())\n}", "default of id", "cuid"),
    (read_drizzle, "const t = pgTable(name, {});", "const t", "plain call"),
    (read_drizzle, "const t = pgTable('t', { ...timestamps });", "column", "plain call"),
    (read_drizzle, "const t = pgTable('t', { a: money('a') });", "column a", "no type money"),
    (read_drizzle, "const t = pgTable('t', columns());", "table t", "plain object"),
    (read_sql, "create view $", "create view $", "not understood"),
    (read_sql, "create materialized view", "create materialized view", "not understood"),
    (read_sql, "create domain;", "create domain", "not understood"),
    (read_drizzle, "const t = helper(1);", "const t", "does not declare a table"),
]


@pytest.mark.parametrize(("reader", "text", "what", "reason"), SKIPPED)
def test_what_is_not_read_is_listed(reader: Reader, text: str, what: str, reason: str) -> None:
    (found,) = reader(f"\n\n{text}", "file").skipped
    assert what in found.what
    assert reason in found.reason
    assert found.line >= 3


def test_data_comments_and_commands_of_psql_are_not_read() -> None:
    text = """\\restrict x
    /* create table a (id int); */ -- ; create table b (id int);
COPY public.c (id) FROM stdin;
1\t'; drop
\\.
create table "D;" (id int default 1 /* one */, t text default 'a;''b' , e text default E'\\';');
    """
    found = read_sql(text, "file")
    assert [table.name for table in found.tables] == ["D;"]
    assert [each.default for each in found.tables[0].columns] == ["1", "'a;''b'", "''';'"]
    assert found.skipped == ()


@settings(max_examples=150)
@given(st.data())
def test_no_file_ends_it(data: st.DataObject) -> None:
    """A file that is cut, or has other characters in it, is read or refused by our own error."""
    reader, name = data.draw(st.sampled_from(EACH))
    text = (FILES / name).read_text()
    start = data.draw(st.integers(0, len(text) - 1))
    text = text[start : start + data.draw(st.integers(1, 1500))]
    at = data.draw(st.integers(0, len(text)))
    text = text[:at] + data.draw(st.text("\"'`{}[]()@;,:=>.-/*$\\\n\0ä1a ", max_size=4)) + text[at:]
    try:
        tables = reader(text, name).tables
    except AbloValidationError:
        return
    pulled = pull_schema(tables)
    compile(write_source(pulled.spec, pulled.notes), "written.py", "exec")


def test_a_composite_type_is_no_enum() -> None:
    text = "create type addr as (street text, zip text);\ncreate table a (id int, home addr);"
    found = read_sql(text, "file")
    (_, home) = found.tables[0].columns
    assert (home.base, home.labels, home.native) == ("addr", (), False)
    assert [one.what for one in found.skipped] == ["create type addr as (street text, zip text)"]


def test_a_renamed_value_of_an_enum_is_renamed() -> None:
    text = """create type mood as enum ('sad', 'ok');
    create table a (id int, mood mood default 'sad', other mood default 'ok'::mood);
    alter type public.mood rename value 'sad' to 'blue';
    alter type mood add value 'sad' after 'blue';"""
    found = read_sql(text, "file")
    _, mood, other = found.tables[0].columns
    assert (mood.labels, mood.default) == (("blue", "sad", "ok"), "'blue'")
    assert (other.default or "").startswith(("'ok'", "CAST('ok'"))
    assert found.skipped == ()


def test_methods_and_regular_expressions_are_passed_over() -> None:
    text = r"""
    const citext = customType<{ data: string }>({ dataType() { return 'citext'; } });
    const other = customType({ async toDriver(value: string): Promise<string> { return value } });
    const slug = z.string().regex(/^[a-z/'"]+$/i, { message: `it's` });
    export const quote = (text) => { return /it's \/ "/g.test(text) };
    const half = pgTable('half', { id: integer('id').default(4 / 2), a: text('a') });
    const u = pgTable('u', { id: serial('id').primaryKey(), b: citext('b'), c: text('c') });
    """
    found = read_drizzle(text, "file")
    assert [[one.name for one in table.columns] for table in found.tables] == [
        ["id", "a"],
        ["id", "c"],
    ]
    whats = [one.what for one in found.skipped]
    assert "column b of u" in whats
    assert {"const citext", "const other", "const slug"} <= {*whats}


def test_a_renamed_column_is_renamed_in_checks_and_indexes() -> None:
    text = """create table a (id int, s int check (s > 0 and S < 9)); create index i on a (s, id);
    alter table a rename column s to "Stock";"""
    (table,) = read_sql(text, "file").tables
    (check,) = table.constraints
    assert (check.columns, check.definition) == (("Stock",), 'CHECK ("Stock" > 0 AND "Stock" < 9)')
    assert [one.columns for one in table.indexes] == [("Stock", "id")]


def test_a_dropped_table_is_gone() -> None:
    text = """create table a (id int); create table public.b (id int); create table c (id int);
    drop table if exists a, public.b cascade;"""
    found = read_sql(text, "file")
    assert ([table.name for table in found.tables], found.skipped) == (["c"], ())


def test_what_is_left_of_the_constraints_keeps_its_name() -> None:
    text = """create table a (b int check (b > 0) check (b < 9) check (b <> 5));
    alter table a drop constraint a_b_check; alter table a drop constraint a_b_check2;"""
    (table,) = read_sql(text, "file").tables
    assert [(one.name, one.definition) for one in table.constraints] == [
        ("a_b_check1", "CHECK (b < 9)")
    ]


FOLLOWED = [
    ("on delete cascade on update cascade", "ON UPDATE CASCADE ON DELETE CASCADE"),
    ("on update set null deferrable match full", "MATCH FULL ON UPDATE SET NULL DEFERRABLE"),
    ("match simple on delete no action not deferrable", ""),
]


@pytest.mark.parametrize(("options", "kept"), FOLLOWED)
@pytest.mark.parametrize(
    "form", ["b int references c (id) {}", "foreign key (b) references c (id) {}"]
)
def test_what_follows_a_changed_key_is_kept(form: str, options: str, kept: str) -> None:
    text = f"create table a (id int, {form.format(options)}, d text)"
    found = read_sql(text, "file")
    ((constraint,),) = (table.constraints for table in found.tables)
    assert constraint.definition == f"FOREIGN KEY (b) REFERENCES c(id) {kept}".rstrip()
    assert found.skipped == ()


def test_columns_of_a_function_are_read() -> None:
    columns = "id: t.serial('id').primaryKey(), a: t.text().notNull()"
    text = f"const u = pgTable('u', (t) => ({{ {columns} }}));"
    found = read_drizzle(text, "file")
    (table,) = found.tables
    assert [(one.name, one.base, one.not_null) for one in table.columns] == [
        ("id", "int4", True),
        ("a", "text", True),
    ]
    assert ([one.kind for one in table.constraints], found.skipped) == (["p"], ())


def test_a_time_that_the_client_of_prisma_sets_is_listed() -> None:
    text = "model A {\n  id Int @id\n  at DateTime @updatedAt\n}"
    (found,) = read_prisma(text, "file").skipped
    assert (found.what, found.line) == ("at of A: @updatedAt", 3)
