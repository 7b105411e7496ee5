"""What happens to a fleet at work: one fault after the other, each waited for, none timed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .fleet import Crew, Fleet, claims_of, still_held
from .ground import Ground, wait_until
from .proxy import Proxy


@dataclass(slots=True)
class Faults:
    """`steady` crews are let be; the others are killed, stopped or cut off, again and again."""

    fleet: Fleet
    ground: Ground
    proxy: Proxy
    agents: int
    done: list[str] = field(default_factory=list)
    _proxied: list[Crew] = field(default_factory=list)
    _victims: list[Crew] = field(default_factory=list)

    def start(self, *, steady: int, proxied: int, victims: int) -> None:
        """Start crews, of both doors in turn, and wait until each has got something done."""
        doors = itertools.cycle(("sql", "client"))
        for _ in range(steady):
            self.fleet.add(self.agents, door=next(doors))
        for _ in range(proxied):
            self._proxied.append(self.fleet.add(self.agents, door=next(doors), url=self.proxy.url))
        for _ in range(victims):
            self._victims.append(self.fleet.add(self.agents, door=next(doors)))
        self.fleet.disturbed |= {crew.name for crew in self._proxied}
        for crew in self.fleet.crews:
            wait_until(lambda crew=crew: any(e["event"] == "landed" for e in crew.events()))  # type: ignore[misc]

    def round(self) -> None:
        """Every fault once."""
        for fault in (self.kill, self.stop, self.cut, self.hang):
            before = len(self.fleet.marks())
            fault()
            self.done.append(fault.__name__)
            wait_until(lambda before=before: len(self.fleet.marks()) > before)  # type: ignore[misc]

    def kill(self) -> None:
        """End a process with -9 in the middle of claimed work; another one takes its place."""
        victim = self._victims.pop(0)
        wait_until(lambda: claims_of(self.ground, victim), pause=0)
        self._victims.append(self.fleet.replace(victim))

    def stop(self) -> None:
        """Stop a process past its leases, then continue it: it thinks that it still holds them."""
        self.fleet.stop_while_it_holds(self._victims[0], self.ground)

    def cut(self) -> None:
        """End all connections of the proxied crews."""
        assert self.proxy.cut()

    def hang(self) -> None:
        """Hold back the network past the leases of those behind it; then late writes arrive."""
        crew = self._proxied[0]
        claims = wait_until(lambda: claims_of(self.ground, crew), pause=0)
        self.proxy.hang()
        wait_until(lambda: not still_held(self.ground, claims))
        self.proxy.resume()


def wait_through(faults: Faults, *, seconds: float, until: Callable[[], bool]) -> None:
    """Rounds of faults for so long, then until the condition holds."""
    end = time.monotonic() + seconds
    faults.round()
    while time.monotonic() < end:
        faults.round()
    wait_until(until)
