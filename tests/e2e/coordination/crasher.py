"""An agent's script that dies in the middle of claimed work: `crasher.py DOOR URL HOW`.

Claims counters r1 for two seconds, says `working`, and then ends as told: `exit` without any
clean-up, by an `exception` (which a library's `with` sees), or not by itself.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import psycopg
from models import ORGANIZATION, SCHEMA

from ablo_pg import AsyncAblo

DOOR, URL, HOW = sys.argv[1:]
WHO, WHAT = "agent:crasher", "rewriting the note"


def die() -> None:
    print("working", flush=True)
    if HOW == "exception":
        raise RuntimeError("the model answered nonsense")
    if HOW == "exit":
        sys.stdin.read()
        os._exit(1)
    sys.stdin.read()


async def client() -> None:
    async with (
        AsyncAblo(
            schema=SCHEMA, database_url=URL, organization=ORGANIZATION, participant=WHO
        ) as ablo,
        ablo.counters.claim("r1", action=WHAT, ttl=2),
    ):
        die()


def sql() -> None:
    with psycopg.connect(URL, autocommit=True) as conn:
        conn.execute(
            "select ablo.claim_acquire(%s, %s, 'counters', 'r1', %s)",
            [ORGANIZATION, WHO, f'{{"ttl": 2, "description": "{WHAT}"}}'],
        )
        die()


if DOOR == "client":
    asyncio.run(client())
else:
    sql()
