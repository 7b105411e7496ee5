"""CHECKs, defaults and policies as well-known kinds of schemas have them, and as they are printed.

A Rails application's structure.sql, what Django's sqlmigrate prints, and policies as Supabase and
PostgREST projects write them.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from ablo_pg.cluster import Server
from ablo_pg.db.tables import read_tables
from ablo_pg.kernel.altered import types_of
from ablo_pg.kernel.trees import compare, compare_checks

TABLE = """
create schema auth; create type public.visibility as enum ('public', 'private');
create function auth.uid() returns uuid language sql stable as $$ select null::uuid $$;
create function auth.role() returns text language sql stable as $$ select 'anon'::text $$;
create function auth.jwt() returns jsonb language sql stable as $$ select '{}'::jsonb $$;
create table members (org_id uuid, user_id uuid, role text);
create table docs (
  id bigint primary key, org_id uuid, owner_id uuid, project_id bigint, group_id bigint,
  name character varying(255), description text, state smallint, votes integer, rank numeric(6, 2),
  starts_on date, ends_on date, closed_at timestamp without time zone, status character varying,
  email character varying(254), tags text[], settings jsonb, shown public.visibility,
  published boolean, inserted_at timestamp with time zone, bucket_id text);
"""
RAILS = [
    "((char_length(name) <= 255))",
    "((char_length((name)::text) <= 255))",
    "((num_nonnulls(project_id, group_id) = 1))",
    "((cardinality(tags) <= 10))",
    "(((status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
    "((((state = 0) AND (closed_at IS NULL)) OR ((state <> 0) AND (closed_at IS NOT NULL))))",
    "((jsonb_typeof(settings) = 'object'::text))",
    "(((starts_on IS NULL) OR (ends_on IS NULL) OR (starts_on <= ends_on)))",
    "((state = ANY (ARRAY[0, 1, 2])))",
    "((NOT (published AND (closed_at IS NOT NULL))))",
    "((octet_length(description) <= 1024))",
    "((votes > '-1'::integer))",
]
DJANGO = [
    '("votes" >= 0)',
    '("starts_on" < "ends_on")',
    "(\"status\" IN ('draft', 'published'))",
    '(NOT ("project_id" IS NULL AND "group_id" IS NULL))',
    '("rank" >= 0.0 AND "rank" <= 5.0)',
    '("rank" BETWEEN 0 AND 5)',
    '(UPPER("email"::text) = UPPER("email"))',
    "(\"email\"::text LIKE '%@%' AND NOT (\"email\"::text LIKE '% %'))",
    '(("state" = 1 AND "closed_at" IS NOT NULL) OR NOT ("state" = 1))',
    '(("votes" % 2) = 0)',
    "(COALESCE(\"description\", '') <> '' OR \"state\" IN (0, 3))",
    '(LENGTH(TRIM("name")) > 0)',
]
POLICIES = [
    "true",
    "auth.uid() = owner_id",
    "(select auth.uid()) = owner_id",
    "auth.role() = 'authenticated' and published",
    "(auth.jwt() ->> 'role') = 'admin' or owner_id = auth.uid()",
    "(auth.jwt() -> 'app_metadata' ->> 'org')::uuid = org_id",
    "shown = 'public' or shown in ('private') and auth.uid() is not null",
    "bucket_id = 'avatars' and status <> 'hidden'",
    "current_setting('request.jwt.claim.sub', true)::uuid = owner_id",
    "inserted_at > now() - interval '7 days'",
    "nullif(current_setting('app.tenant', true), '')::uuid = org_id",
    "coalesce((auth.jwt() ->> 'aal') = 'aal2', false)",
]
# Subqueries that read tables are not understood; a policy that reads another table is different.
UNKNOWN = [
    "exists (select 1 from members m where m.org_id = docs.org_id and m.user_id = auth.uid())",
    "org_id in (select members.org_id from members where members.user_id = auth.uid())",
]
DEFAULTS = [
    ("name", "''::character varying"), ("name", "'draft'"), ("state", "0"), ("rank", "1.50"),
    ("rank", "'0'"), ("rank", "0"), ("votes", "(-1)"), ("tags", "'{}'"),
    ("tags", "array[]::text[]"),
    ("settings", "'{\"b\": [1, 2.50], \"a\": null}'"), ("shown", "'public'"),
    ("published", "false"),
    ("starts_on", "current_date"), ("inserted_at", "now()"), ("inserted_at", "CURRENT_TIMESTAMP"),
    ("inserted_at", "timezone('utc'::text, now())"), ("org_id", "gen_random_uuid()"),
    ("starts_on", "'2020-01-31'"), ("closed_at", "'2020-01-31 10:00'"), ("email", "null::varchar"),
]  # fmt: skip


@pytest.fixture
def docs(cluster: Server) -> Any:
    """A connection to a database with the table."""
    name = cluster.create_database()
    with psycopg.connect(cluster.url(name), autocommit=True) as conn:
        conn.execute(TABLE)
        yield conn
    cluster.drop_database(name)


def types(conn: psycopg.Connection[Any]) -> Any:
    """Return the types of the table's columns."""
    (table,) = (one for one in read_tables(conn, ["public"]) if one.name == "docs")
    return types_of(table)


