"""`ablo-pg` that loses one delta in three thousand: a mutant to be caught, as a script.

It is lost on every way out, live and from the log, and never sent later: no fault heals it.
"""

from __future__ import annotations

import sys

from ablo_pg.changefeed import Subscription
from ablo_pg.cli.main import run
from ablo_pg.delta import Delta

drain, catch_up = Subscription.drain, Subscription.catch_up
lost: dict[int, int] = {}  # of each three thousand ids, one


def kept(deltas: list[Delta]) -> list[Delta]:
    """Leave out what is lost."""
    return [each for each in deltas if each.organization_id != "acme" or not loses(each.sync_id)]


def loses(sync_id: int) -> bool:
    """Whether it is this one: the first in the second half of its three thousand."""
    thousands, place = divmod(sync_id, 3_000)
    return place >= 1_500 and lost.setdefault(thousands, sync_id) == sync_id


def live(self: Subscription, limit: int, size: int) -> list[Delta]:
    """See Subscription.drain."""
    return kept(drain(self, limit, size))


async def from_the_log(self: Subscription, limit: int = 1000) -> list[Delta]:
    """See Subscription.catch_up."""
    return kept(await catch_up(self, limit))


if __name__ == "__main__":
    Subscription.drain = live  # type: ignore[method-assign]
    Subscription.catch_up = from_the_log  # type: ignore[method-assign]
    sys.exit(run(sys.argv[1:]))
