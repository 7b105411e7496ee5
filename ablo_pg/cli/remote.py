"""A relay as commands reach it: an origin, a key, JSON in and out, its errors as ours."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from ablo_pg.errors import AbloError, error_for
from ablo_pg.wire.relay_url import relay_origin

# A person waits; a push that alters large tables may take minutes, a read does not.
LOOK_SECONDS: Final = 30.0
PUSH_SECONDS: Final = 600.0
_OURS: Final = frozenset({"type", "code", "message", "model", "param", "remedy", "retryable"})


@dataclass(frozen=True, slots=True)
class Remote:
    """A relay. Args: url, its origin, with or without a trailing /api; key, an sk_ key."""

    url: str
    key: str = field(repr=False)

    @property
    def origin(self) -> str:
        """The URL without a trailing /api and slashes. Raises invalid_options."""
        return "".join(relay_origin(self.url, "url"))

    def get(self, path: str) -> Any:
        """Read a path such as /api/schema. Raises the relay's error, or unreachable."""
        return self._call("GET", path, None, LOOK_SECONDS)

    def post(self, path: str, body: Any, *, seconds: float = PUSH_SECONDS) -> Any:
        """Send JSON to a path; raises as `get`."""
        return self._call("POST", path, orjson.dumps(body), seconds)

    def _call(self, method: str, path: str, body: bytes | None, seconds: float) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.origin + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return _json(answer.read())
        except urllib.error.HTTPError as exc:
            raise problem_of(exc.code, exc.read()) from None
        except (urllib.error.URLError, OSError) as exc:
            reason = getattr(exc, "reason", exc)
            raise error_for(
                "database_unreachable",
                f"the relay at {self.origin} does not answer: {reason}",
                remedy="start it (`ablo-pg dev`, or `ablo-pg relay`), or correct ABLO_API_URL",
            ) from None


def problem_of(status: int, raw: bytes) -> AbloError:
    """Turn a relay's error body into the error that it represents."""
    body = _json(raw)
    if not isinstance(body, dict) or not isinstance(body.get("code"), str):
        return error_for(
            "internal_error",
            f"the relay answered {status}: {raw[:200].decode(errors='replace')}",
            remedy="see the relay's log; a proxy in between may have answered",
        )
    known = {"model": body.get("model"), "field": body.get("param"), "remedy": body.get("remedy")}
    return error_for(
        body["code"],
        str(body.get("message", "")),
        **{name: value for name, value in known.items() if isinstance(value, str)},
        details={name: value for name, value in body.items() if name not in _OURS},
    )


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
