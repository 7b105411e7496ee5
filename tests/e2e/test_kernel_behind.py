"""A schema that limits who sees rows is not applied to the kernel of an earlier release."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from ablo_pg import AbloError, EntityRole, IdentityRole, Model, Schema, allow, define_schema
from ablo_pg.cluster import Server
from ablo_pg.kernel import KernelFile, install, kernel_files, migrate, plan
from ablo_pg.kernel.schema_push import push

LAST = max(file.path for file in kernel_files() if file.is_migration)
BEHIND = tuple(file for file in kernel_files() if file.path != LAST)


class Note(Model):
    text: str


class Own(Model):
    owner_id: str
    permissions = allow(read="owner_id = actor.user_id")


class Team(Model, entity_roles=[EntityRole("team", "team_id")]):
    team_id: str


ROLE = IdentityRole("team", "", (("source", {"field": "teamIds", "multi": True}),))
LIMITED = {
    "permissions": define_schema(owns=Own),
    "entity roles": define_schema(teams=Team),
    "identity roles": define_schema(notes=Note, identity_roles=[ROLE]),
    "session settings": define_schema(notes=Note, session_settings={"app.org": "orgId"}),
}


@pytest.fixture
def empty(cluster: Server) -> Iterator[psycopg.Connection]:
    """An administrator's connection to a database with nothing in it."""
    name = cluster.create_database()
    with psycopg.connect(cluster.url(name), autocommit=True) as conn:
        yield conn
    cluster.drop_database(name)


@pytest.mark.parametrize("declares", LIMITED)
def test_a_kernel_without_the_last_migration_gets_no_limits(
    empty: psycopg.Connection, declares: str
) -> None:
    spec = LIMITED[declares].spec
    install(empty, BEHIND)
    for apply in (push, plan, migrate):
        with pytest.raises(AbloError, match="kernel of another release") as caught:
            apply(empty, spec)
        assert caught.value.code == "kernel_not_installed"
        assert "ablo-pg connect --admin-url URL" in str(caught.value)
        assert caught.value.details["files"] == [LAST]
    assert empty.execute("select count(*) from ablo.schema_version").fetchone() == (0,)
    install(empty)
    migrate(empty, spec)


def test_a_schema_without_limits_needs_only_the_version(empty: psycopg.Connection) -> None:
    install(empty, BEHIND)
    push(empty, define_schema(notes=Note).spec)


def test_an_altered_routine_is_refused_too(empty: psycopg.Connection) -> None:
    changed = replace(BEHIND[-1], checksum="another")
    install(empty, (*kernel_files()[:-1], changed))
    with pytest.raises(AbloError, match="1 files differ") as caught:
        push(empty, LIMITED["permissions"].spec)
    assert caught.value.details["files"] == [changed.path]


def test_the_kernel_of_a_later_release_takes_limits(empty: psycopg.Connection) -> None:
    later = KernelFile("migrations/9999_later.sql", "select 1", "later")
    install(empty, (*kernel_files()[:-1], replace(BEHIND[-1], checksum="another"), later))
    schema: Schema = LIMITED["permissions"]
    push(empty, schema.spec)
    assert migrate(empty, schema.spec).unchanged
