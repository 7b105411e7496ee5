"""`ablo-pg` with a hub that loses one delta of its stream: a mutant to be caught, as a script."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ablo_pg.cli.main import run
from ablo_pg.relay import Hub
from ablo_pg.relay.arrival import Arrival

NUMBER = 5000  # which one, of the organization's

publish = Hub.publish
seen = 0


def forgetful(self: Hub, batch: Sequence[Arrival]) -> None:
    """Hand on what the stream has brought, but for one."""
    publish(self, [each for each in batch if each.organization_id != "acme" or kept()])


def kept() -> bool:
    """Count one more; whether it is handed on."""
    global seen
    seen += 1
    return seen != NUMBER


if __name__ == "__main__":
    Hub.publish = forgetful  # type: ignore[method-assign]
    sys.exit(run(sys.argv[1:]))
