"""The whole OpenAPI document as an attacker's map: generated calls of every operation it names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

import psycopg
import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.config import SchemathesisConfig

from ablo_pg.cluster import Server
from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.kernel.push import push_schema
from ablo_pg.relay.daemon import serving
from ablo_pg.relay.settings import RelaySettings
from ablo_pg.testing import make_database
from ablo_pg.wire.openapi import openapi_document

from ..http.world import SCHEMA

Place = tuple[str, str]  # URL, key
DOCUMENT = openapi_document(SCHEMA.spec, "0")
EXAMPLES = int(os.environ.get("ABLO_TEST_EXAMPLES", "6"))


@pytest.fixture(scope="module")
def place(cluster: Server, http_template: str) -> Iterator[Place]:
    """A relay in a thread."""
    with make_database(server=cluster, template=http_template) as db:
        key = new_key()
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            create_key(conn, "acme", "system:a", key, {"prefix": "sk"})
        made = RelaySettings(
            port=0,
            database_url=db.database_url,
            replication_url=db.replication_url,
            requests_per_second=100_000,
            request_burst=100_000,
        )
        with (
            start_blocking_portal() as portal,
            portal.wrap_async_context_manager(
                serving(made, partial(push_schema, db.admin_url))
            ) as relay,
        ):
            yield relay.url, key


@pytest.mark.parametrize("path", DOCUMENT["paths"])  # type: ignore[arg-type]
def test_every_operation_answers_what_it_says(place: Place, path: str) -> None:
    url, key = place
    document = DOCUMENT | {"paths": {path: DOCUMENT["paths"][path]}}  # type: ignore[index]
    described = schemathesis.openapi.from_dict(document, config=SchemathesisConfig())
    headers = {"Authorization": f"Bearer {key}"}
    for found in described.get_all_operations():
        operation = found.ok()
        if "x-waits" in operation.definition.raw:
            continue

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def call(case: schemathesis.Case) -> None:  # type: ignore[type-arg]
            answer = case.call(base_url=url, headers=headers)
            assert answer.status_code < 500, answer.text
            if answer.content:
                case.operation.validate_response(answer)

        call()
