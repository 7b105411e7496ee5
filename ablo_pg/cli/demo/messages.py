"""The messages from the demo's processes to their parent: one JSON object per line on stdout.

Times are nanoseconds of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec
import orjson

from ablo_pg.errors import AbloError


class Said(msgspec.Struct, frozen=True, tag=True):
    """Any message of a process."""


class Reads(Said, frozen=True, tag="reads"):
    """How the subscriber reads the log: sent when it is live, and again at its end."""

    reader: str


class Wrote(Said, frozen=True, tag="wrote"):
    """A confirmed write: its sync id and row, and when it was sent."""

    sync_id: int
    op: str
    id: str
    sent: int


class Refused(Said, frozen=True, tag="refused"):
    """A guarded write that the database refused, because the row had changed since it was read."""

    id: str


class Retried(Said, frozen=True, tag="retried"):
    """A write sent again under its key, as after a lost answer; `sync_id` is that of the first."""

    sync_id: int


class Saw(Said, frozen=True, tag="saw"):
    """A committed row that arrived at the subscriber."""

    sync_id: int
    op: str
    id: str
    actor: str
    at: int
    row: dict[str, Any] | None


Message = Reads | Wrote | Refused | Retried | Saw
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
    except BrokenPipeError:
        os._exit(1)  # the parent is gone; do not flush to the pipe
    except AbloError as error:
        sys.exit(f"{work.__name__}: {error} [{error.code}]")


async def from_parent() -> bytes:
    """Wait for the parent's message; return nothing if it died and our stdin is at end of file.

    Reads the descriptor directly: a thread blocked in sys.stdin would delay the exit.
    """
    await anyio.wait_readable(sys.stdin.fileno())
    return os.read(sys.stdin.fileno(), 1000)


@asynccontextmanager
async def while_parent_lives() -> AsyncIterator[None]:
    """Cancel the block if the parent dies."""

    async def watch(scope: anyio.CancelScope) -> None:
        while await from_parent():
            pass
        scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch, tasks.cancel_scope)
        yield
        tasks.cancel_scope.cancel()


def now() -> int:
    """The time on the clock that all processes share."""
    return time.monotonic_ns()
