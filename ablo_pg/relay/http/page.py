"""How the files of the console and of /docs are served, and what browsers let these pages do.

They show rows and schemas from any writer: these cannot become code, no other origin is contacted,
and no page can frame them.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

PART: Final = 64 << 10  # bytes
HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-cache",  # cached but revalidated: a new release shows at once
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served."""

    body: bytes
    kind: str
    tag: str

    @classmethod
    def of(cls, body: bytes, kind: str) -> Asset:
        """Return the asset of a file's content and media type."""
        return cls(body, kind, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def asset_answer(request: Request, asset: Asset, policy: str) -> Response:
    """Answer with a file under a Content-Security-Policy; 304 if the caller has it."""
    headers = {**HEADERS, "content-security-policy": policy, "etag": asset.tag}
    if asset.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    headers["content-length"] = str(len(asset.body))
    return StreamingResponse(_parts(asset.body), headers=headers, media_type=asset.kind)


async def _parts(body: bytes) -> AsyncIterator[bytes]:
    """Yield a file in parts: the server takes the next one when the client has read the last.

    These pages need no key, so nothing else bounds the memory of clients that do not read.
    """
    for start in range(0, len(body), PART):
        yield body[start : start + PART]
