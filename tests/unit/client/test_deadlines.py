"""The deadline of a call: an error of its own, unless the caller was cancelled as well."""

from __future__ import annotations

import asyncio

import pytest

from ablo_pg.client.deadlines import within
from ablo_pg.errors import AbloError


async def overdue(also_cancelled: bool) -> int:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    try:
        async with within(1e-9, "The call", "k"):
            if also_cancelled:
                loop.call_later(0, task.cancel)
            await asyncio.Event().wait()
    finally:
        assert task.cancelling() == also_cancelled, "the deadline's own cancellation is taken back"
    raise AssertionError("unreachable")


def test_an_overdue_call_is_a_timeout() -> None:
    with pytest.raises(AbloError) as caught:
        asyncio.run(overdue(also_cancelled=False))
    assert caught.value.code == "wait_for_timeout"
    assert caught.value.details["idempotency_key"] == "k"


def test_a_cancelled_call_stays_cancelled_even_if_it_is_overdue() -> None:
    async def main() -> None:
        task = asyncio.create_task(overdue(also_cancelled=True))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(main())


def test_a_call_that_ends_in_time_leaves_no_timer() -> None:
    async def main() -> int:
        async with within(1e-9, "The call"):
            pass
        for _ in range(3):  # turns of the loop, in which the timer would run
            await asyncio.sleep(0)
        return 1

    assert asyncio.run(main()) == 1
