"""Signatures of requests: Standard Webhooks' headers, with the API key's own bytes as the secret.

The signed text is `<id>.<timestamp>.<body>`; the header has one or more `v1,<base64>`, of which one
must be right (while a key is replaced, the old and the new one both sign). A request is refused
300 s before and after its time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Final

from ablo_pg.source.refused import Refused

WINDOW: Final = 300  # seconds between the clocks of sender and receiver
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


def signature(key: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the base64 of the signature of one message."""
    text = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(key.encode(), text, hashlib.sha256)).decode()


def signed_headers(key: str, body: bytes, *, now: float | None = None) -> dict[str, str]:
    """Return the headers with which a service sends this body to an endpoint."""
    message_id = f"msg_{uuid.uuid4().hex}"
    timestamp = str(int(time.time() if now is None else now))
    return {
        "content-type": "application/json",
        ID: message_id,
        TIMESTAMP: timestamp,
        SIGNATURE: f"v1,{signature(key, message_id, timestamp, body)}",
    }


def verify(
    headers: Mapping[str, str], body: bytes, keys: Iterable[str], *, now: float | None = None
) -> None:
    """Raise Refused (401) unless one of the keys has signed the body just now.

    headers: names in lower case. Every key and signature is compared in constant time.
    """
    wanted = [key for key in keys if key]
    if not wanted:
        raise Refused(401, "source_api_key_missing", "the endpoint was given no API key")
    given = headers.get(SIGNATURE, "")
    if not given:
        raise Refused(401, "source_signature_missing", f"there is no {SIGNATURE} header")
    message_id = headers.get(ID, "")
    if not message_id:
        raise Refused(401, "source_id_missing", f"there is no {ID} header")
    timestamp = headers.get(TIMESTAMP, "")
    if not timestamp:
        raise Refused(401, "source_timestamp_missing", f"there is no {TIMESTAMP} header")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
        raise Refused(401, "source_timestamp_invalid", f"{TIMESTAMP} is not in unix seconds")
    if abs((time.time() if now is None else now) - int(timestamp)) > WINDOW:
        raise Refused(401, "source_timestamp_expired", f"the request is not of the last {WINDOW} s")
    parts = [one.removeprefix("v1,") for one in given.split(" ") if one.startswith("v1,")]
    right = False
    for key in wanted:
        made = signature(key, message_id, timestamp, body).encode()
        for one in parts[:16]:
            right |= hmac.compare_digest(made, one.encode())
    if not right:
        raise Refused(401, "source_signature_invalid", "the signature is not of this body and key")
