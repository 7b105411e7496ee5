"""An agent that dies in the middle of claimed work keeps nobody waiting beyond its lease."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from . import mutants
from .ground import Ground, wait_until
from .models import ORGANIZATION
from .plan import Door

PROGRAM = Path(__file__).with_name("crasher.py")
# A good deal more than a test takes: a false alarm on a busy machine says nothing.
pytestmark = pytest.mark.timeout(180)
TTL = 2.0
# What a machine with more to do may take on top of the lease.
BUSY = 1.5


@contextmanager
def crasher(ground: Ground, door: Door, how: str) -> Iterator[subprocess.Popen[str]]:
    """Run the script; the block starts when it works under its claim."""
    pipe = subprocess.PIPE
    command = [sys.executable, str(PROGRAM), door, ground.handle.database_url, how]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "working\n"
            yield process
        finally:
            process.kill()


def ask(ground: Ground, routine: str, *arguments: object) -> Any:
    marks = ", ".join(["%s"] * (2 + len(arguments)))
    query = f"select ablo.{routine}({marks})"
    return ground.rows(query, ORGANIZATION, "agent:next", *arguments)[0][0]


@pytest.mark.parametrize("how", ["kill -9", "exit"])
@pytest.mark.parametrize("door", ["sql", "client"])
def test_the_row_is_free_within_the_lease(ground: Ground, door: Door, how: str) -> None:
    ground.seed(1)
    with crasher(ground, door, how) as process:
        waiting = ask(ground, "claim_acquire", "counters", "r1", '{"ttl": 30}')["claim"]
        (line,) = ask(ground, "claim_list", "counters", "r1")["queue"]
        assert (line["id"], line["position"]) == (waiting["id"], 0)
        (blocker,) = line["blockedBy"]
        assert (blocker["heldBy"], blocker["action"]) == ("agent:crasher", "rewriting the note")
        if how == "exit":
            assert process.stdin
            process.stdin.close()
        else:
            process.kill()
        process.wait()
        died = time.monotonic()
        granted = granted_when(ground, waiting["id"])
        assert time.monotonic() - died < TTL + BUSY
    ((dead_until,),) = ground.rows(
        """select (extract(epoch from expires_at) * 1000)::bigint
             from ablo.claim where participant = 'agent:crasher'"""
    )
    assert dead_until <= granted["grantedAt"] < dead_until + BUSY * 1000
    assert blocker["expiresAt"] <= dead_until <= blocker["expiresAt"] + TTL * 1000
    assert ask(ground, "claim_list", "counters", "r1")["queue"] == []


def granted_when(ground: Ground, claim: str, patience: float = 40.0) -> dict[str, Any]:
    """Look again and again, until it is granted."""

    def look() -> Any:
        answer = ask(ground, "claim_get", claim, True)
        return answer["claim"] if answer["claim"]["status"] == "active" else None

    return wait_until(look, patience=patience)


def test_an_exception_gives_the_row_back_at_once(ground: Ground) -> None:
    """The library's `async with` ends the claim; the lease is not waited for."""
    ground.seed(1)
    with crasher(ground, "client", "exception") as process:
        process.wait()
        assert process.returncode == 1
    ((status,),) = ground.rows("select status from ablo.claim")
    assert status == "committed"


def test_a_kernel_without_expiry_is_caught(ground: Ground) -> None:
    """The waiter of a kernel that never ends a lease is not granted in time."""
    mutants.NO_EXPIRY.install(ground.admin)
    ground.seed(1)
    with crasher(ground, "sql", "exit"):
        waiting = ask(ground, "claim_acquire", "counters", "r1", '{"ttl": 30}')["claim"]
    with pytest.raises(AssertionError, match="did not happen in time"):
        granted_when(ground, waiting["id"], patience=TTL + BUSY)
