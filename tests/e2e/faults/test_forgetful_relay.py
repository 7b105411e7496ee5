"""The mutant on the other side: a relay that loses one delta in ten thousand is caught."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablo_pg.testing import DatabaseHandle

from .trial import NAMES, Trial, run_trial

# Much more than a trial takes: a false alarm on a busy machine says nothing.
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(90)]


async def nothing(trial: Trial) -> None:
    """No fault but the relay's own."""
    await trial.flow()


async def test_a_relay_that_loses_one_delta_is_caught(db: DatabaseHandle, tmp_path: Path) -> None:
    program = (str(Path(__file__).with_name("forgetful_relay.py")),)
    trial = await run_trial(db, tmp_path, nothing, programs=(program,))
    for name in NAMES:
        assert any(each.startswith(f"{name}: 1 deltas are missing") for each in trial.wrong)
