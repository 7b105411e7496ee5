"""The pump counts what it writes: with every flush, and at once while a feed catches up."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest

from ablo_pg.changefeed.tasks import Tasks
from ablo_pg.delta import Delta
from ablo_pg.relay.ws.pump import DeltaEncoder, Pump

pytestmark = pytest.mark.anyio


class Feed:
    """A feed that writes two deltas when it is flushed."""

    def __init__(self, pump: Pump, done: anyio.Event) -> None:
        self._pump, self._done = pump, done

    def flush(self) -> None:
        self._pump.count(2)
        self._done.set()

    def abort(self) -> None:
        raise AssertionError("the flush fails")


async def test_a_flush_counts_once_and_a_catching_up_feed_at_once() -> None:
    counted: list[int] = []
    pump = Pump(counted.append, Tasks())
    pump.count(1000)
    assert counted == [1000], "no flush is needed for what the log delivers"
    first, second = anyio.Event(), anyio.Event()
    pump.mark(Feed(pump, first))
    pump.mark(Feed(pump, second))
    await first.wait()
    await second.wait()
    await anyio.lowlevel.checkpoint()
    assert counted == [1000, 4]


@pytest.mark.parametrize("name", Delta._fields)
def test_an_encoding_is_found_by_the_whole_delta(name: str) -> None:
    """What one view is shown of a change differs from what another is in any of its parts."""
    given: tuple[Any, ...] = (7, "acme", "tasks", "t", "U", (), b"1", (), "u", *"abcd", 8, "", ())
    one = Delta(*given, b"2", ())
    changed: Any = {int: 9, tuple: ("g",), str: "D", bytes: b"9"}[type(getattr(one, name))]
    other = one._replace(**{name: changed})
    shared = DeltaEncoder()
    for each in (one, other, one):
        alone = DeltaEncoder()
        for every in (True, False):
            assert shared.encoded([each], every=every) == alone.encoded([each], every=every)
            frames = [by.frame([each], every=every, whole=False) for by in (shared, alone)]
            assert frames[0] == frames[1]
