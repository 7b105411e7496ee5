"""What a database client without a key reads about rows that its participant may not read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ablo_pg import Ablo, AbloError, Model, allow, belongs_to, define_schema
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database


class Team(Model):
    owner_id: str
    permissions = allow(read="owner_id = actor.user_id")


class Task(Model):
    title: str
    team_id: str | None = None
    team = belongs_to("teams", fk=True)


SCHEMA = define_schema(teams=Team, tasks=Task)


@pytest.fixture
def handle(cluster: Server, kernel_template: str) -> Iterator[DatabaseHandle]:
    with make_database(SCHEMA, server=cluster, template=kernel_template) as made:
        yield made


def client(handle: DatabaseHandle, who: str) -> Ablo:
    return Ablo(
        schema=SCHEMA, organization="acme", participant=who, database_url=handle.database_url
    )


def test_a_reference_that_may_not_be_read_is_not_told_as_one_of_a_key(
    handle: DatabaseHandle,
) -> None:
    with client(handle, "user:ann") as ann, client(handle, "user:bob") as bob:
        ann.teams.create({"owner_id": "ann"}, id="hidden")
        told = []
        for name in ("hidden", "absent"):
            with pytest.raises(AbloError) as caught:
                bob.tasks.create({"title": "x", "team_id": name})
            assert caught.value.code == "capability_scope_denied"
            told.append(str(caught.value).replace(name, "ID"))
    assert told[0] == told[1]
    assert "'ID' may not be read by this participant, or does not exist" in told[0]
    assert "key" not in told[0]


def test_a_created_row_that_its_writer_may_not_read_is_told_as_that(
    handle: DatabaseHandle,
) -> None:
    with client(handle, "user:bob") as bob:
        made = bob.teams.create({"owner_id": "ann"}, id="given")
        with pytest.raises(AbloError) as caught:
            _ = made.owner_id
    assert caught.value.code == "entity_not_found"
    assert "it was deleted, or this participant or its key may not read it" in str(caught.value)
