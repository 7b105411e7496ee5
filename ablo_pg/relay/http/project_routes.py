"""What command lines request besides rows: projects, branches, data sources. A database has one of
each, and most of this says so."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg.credentials import new_key
from ablo_pg.db import keys
from ablo_pg.db.keys import iso_time
from ablo_pg.db.urls import url_parameters
from ablo_pg.errors import AbloValidationError, error_for
from ablo_pg.relay.http.answers import json_answer
from ablo_pg.relay.http.call import Call, route
from ablo_pg.relay.http.schema_routes import PUSH_SCOPE
from ablo_pg.wire.authority import BRANCH_ID
from ablo_pg.wire.projects import (
    ROOT_SLUG,
    branch_body,
    branch_credential_body,
    branch_status_body,
    project_body,
    source_body,
    validation_body,
)

SOURCES: Final = "/v1/datasources"


class SourceBody(msgspec.Struct, frozen=True, rename="camel"):
    """POST of a data source."""

    connection_string: str | None = None
    connection: str | None = None


class BranchBody(msgspec.Struct, frozen=True):
    """POST of a branch."""

    slug: str
    kind: str | None = None


class CredentialBody(msgspec.Struct, frozen=True):
    """POST of a branch's credential."""

    ttl_hours: Annotated[float, msgspec.Meta(gt=0)] = 8


async def projects(call: Call) -> Response:
    """GET the one project."""
    return json_answer({"object": "list", "data": [project_body(call.organization)]})


async def branches(call: Call) -> Response:
    """GET the root branch."""
    return json_answer({"object": "list", "data": [branch_body(call.organization)]})


def root_branch(call: Call) -> None:
    """Raise unless the path names the root, by id or slug."""
    if call.path("branch") not in (BRANCH_ID, ROOT_SLUG):
        raise error_for(
            "entity_not_found",
            "The root is the only branch",
            remedy=f"use {BRANCH_ID}",
        )


async def branch(call: Call) -> Response:
    """GET a branch."""
    root_branch(call)
    return json_answer(branch_body(call.organization))


async def branch_status(call: Call) -> Response:
    """GET a branch's status."""
    root_branch(call)
    schema = call.schema
    reasons = call.service.health.reasons()
    return json_answer(branch_status_body(call.organization, schema.version, schema.hash, reasons))


async def make_branch(call: Call) -> Response:
    """POST of a branch: the root is taken, and no other can be created."""
    body = await call.body(BranchBody)
    if body.slug == ROOT_SLUG:
        raise error_for(
            "unique_violation",
            f"The branch {ROOT_SLUG!r} already exists",
            field="slug",
            remedy="list the branches and use it",
        )
    raise _only_one("branch", "the root; use another database for another branch")


async def branch_credential(call: Call) -> Response:
    """POST: a key for the branch that may also push; the caller's key must have that right."""
    root_branch(call)
    body = await call.body(CredentialBody)
    request = {
        "prefix": "rk",
        "wideScope": True,
        "scopes": [PUSH_SCOPE],
        "ttlSeconds": body.ttl_hours * 3600,
        "label": "branch credential",
    }
    token = new_key("rk")
    key = await call.service.database.run(
        keys.key_mint, call.organization, call.credential.hash, token, request
    )
    return json_answer(branch_credential_body(token, iso_time(key.expires_at)), 201)


async def make_project(call: Call) -> Response:
    """POST or PATCH of a project: there is only one, the organization."""
    raise _only_one("project", "the organization; create keys of another organization for another")


def _only_one(what: str, which: str) -> Exception:
    return error_for(
        "invalid_request",
        f"This server has one {what} per organization; others cannot be created or changed",
        remedy=f"use {which}",
    )


async def register_source(call: Call) -> Response:
    """POST a data source: the relay's own database is the only one, and it is registered.

    Older clients send this at every start. What they name is neither stored nor connected to: a
    server that connects wherever a request tells it to could be used to reach into a network.
    """
    body = await call.body(SourceBody)
    if body.connection not in (None, "direct"):
        raise error_for(
            "datasource_connection_unsupported",
            f"A data source of kind {body.connection[:20]!r} cannot be registered",
            field="connection",
            remedy="rows are in the relay's own Postgres: leave it out, or pass direct",
        )
    if body.connection_string is not None:
        try:
            url_parameters(body.connection_string, "connectionString")
        except AbloValidationError as exc:
            raise error_for(
                "invalid_request", exc.message, field=exc.field, remedy=exc.remedy
            ) from None
    return json_answer(_source(call), 201)


async def sources(call: Call) -> Response:
    """GET the data sources."""
    return json_answer({"object": "list", "data": [_source(call)]})


async def validate_source(call: Call) -> Response:
    """POST: whether the database is usable."""
    return json_answer(validation_body(call.service.health.reasons()))


async def snapshot_source(call: Call) -> Response:
    """POST: read everything again. Nothing is copied: rows are read in place."""
    return json_answer(_source(call) | validation_body(call.service.health.reasons()))


async def locate_source(call: Call) -> Response:
    """POST: whether another project uses the database."""
    return json_answer({"available": True, "held": None})


async def remove_source(call: Call) -> Response:
    """DELETE: nothing registered can be removed."""
    raise error_for(
        "entity_not_found",
        "The relay's own database is the only data source",
        remedy="stop the relay to disconnect it",
    )


def _source(call: Call) -> dict[str, object]:
    place = url_parameters(call.service.settings.database_url)
    # Servers may know where the database is; browsers need not.
    host = str(place.get("host") or "localhost") if call.credential.prefix == "sk" else None
    return source_body(str(place.get("dbname") or ""), host, call.service.health.ready)


ROUTES: Final[list[BaseRoute]] = [
    route("/api/v1/projects", projects),
    route("/api/v1/projects", make_project, "POST"),
    route("/api/v1/projects/{project}", make_project, "PATCH"),
    route("/api/v1/branches", branches),
    route("/api/v1/branches", make_branch, "POST"),
    route("/api/v1/branches/{branch}", branch),
    route("/api/v1/branches/{branch}/status", branch_status),
    route("/api/v1/branches/{branch}/credentials", branch_credential, "POST"),
    *(
        each
        for start in ("/api", "")  # one command line omits /api
        for each in (
            route(f"{start}{SOURCES}", sources),
            route(f"{start}{SOURCES}", register_source, "POST"),
            route(f"{start}{SOURCES}", remove_source, "DELETE"),
            route(f"{start}{SOURCES}/validate", validate_source, "POST"),
            route(f"{start}{SOURCES}/locate", locate_source, "POST"),
            route(f"{start}{SOURCES}/resnapshot", snapshot_source, "POST"),
        )
    ),
]
