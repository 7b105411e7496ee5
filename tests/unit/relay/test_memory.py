"""Freed memory goes back to the operating system while a relay runs."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from ablo_pg.relay.memory import give_back

pytestmark = pytest.mark.anyio


class Libc:
    """A libc that counts."""

    def __init__(self) -> None:
        self.trims: list[int] = []

    def malloc_trim(self, pad: int) -> int:
        """Count."""
        self.trims.append(pad)
        return 1


async def test_it_goes_back_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    libc = Libc()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: libc)
    with anyio.move_on_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(give_back, 0.0)
            while len(libc.trims) < 3:
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
    assert libc.trims[:3] == [0, 0, 0]


@pytest.mark.parametrize("platform", ["linux", "win32", "darwin"])
async def test_without_glibc_it_is_done(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    def load(name: Any) -> object:
        assert platform == "linux"
        return object()

    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", load)
    with anyio.fail_after(30):
        await give_back(0.0)
