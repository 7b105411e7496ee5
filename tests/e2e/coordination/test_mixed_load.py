"""Everything at once: the log folds to the tables, nothing is lost, no write passes a claim.

Batches that go set-wise, lone commits, psql at three levels, COPY, claims, and migrations that add
and drop a field, side by side in three organizations, with a reader on the WAL and one on LISTEN.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

import pytest

from ablo_pg.changefeed import WalReader
from ablo_pg.changefeed.listen import ListenReader

from ..migrate_stream import Follower
from . import mixed_oracle, oracle
from .ground import Ground, wait_until
from .mixed_load import Load, seed
from .mixed_writers import CLAIMED, WRITERS
from .mutants import MIXED

# A good deal more than it takes: a false alarm on a busy machine says nothing.
PATIENCE: Final = 120.0
pytestmark = pytest.mark.timeout(180)
SECONDS: Final = 3.0
LONG: Final = float(os.environ.get("ABLO_TEST_MIXED_SECONDS", "600"))


def run(ground: Ground, until: Callable[[Load], object], patience: float) -> list[str]:
    """Let all writers run until something holds; return what is wrong, and print what they did."""
    load = Load(ground)
    heads, handle = seed(load), ground.handle
    readers = {
        "WAL": Follower(handle, heads, WalReader(handle.replication_url)),
        "LISTEN": Follower(handle, heads, ListenReader(handle.database_url)),
    }
    with ExitStack() as stack:
        for reader in readers.values():
            stack.enter_context(reader.following())
        stack.callback(lambda: print(f"\n{mixed_oracle.tally(load)}"))
        with load.running(WRITERS):
            wait_until(lambda: load.failures or until(load), patience=patience, pause=0.1)
        missed = {name: reader.missed(ground.admin) for name, reader in readers.items()}
    found = mixed_oracle.problems(load)
    return found + [f"{name}: {what} differ" for name, what in missed.items() if what]


def lasting(seconds: float) -> Callable[[Load], bool]:
    """Return a condition: so long, and each kind of writer has met what it is here for."""
    end = time.monotonic() + seconds

    def over(load: Load) -> bool:
        ends = load.ends
        return (
            time.monotonic() > end
            and load.changes >= 2
            and all(ends[name, "landed"] >= 5 for name in WRITERS)
            and any(ends[name, CLAIMED] for name in WRITERS)
            and any(ends[name, "entity_claimed"] for name in WRITERS)
        )

    return over


def test_a_mixed_load(ground: Ground) -> None:
    assert run(ground, lasting(SECONDS), patience=PATIENCE) == []


@pytest.mark.long
@pytest.mark.timeout(2 * LONG)
def test_a_mixed_load_for_long(ground: Ground) -> None:
    """Ten minutes, or ABLO_TEST_MIXED_SECONDS. With -s it prints what each writer was told."""
    assert run(ground, lasting(LONG), patience=1.3 * LONG) == []


@pytest.mark.parametrize("name", MIXED)
def test_a_mutant_of_the_set_wise_path_is_caught(ground: Ground, name: str) -> None:
    mutant = MIXED[name]
    mutant.install(ground.admin)

    def shown(load: Load) -> bool:
        landed = sum(load.ends[writer, "landed"] for writer in WRITERS if "setwise" in writer)
        intruded = mutant.caught_by != "intruders" or oracle.intruders(ground.history()) != []
        return landed >= 100 and intruded

    assert any(mutant.caught_by in line for line in run(ground, shown, patience=PATIENCE))
