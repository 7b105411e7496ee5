"""Processes of agents, and what can happen to a process: killed, stopped, continued, replaced."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .ground import Ground, wait_until
from .plan import Plan

PROGRAM = Path(__file__).with_name("agent.py")
Event = dict[str, Any]


class Crew:
    """One process. Its agents' names are its own: whoever replaces it is somebody else."""

    def __init__(self, folder: Path, plan: Plan, name: str, agents: int) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        names = [f"agent:{name}-{number}" for number in range(agents)]
        self.plan = dataclasses.replace(plan, log=str(self.log), names=names)
        self._events: list[Event] = []
        self._read = 0
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, str(PROGRAM), self.plan.text()]
        with (folder / f"{name}.err").open("w") as errors:
            self.process = subprocess.Popen(command, env=environment, stderr=errors)

    def events(self) -> list[Event]:
        """What it has told so far; a line that its death cut short is left out."""
        if self.log.exists():
            with self.log.open("rb") as log:
                log.seek(self._read)
                whole, end, _ = log.read().rpartition(b"\n")
            self._read += len(whole) + len(end)
            self._events += [json.loads(line) for line in whole.splitlines()]
        return self._events

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it at once, whether it runs or is stopped."""
        self.process.kill()
        self.process.wait()


class Fleet:
    """Several crews on one plan. `agents` of each crew; `crews` lists those that are alive."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self.plan = plan
        self.crews: list[Crew] = []
        self.all: list[Crew] = []
        self.disturbed: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for crew in self.all:
            crew.kill()

    def add(self, agents: int, **changes: Any) -> Crew:
        """Start a crew; `changes` to the plan are for it alone."""
        plan = dataclasses.replace(self.plan, **changes)
        crew = Crew(self.folder, plan, f"p{len(self.all)}", agents)
        self.all.append(crew)
        self.crews.append(crew)
        return crew

    def replace(self, crew: Crew) -> Crew:
        """Kill a crew with -9 and start another one of the same size."""
        crew.kill()
        self.disturbed.add(crew.name)
        self.crews.remove(crew)
        changes = {"url": crew.plan.url, "door": crew.plan.door, "clock": crew.plan.clock}
        other = self.add(len(crew.plan.names), **changes)
        self.disturbed.add(other.name)  # it was not there from the beginning
        return other

    def stop_while_it_holds(self, crew: Crew, ground: Ground) -> None:
        """Stop a process in the middle of claimed work until the database has given it up."""
        self.disturbed.add(crew.name)

        def held() -> list[str]:
            crew.send(signal.SIGSTOP)
            found = claims_of(ground, crew)
            if not found:
                crew.send(signal.SIGCONT)
            return found

        claims = wait_until(held)
        wait_until(lambda: not still_held(ground, claims))
        crew.send(signal.SIGCONT)

    def events(self, kind: str) -> list[Event]:
        """All events of a kind, of all crews that ever were."""
        return [event for crew in self.all for event in crew.events() if event["event"] == kind]

    def marks(self) -> list[str]:
        """The marks of the sections that their writers saw land."""
        return [event["mark"] for event in self.events("landed") if event["mark"]]

    def stayed(self) -> list[str]:
        """The agents of crews that were there from the beginning, and that nothing happened to."""
        return [name for crew in self.crews if crew.name not in self.disturbed
                for name in crew.plan.names]  # fmt: skip

    def stop(self) -> None:
        """Let every agent end its section; their processes must end well."""
        for crew in self.crews:
            wait_until(crew.events)  # from then on it hears
            crew.send(signal.SIGTERM)
        for crew in self.crews:
            code = crew.process.wait(timeout=30)
            told = (self.folder / f"{crew.name}.err").read_text()
            last = crew.events()[-1]["event"]
            assert (code, last) == (0, "stopped"), f"{crew.name} ended with {code}, {last}: {told}"


def claims_of(ground: Ground, crew: Crew) -> list[str]:
    """The live claims that a crew's agents hold."""
    rows = ground.rows(
        """select id from ablo.claim where status = 'active' and expires_at > clock_timestamp()
              and participant = any (%s)""",
        crew.plan.names,
    )
    return [claim for (claim,) in rows]


def still_held(ground: Ground, claims: list[str]) -> bool:
    """Whether one of the claims has not ended, nor run out."""
    return bool(
        ground.rows(
            """select from ablo.claim
                where status = 'active' and id = any (%s) and expires_at > clock_timestamp()""",
            claims,
        )
    )


def resolve_everything(ground: Ground, organization: str, rows: list[str], model: str) -> None:
    """Look at each row as the last one there: whoever died in line is passed, claims run out."""
    for row in rows:
        answer = ground.rows(
            "select ablo.claim_acquire(%s, 'system:last', %s, %s, '{\"ttl\": 30}')",
            organization, model, row,
        )[0][0]  # fmt: skip
        claim = answer["claim"]["id"]
        wait_until(
            lambda claim=claim: ground.rows(  # type: ignore[misc]
                "select ablo.claim_get(%s, 'system:last', %s) #>> '{claim,status}'",
                organization, claim,
            )[0][0] == "active"
        )  # fmt: skip
        ground.rows("select ablo.claim_release(%s, 'system:last', %s)", organization, claim)
