"""A create under the id of a row that the writer may not read is answered as if nothing claimed it.

On a model with claims_bind_sql too, through commits and by plain SQL; updates are still refused.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from ablo_pg import Ablo, AbloError, Model, allow, define_schema
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database, template_database

LEVELS = ("read committed", "repeatable read", "serializable")
PURPOSE = "a secret purpose"


class Deed(Model, claims_bind_sql=True):
    title: str
    owner_id: str
    permissions = allow(read="owner_id = actor.user_id or title = 'open'")


class Memo(Model):
    title: str
    owner_id: str
    permissions = allow(read="owner_id = actor.user_id or title = 'open'")


SCHEMA = define_schema(deeds=Deed, memos=Memo)
OF_BOB = {"title": "b", "owner_id": "bob"}


def client(handle: DatabaseHandle, who: str) -> Ablo:
    return Ablo(
        schema=SCHEMA, organization="acme", participant=who, database_url=handle.database_url
    )


@pytest.fixture(scope="module")
def template(cluster: Server) -> Iterator[str]:
    with template_database(cluster, SCHEMA) as name:
        yield name


@pytest.fixture
def handle(cluster: Server, template: str) -> Iterator[DatabaseHandle]:
    """A database with rows of ann: `held` is claimed, `free` is not, `open` is and bob reads it."""
    with (
        make_database(server=cluster, template=template) as made,
        client(made, "user:ann") as ann,
    ):
        for model in (ann.deeds, ann.memos):
            for name in ("held", "free", "open"):
                model.create({"title": name, "owner_id": "ann"}, id=name)
        with (
            ann.deeds.claim("held", action=PURPOSE),
            ann.memos.claim("held", action=PURPOSE),
            ann.deeds.claim("open", action=PURPOSE),
            ann.memos.claim("open", action=PURPOSE),
        ):
            yield made


def told(error: Exception, name: str) -> str:
    """Return everything that an error says, with the id of its row taken out."""
    said = [str(error), str(getattr(error, "details", None)), getattr(error, "code", "")]
    if isinstance(error, psycopg.Error):
        said += [str(error.sqlstate), str(error.diag.message_detail)]
    return " ".join(said).replace(name, "ID")


@pytest.mark.parametrize("model", ["deeds", "memos"])
def test_a_create_tells_nothing_of_a_claim_on_a_hidden_row(
    handle: DatabaseHandle, model: str
) -> None:
    with client(handle, "user:bob") as bob:
        rows = getattr(bob, model)
        answers = []
        for name in ("held", "free"):
            with pytest.raises(AbloError) as caught:
                rows.create(OF_BOB, id=name)
            assert caught.value.code == "unique_violation"
            answers.append(told(caught.value, name))
            both: list[dict[str, object]] = [
                {"action": "create", "model": model, "id": one, "data": OF_BOB}
                for one in (f"more {name}", name)
            ]
            with pytest.raises(AbloError) as caught:
                bob.commits.create(both)
            assert caught.value.code == "unique_violation"
        assert answers[0] == answers[1]
        with pytest.raises(AbloError) as caught:  # he reads this one
            rows.create(OF_BOB, id="open")
        assert caught.value.code == "entity_claimed"


@pytest.fixture(params=LEVELS)
def bob(handle: DatabaseHandle, request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
    """Bob's session of plain SQL, in a transaction whose snapshot is taken."""
    with psycopg.connect(handle.database_url) as conn:
        conn.execute(f"set transaction isolation level {request.param}".encode())
        conn.execute("set app.current_org_id = 'acme'; set app.current_participant_id = 'user:bob'")
        conn.commit()
        conn.execute(f"set transaction isolation level {request.param}".encode())
        conn.execute("select count(*) from deeds")
        yield conn


INSERT = (
    "insert into deeds (id, title, owner_id, organization_id) values ('{0}', 'b', 'bob', 'acme')"
)


def test_plain_sql_tells_nothing_of_a_claim_on_a_hidden_row(bob: psycopg.Connection) -> None:
    answers = []
    for name in ("held", "free"):
        with pytest.raises(errors.UniqueViolation) as caught, bob.transaction():
            bob.execute(INSERT.format(name).encode())
        answers.append(told(caught.value, name))
    assert answers[0] == answers[1]
    skipped = bob.execute((INSERT.format("held") + " on conflict do nothing").encode())
    assert skipped.rowcount == 0


CHANGES = [
    "update deeds set owner_id = 'bob' where id = 'open'",
    "delete from deeds where id = 'open'",
    INSERT.format("open") + " on conflict (organization_id, id) do update set owner_id = 'bob'",
]


@pytest.mark.parametrize("change", CHANGES)
def test_plain_sql_still_does_not_change_a_claimed_row(
    bob: psycopg.Connection, change: str
) -> None:
    with pytest.raises(errors.LockNotAvailable, match=PURPOSE):
        bob.execute(change.encode())
