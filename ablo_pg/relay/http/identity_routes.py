"""The identity and rights of a credential."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg.relay.auth import Credential
from ablo_pg.relay.http.answers import json_answer
from ablo_pg.relay.http.call import Call, route
from ablo_pg.relay.http.writes import authority_of
from ablo_pg.relay.live_schema import LiveSchema


def identity_body(credential: Credential, schema: LiveSchema) -> dict[str, object]:
    """Return the identity, with every property that either generation of clients requires."""
    authority = authority_of(credential, schema)
    return {
        "participantKind": credential.kind,
        "participantId": credential.participant_id,
        "accountScope": credential.organization,
        "organizationId": credential.organization,
        "projectId": authority["projectId"],
        "branchId": authority["branchId"],
        "branchRoot": True,
        "syncGroups": authority["syncGroups"],
        "deliveryPartition": None,
        "authority": authority,
        "userMeta": dict(credential.user_meta),
    }


async def identity(call: Call) -> Response:
    """GET /api/auth/identity."""
    return json_answer(identity_body(call.credential, call.schema))


ROUTES: Final[list[BaseRoute]] = [route("/api/auth/identity", identity)]
