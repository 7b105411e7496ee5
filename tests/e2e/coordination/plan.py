"""What a process of agents is told to do, as JSON on its command line. Imports nothing of ours."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Literal

# Under a claim: count (read, add one, write), append (the same with a list), note (another field).
# Without one: again (a list appended to, guarded by what was read, tried again until it lands) and
# reads (the same, with what was read as a premise of the whole commit).
Task = Literal["count", "append", "note", "again", "reads"]
Door = Literal["sql", "client"]


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """One process. `door`: speak SQL to the kernel's routines, or use the library.

    ttl: seconds of a lease. naps: how often, of 100 sections, an agent forgets its lease and writes
    when it has run out (a client cannot forget: it blocks its event loop as long). clock: seconds
    by which this process's clock is wrong; believes_it: agents compare leases with it, as no client
    may do. patience: seconds that an agent waits in line.
    """

    url: str
    organization: str
    rows: list[str]
    log: str = ""
    names: list[str] = dataclasses.field(default_factory=list)
    model: str = "counters"
    door: Door = "sql"
    tasks: list[Task] = dataclasses.field(default_factory=lambda: ["count"])
    ttl: float = 1.0
    naps: int = 0
    clock: float = 0.0
    believes_it: bool = False
    patience: float = 30.0

    def text(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def parse(cls, text: str) -> Plan:
        values: dict[str, Any] = json.loads(text)
        return cls(**values)
