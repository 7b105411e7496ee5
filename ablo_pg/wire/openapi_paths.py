"""The paths that every schema has, in the API's description: one line each. Pure.

Bodies are those of the structs that parse them (`openapi_bodies`). An operation that answers only
after a while, or never ends, is marked `x-waits`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from ablo_pg.wire import claim_requests, mints
from ablo_pg.wire.kernel_bodies import NoBody
from ablo_pg.wire.kernel_calls import CALLS, CLAIM_NEWS, PREFIX
from ablo_pg.wire.openapi_bodies import body_schema
from ablo_pg.wire.openapi_models import body, json_answer, parameter, ref
from ablo_pg.wire.schemas import PushBody
from ablo_pg.wire.sync import QueryBody

Schema = dict[str, object]
ANY: Final[Schema] = {"type": "object"}
LIST: Final[Schema] = {"type": "array"}
NULLABLE: Final[Schema] = {"type": ["object", "null"]}
NUMBER: Final[Schema] = {"type": "integer", "minimum": 0}


class Line(NamedTuple):
    """One operation. body: the struct that parses it, or a schema. query: parameters' names."""

    method: str
    path: str
    summary: str
    body: type[msgspec.Struct] | Schema | None = None
    answer: Schema = ANY
    status: str = "200"
    query: tuple[str, ...] = ()
    open: bool = False  # needs no key
    waits: bool = False
    media: str = "application/json"


_CAPABILITY = "/api/v1/capabilities/{capability}"
_SOURCES = "/v1/datasources"
# Those of the kernel's calls that are not an object.
_ANSWERS: Final[Mapping[str, Schema]] = {
    "receipt_get": NULLABLE,
    "track_list": {},
    "claim_beats": LIST,
    "presence_list": LIST,
}
_FOLLOW = ("syncGroups", "models", "cursor")

