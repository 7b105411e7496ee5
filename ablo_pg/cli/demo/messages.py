"""What the demo's processes tell its parent: one JSON object a line on stdout.

Times are nanoseconds of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import msgspec
import orjson

from ablo_pg.errors import AbloError


class Said(msgspec.Struct, frozen=True, tag=True):
    """Anything a process says."""


class Ready(Said, frozen=True, tag="ready"):
    """The subscriber is live; `reader` says how it reads the log."""

    reader: str


class Wrote(Said, frozen=True, tag="wrote"):
    """A confirmed write: its sync id and row, and when its receipt arrived."""

    sync_id: int
    op: str
    id: str
    at: int


class Refused(Said, frozen=True, tag="refused"):
    """A guarded write that the database refused, because the row had moved since it was read."""

    id: str


class Retried(Said, frozen=True, tag="retried"):
    """A write that was sent again under its key, as after a lost answer; `sync_id` as then."""

    sync_id: int


class Saw(Said, frozen=True, tag="saw"):
    """A committed row that arrived at the subscriber."""

    sync_id: int
    op: str
    id: str
    actor: str
    at: int
    row: dict[str, Any] | None


Message = Ready | Wrote | Refused | Retried | Saw
_DECODER = msgspec.json.Decoder(Message)


def tell(message: Message) -> None:
    """Send a message to the parent."""
    sys.stdout.write(msgspec.json.encode(message, enc_hook=orjson.dumps).decode() + "\n")
    sys.stdout.flush()


def heard(line: bytes) -> Message:
    """Read a message of a child process."""
    message: Message = _DECODER.decode(line)
    return message


def run_child(work: Callable[..., Awaitable[None]], *arguments: object) -> None:
    """Run the body of a process; an expected error is one line on stderr and exit code 1."""
    try:
        anyio.run(work, *arguments)
    except AbloError as error:
        sys.exit(f"{work.__name__}: {error} [{error.code}]")


def now() -> int:
    """The time on the clock that all processes share."""
    return time.monotonic_ns()
