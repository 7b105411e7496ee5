"""The schema: push and read. Pushing needs rights that the relay's own login lacks.

With an administrative URL the relay compiles and applies a pushed schema, under the lock that
allows one migration at a time. Without one, the refusal names the alternatives.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import anyio.to_thread
import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg.db.registry import schema_history
from ablo_pg.errors import error_for
from ablo_pg.relay.http.answers import json_answer
from ablo_pg.relay.http.call import Call, route
from ablo_pg.schema import SchemaSpec, parse_schema_json
from ablo_pg.wire.requests import read_body, read_json
from ablo_pg.wire.schemas import (
    PushBody,
    push_options,
    pushed_body,
    pushed_document,
    schema_body,
    tried_body,
    versions_body,
)

PUSH_SCOPE: Final = "schema:push"
VERSIONS: Final = 20  # that are reported


async def push(call: Call) -> Response:
    """POST /api/schema. The same schema again changes nothing."""
    return await _push(call, dry_run=False)


async def try_out(call: Call) -> Response:
    """POST /api/schema/dry-run: a push's answer, refusals included; nothing is saved.

    It has its own path: a relay that ignores an unknown property would really push.
    """
    return await _push(call, dry_run=True)


async def _push(call: Call, *, dry_run: bool) -> Response:
    if not call.credential.holds(PUSH_SCOPE):
        raise error_for(
            "forbidden",
            "This key may not push a schema",
            remedy=f"use a secret key without limits, or one with the scope {PUSH_SCOPE}",
        )
    raw = await call.raw_body()
    current = await call.service.schemas.refresh()
    active = current.spec if current.version else None
    body, spec = await call.aside(len(raw), _read, raw, call.service.settings.json_depth, active)
    if current.version and spec.hash == current.hash:
        body_of = tried_body if dry_run else pushed_body
        return json_answer(body_of(current.version, spec, unchanged=True))
    apply_schema = call.service.apply_schema
    if apply_schema is None:
        raise error_for(
            "schema_provisioning_forbidden",
            "This relay has no administrative URL, so it cannot change tables",
            remedy="run `ablo-pg migrate SCHEMA --admin-url URL`, or start the relay with "
            "--admin-url (or ABLO_ADMIN_URL)",
        )
    work = partial(apply_schema, spec, push_options(body), dry_run=dry_run)
    done = await anyio.to_thread.run_sync(work)
    if dry_run:
        return json_answer(
            tried_body(done.version, spec, done.warnings, done.unchanged, done.changes)
        )
    await call.service.schemas.refresh()
    return json_answer(pushed_body(done.version, spec, done.warnings, done.unchanged))


def _read(raw: bytes, depth: int, active: SchemaSpec | None) -> tuple[PushBody, SchemaSpec]:
    body = read_body(raw, PushBody, depth)
    spec = parse_schema_json(pushed_document(body, read_json(raw, depth)["schema"], active))
    assert spec.hash  # created here, and kept
    return body, spec


async def read(call: Call) -> Response:
    """GET /api/schema."""
    current = await call.service.schemas.refresh()
    asked = (current.version, current.hash, current.pushed_at, current.spec, call.organization)
    return json_answer(await call.aside(len(current.document), schema_body, *asked))


async def versions(call: Call) -> Response:
    """GET /api/schema/versions: the newest ones, each with what it changed."""
    found = await call.service.database.read(schema_history, None, VERSIONS + 1)
    return json_answer(await call.aside(len(found), _versions, found))


def _versions(found: bytes) -> dict[str, object]:
    return versions_body(msgspec.json.decode(found), VERSIONS)


ROUTES: Final[list[BaseRoute]] = [
    each
    for path in ("/api/schema", "/api/v1/schema")
    for each in (
        # Without a deadline: large tables take time, and an aborted request is not undone.
        route(path, push, "POST", deadline=False),
        route(f"{path}/dry-run", try_out, "POST", deadline=False),
        route(path, read),
        route(f"{path}/versions", versions),
    )
]