LINES: Final = (
    Line("get", "/api/auth/identity", "The key's identity and rights"),
    Line("get", "/api/v1/access/explain", "What the key may do with a row", query=("model", "id")),
    Line("get", "/api/auth/check", "Whether the key is valid", status="204"),
    Line(
        "post", "/api/v1/commits", "Several operations, all or none", ref("Commit"), ref("Receipt")
    ),
    Line(
        *("get", "/api/v1/commits", "Commits, newest first"),
        query=("actorId", "status", "limit", "cursor"),
    ),
    Line("get", "/api/v1/commits/{id}", "One commit, or null", answer=NULLABLE),
    Line(
        *("get", "/api/v1/logs", "Events of the log, and of claims"),
        query=("after", "limit", "model", "op", "since"),
    ),
    Line(
        *("get", "/api/v1/claims", "List claims"),
        query=("model", "id", "field", "actorId", "actorKind", "onBehalfOfId", "capabilityId"),
    ),
    Line("post", "/api/v1/claims", "Claim a row", claim_requests.AcquireBody, status="201"),
    Line("post", "/api/v1/claims/heartbeat", "Renew all own claims", claim_requests.BeatAllBody),
    Line("get", "/api/v1/claims/{claim}", "One claim", answer=ref("Claim")),
    Line("delete", "/api/v1/claims/{claim}", "Release a claim"),
    Line(
        *("post", "/api/v1/claims/{claim}/heartbeat", "Renew a claim, or a place in the queue"),
        claim_requests.BeatBody,
    ),
    Line("get", "/api/schema", "The active schema"),
    Line("post", "/api/schema", "Push a schema", PushBody),
    Line("post", "/api/schema/dry-run", "Dry run of a push; nothing is saved", PushBody),
    Line("get", "/api/schema/versions", "Earlier schemas"),
    Line("post", "/api/v1/capabilities", "Mint a key from this one", mints.MintBody, status="201"),
    Line("get", _CAPABILITY, "Read the own key"),
    Line("delete", _CAPABILITY, "End a key, and those derived from it"),
    Line("post", f"{_CAPABILITY}/rotate", "Replace a key", mints.RotateBody),
    Line("post", "/api/v1/ephemeral_keys", "A user's session", mints.EphemeralBody, status="201"),
    Line("get", "/api/v1/projects", "The project"),
    Line("post", "/api/v1/projects", "Refused: there is only one", ANY),
    Line("patch", "/api/v1/projects/{project}", "Refused: it is the organization", ANY),
    Line("get", "/api/v1/branches", "The branch"),
    Line("post", "/api/v1/branches", "Refused: there is only one", ANY, status="201"),
    Line("get", "/api/v1/branches/{branch}", "A branch"),
    Line("get", "/api/v1/branches/{branch}/status", "A branch's status"),
    Line("post", "/api/v1/branches/{branch}/credentials", "A key for it", ANY, status="201"),
    Line("get", f"/api{_SOURCES}", "The data source"),
    Line("post", f"/api{_SOURCES}", "Register the data source (idempotent)", ANY, status="201"),
    Line("delete", f"/api{_SOURCES}", "Refused: it is the relay's own"),
    Line("post", f"/api{_SOURCES}/validate", "Whether the database is usable", ANY),
    Line("post", f"/api{_SOURCES}/locate", "Whether another project uses the database", ANY),
    Line("get", "/api/sync/bootstrap", "A copy's rows", query=(*_FOLLOW, "limit", "lastSyncId")),
    Line("post", f"/api{_SOURCES}/resnapshot", "Does nothing: rows are read in place", ANY),
    Line("post", "/api/sync/query", "Several reads of one snapshot", QueryBody),
    Line("get", "/api/sync/entity/{typename}/{id}", "One row"),
    Line(
        *("get", "/api/v1/stream", "Every delta from now on, as Server-Sent Events"),
        query=(*_FOLLOW, "where", "ticket"),
        waits=True,
        media="text/event-stream",
    ),
    Line("get", "/api/health", "Whether requests can be served", open=True),
    Line("get", "/live", "Whether the process lives", open=True),
    Line("get", "/ready", "Whether a canary came through lately", open=True),
    Line("get", "/metrics", "What is counted", open=True, media="text/plain"),
    *(
        Line(
            *("post", PREFIX + call.name, call.summary),
            None if call.body is NoBody else call.body,
            _ANSWERS.get(call.name, ANY),
            waits=call is CLAIM_NEWS,
        )
        for call in CALLS
    ),
)
WRITES: Final = ("/api/v1/commits",)
# Additional paths of the same operations, for older clients and one command line.
ALSO: Final = {
    "/api/auth/capability": "/api/v1/capabilities",
    "/api/auth/ephemeral-keys": "/api/v1/ephemeral_keys",
    "/api/v1/schema": "/api/schema",
    "/api/v1/schema/dry-run": "/api/schema/dry-run",
    "/api/v1/schema/versions": "/api/schema/versions",
    _SOURCES: f"/api{_SOURCES}",
    f"{_SOURCES}/validate": f"/api{_SOURCES}/validate",
    f"{_SOURCES}/locate": f"/api{_SOURCES}/locate",
    f"{_SOURCES}/resnapshot": f"/api{_SOURCES}/resnapshot",
}


def fixed_paths() -> dict[str, object]:
    """Return the paths that every schema has."""
    paths: dict[str, Any] = {}
    for line in LINES:
        group = next(part for part in line.path.split("/") if part not in ("", "api", "v1"))
        paths.setdefault(line.path, {})[line.method] = _operation(line) | {"tags": [group]}
    return paths


def _operation(line: Line) -> dict[str, object]:
    operation: dict[str, Any] = json_answer(line.summary, line.answer, line.status)
    answer = operation["responses"][line.status]
    if line.status == "204":
        del answer["content"]
    elif line.media != "application/json":
        answer["content"] = {line.media: {"schema": {"type": "string"}}}
    if line.path == "/ready":
        operation["responses"]["503"] = answer
    if line.body is not None:
        shape = line.body if isinstance(line.body, dict) else body_schema(line.body)
        operation |= body(shape)
    places = [part[1:-1] for part in line.path.split("/") if part.startswith("{")]
    parameters = [parameter("path", name) for name in places]
    parameters += [parameter("query", name, _query(name)) for name in line.query]
    if line.method == "post" and line.path in WRITES:
        parameters.append(parameter("header", "Idempotency-Key"))
    if parameters:
        operation["parameters"] = parameters
    if line.open:
        operation["security"] = []
    return operation | ({"x-waits": True} if line.waits else {})


def _query(name: str) -> Schema | None:
    return NUMBER if name in ("limit", "lastSyncId") else None
