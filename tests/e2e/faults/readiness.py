"""Whether /ready told the truth: what it said against what came through meanwhile. Pure.

The witness is a delta of an organization of its own, written again and again straight into the
database with the time in it, and seen on a socket to the same relay: the same path as a canary's,
and none of the relay's own counting. Times are this machine's clock, in seconds.

Who says ready claims that something sent within the age limit has come through: a lie when the
witness saw nothing so young. Who says not ready may be late to notice that the path is open again,
by one age limit and what it takes to connect: longer is a lie too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Of the relays of a trial, so that a fault of seconds is to be noticed.
AGE_LIMIT = 2.0
EVERY = 0.25
# How late this process may see what the relay has seen. A false alarm on a busy machine says
# nothing; a lie lasts longer, because faults do.
SLACK = 1.5
FRESH = 1.0  # what came through this late says that the path is open
# From an open path to a relay that must say so: probes that hang, new connections, a canary.
SETTLED = AGE_LIMIT + 5.0


class Said(NamedTuple):
    """One question and its answer; `ready` is None when there was none."""

    asked: float
    answered: float
    ready: bool | None
    reasons: tuple[str, ...] = ()


class Passage(NamedTuple):
    """Something that came through: when it was written, and seen."""

    written: float
    seen: float


def lies(said: Sequence[Said], passages: Sequence[Passage]) -> list[str]:
    """Return in what /ready contradicts the witness. Both in the order in which they were seen."""
    return [*_boasts(said, passages), *_false_alarms(said, passages)]


def _boasts(said: Sequence[Said], passages: Sequence[Passage]) -> Iterator[str]:
    """Ready, though nothing has come through for longer than the limit."""
    newest, number = 0.0, 0
    for each in said:
        while number < len(passages) and passages[number].seen <= each.answered + SLACK:
            newest = max(newest, passages[number].written)
            number += 1
        late = each.asked - newest
        if each.ready and newest and late > AGE_LIMIT + SLACK:
            yield f"said ready, and what came through last had been written {late:.1f} s before"
            return


def _false_alarms(said: Sequence[Said], passages: Sequence[Passage]) -> Iterator[str]:
    """Not ready, though everything has come through in time for a while."""
    newest, number = 0.0, 0
    excused = said[0].asked if said else 0.0  # until when there was a reason
    for each in said:
        while number < len(passages) and passages[number].seen <= each.asked:
            if passages[number].seen - newest > FRESH:  # shut until then
                excused = max(excused, passages[number].seen)
            newest = max(newest, passages[number].written)
            number += 1
        if each.ready is not False or each.asked - newest > FRESH:
            excused = each.answered
        elif each.asked - excused > SETTLED:
            late = each.asked - excused
            yield f"said not ready for {late:.1f} s of an open path: {'; '.join(each.reasons)}"
            return
