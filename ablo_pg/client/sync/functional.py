"""The sync twin of `rows.functional.run`: the function is called on the caller's own thread.

There the function may take its time, and use the client: the event loop stays free.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar, cast

from ablo_pg.client.deadlines import within
from ablo_pg.client.portal import Portal
from ablo_pg.client.rows.functional import FunctionalUpdate, changes_of
from ablo_pg.client.session import ChangesT, Data
from ablo_pg.errors import error_for
from ablo_pg.schema.rows import Model

R = TypeVar("R")
RowT = TypeVar("RowT", bound=Model)
# From the row as it is to the fields to change; None or {} changes nothing.
SyncCompute: TypeAlias = Callable[[RowT], ChangesT | None]


def run_blocking(
    portal: Portal, update: FunctionalUpdate[RowT], compute: SyncCompute[RowT, ChangesT]
) -> RowT:
    """Run an update to its end. Raises what `compute` raises, unchanged."""
    if inspect.iscoroutinefunction(compute):
        raise error_for(
            "invalid_options",
            f"The function of the {update.what} is a coroutine function",
            field="data",
            remedy="pass a plain function, or use AsyncAblo",
        )

    def send(step: Callable[..., Awaitable[R]], *args: object) -> R:
        async def bounded() -> R:
            async with within(update.left(), f"The {update.what}", update.key):
                return await step(*args)

        return portal.call(bounded)

    done = send(update.landed)
    while done is None:
        current = send(update.read)
        data = compute(current)
        if not changes_of(update.what, data):
            return current
        done = send(update.write, cast(Data, data))
        if done is None:
            time.sleep(min(update.pause(), update.left()))  # so that competing writers separate
    return done