def printed(conn: psycopg.Connection[Any], made: str, query: str) -> str:
    """Run a statement; return what the server prints of what it made."""
    conn.execute(made.encode())
    return str((conn.execute(query.encode()).fetchone() or ("",))[0])


@pytest.mark.parametrize("of", [RAILS, DJANGO], ids=["rails", "django"])
def test_checks_of_real_schemas(docs: psycopg.Connection[Any], of: list[str]) -> None:
    columns, seen = types(docs), []
    for number, text in enumerate(of):
        made = f"alter table docs add constraint c{number} check {text}"
        query = f"select pg_get_constraintdef(oid) from pg_constraint where conname = 'c{number}'"
        seen.append(printed(docs, made, query))
        assert compare_checks(f"CHECK {text}", seen[-1], columns) == "equal", text
    for number, text in enumerate(of):
        others = [compare_checks(text, one, columns) for one in seen[:number] + seen[number + 1 :]]
        same = {"((char_length(name) <= 255))", "((char_length((name)::text) <= 255))"}
        same |= {'("rank" >= 0.0 AND "rank" <= 5.0)', '("rank" BETWEEN 0 AND 5)'}
        assert others.count("equal") == (text in same), text


def test_policies_of_real_schemas(docs: psycopg.Connection[Any]) -> None:
    columns, seen = types(docs), []
    for number, text in enumerate([*POLICIES, *UNKNOWN]):
        query = f"select pg_get_expr(polqual, polrelid) from pg_policy where polname = 'p{number}'"
        seen.append(printed(docs, f"create policy p{number} on docs using ({text})", query))
        wanted = "unknown" if text in UNKNOWN else "equal"
        assert compare(text, seen[-1], columns) == wanted, (text, seen[-1])
    for number, text in enumerate(POLICIES):
        for other in seen[:number] + seen[number + 1 :]:
            verdict = compare(text, other, columns)
            assert verdict == "different" or text.replace("(select auth.uid())", "auth.uid()") in (
                POLICIES[1],
            ), (text, other)


def test_defaults_of_real_schemas(docs: psycopg.Connection[Any]) -> None:
    columns = types(docs)
    for name, text in DEFAULTS:
        query = "select pg_get_expr(adbin, adrelid) from pg_attrdef d join pg_attribute a on "
        query += f"attrelid = adrelid and attnum = adnum where attname = '{name}'"
        seen = printed(docs, f"alter table docs alter column {name} set default {text}", query)
        assert compare(text, seen, {}, wanted=columns[name]) == "equal", (text, seen)
        assert compare("'{1}'", seen, {}, wanted=columns[name]) != "equal"
