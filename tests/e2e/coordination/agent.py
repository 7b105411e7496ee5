"""A process of agents: `agent.py PLAN`. Runs until SIGTERM, and tells in its log what it was told.

The log is one JSON line an event, written at once: asked, granted, gave_up, ended, landed, refused.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from plan import Plan

PLAN = Plan.parse(sys.argv[1])
if PLAN.clock:
    from wrong_clock import shift

    shift(PLAN.clock)  # before anything else can have looked at the clock

import asyncio  # noqa: E402
import datetime  # noqa: E402
import json  # noqa: E402
import signal  # noqa: E402
from typing import Any  # noqa: E402


async def main(plan: Plan) -> None:
    if plan.door == "client":
        from client_agent import run_agents
    else:
        from sql_agent import run_agents
    log = os.open(plan.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def tell(event: str, **what: Any) -> None:
        os.write(log, json.dumps({"event": event, **what}).encode() + b"\n")

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    tell("started", now=datetime.datetime.now().timestamp())
    await run_agents(plan, tell, stop)
    tell("stopped")


asyncio.run(main(PLAN))
