"""The sync and the async surface are the same: names, parameters, defaults, results."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

import ablo_pg
from ablo_pg import (
    Ablo,
    AsyncAblo,
    ChangeHandle,
    Claim,
    Commits,
    LostEvent,
    ModelClaims,
    ModelClient,
    ModelTracks,
    Pending,
    PresenceClient,
    Sessions,
    Subscription,
    SyncChangeHandle,
    SyncClaim,
    SyncCommits,
    SyncLostEvent,
    SyncModelClaims,
    SyncModelClient,
    SyncModelTracks,
    SyncPending,
    SyncPresenceClient,
    SyncSessions,
    SyncSubscription,
    SyncTracks,
    Tracks,
)

TWINS = [
    (AsyncAblo, Ablo),
    (ModelClient, SyncModelClient),
    (Commits, SyncCommits),
    (Tracks, SyncTracks),
    (ModelTracks, SyncModelTracks),
    (Subscription, SyncSubscription),
    (ChangeHandle, SyncChangeHandle),
    (ModelClaims, SyncModelClaims),
    (Claim, SyncClaim),
    (LostEvent, SyncLostEvent),
    (PresenceClient, SyncPresenceClient),
    (Sessions, SyncSessions),
    (Pending, SyncPending),
]
# What only one side can have: protocol methods, and what a constructor takes from inside.
ASYNC_ONLY = {"__aenter__", "__aexit__", "__aiter__", "__anext__", "aclose", "join_blocking"}
SYNC_ONLY = {"__enter__", "__exit__", "__iter__", "__next__"}
PROTOCOL = {
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "aclose": "close",
}
# A callback may be a coroutine function in the async client only.
SPELLINGS = [
    (r"\bAsyncIterator\b", "Iterator"),
    (r"Awaitable\[None\] \| None", "None"),
    (r"\bSync(\w+)", r"\1"),
]


def surface(cls: type) -> set[str]:
    ours = [each for each in cls.__mro__ if each.__module__.startswith("ablo_pg")]
    return {name for each in ours for name in vars(each) if not name.startswith("_")}


def spelled(signature: str) -> str:
    for pattern, replacement in SPELLINGS:
        signature = re.sub(pattern, replacement, signature)
    return signature


@pytest.mark.parametrize(("one", "other"), TWINS, ids=lambda cls: cls.__name__)
def test_twins_have_the_same_methods(one: type, other: type) -> None:
    assert surface(one) - ASYNC_ONLY - {"close"} == surface(other) - SYNC_ONLY - {"close"}
    for async_name, sync_name in PROTOCOL.items():
        assert hasattr(one, async_name) <= hasattr(other, sync_name)


@pytest.mark.parametrize(("one", "other"), TWINS, ids=lambda cls: cls.__name__)
def test_twins_have_the_same_signatures(one: Any, other: Any) -> None:
    for name in sorted(surface(one) & surface(other)):
        mine, theirs = inspect.getattr_static(one, name), inspect.getattr_static(other, name)
        if isinstance(mine, property):
            assert isinstance(theirs, property), name
            continue
        expected = spelled(str(inspect.signature(mine)))
        assert expected == spelled(str(inspect.signature(theirs))), name


def test_claiming_takes_the_same_arguments() -> None:
    """What it gives back differs: one is awaited, the other is there."""
    one, other = (inspect.signature(each.__call__) for each in (ModelClaims, SyncModelClaims))
    assert spelled(str(one).split(" -> ")[0]) == spelled(str(other).split(" -> ")[0])


def test_constructors_are_the_same() -> None:
    assert inspect.signature(AsyncAblo.__init__) == inspect.signature(Ablo.__init__)


def test_all_names_what_can_be_imported() -> None:
    assert ablo_pg.__all__ == sorted(ablo_pg.__all__)
    public = {
        name
        for name in dir(ablo_pg)
        if not name.startswith("_") and not inspect.ismodule(getattr(ablo_pg, name))
    }
    assert public | {"__version__"} == set(ablo_pg.__all__)
