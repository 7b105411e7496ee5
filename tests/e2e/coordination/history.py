"""What the database itself noted of claims and writes, as the oracle takes it. Pure values.

A `Version` is one state of a claim's row, in the order in which the audit trigger saw them: within
a target that is the order of the kernel's own lock. `stamp` is the newest sync id of the row that
the noting transaction saw, so versions and writes are ordered without anybody's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

LIVE: Final = ("active", "queued")

Parts = frozenset[str] | None  # lower case; None: the whole row


def overlap(one: Parts, other: Parts) -> bool:
    """Whether two claims, or a claim and a write, touch the same part of a row."""
    return one is None or other is None or bool(one & other)


@dataclass(frozen=True, slots=True)
class Version:
    """One noted state of a claim."""

    claim: str
    status: str  # active, queued, committed, expired, canceled
    participant: str
    ticket: int = 0
    at: float = 0.0  # the database's clock when it was noted, epoch seconds, as all times here
    expires_at: float = 1e12
    stamp: int = 0
    target: str = "counters/a"
    parts: Parts = None
    fence: int | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """One delta: sync ids of one row rise in the order in which its changes were committed."""

    sync_id: int
    actor: str
    claim: str | None = None
    at: float = 0.0  # at the commit point
    written_at: float = 0.0  # when the row was written
    mark: str | None = None  # the writer's own name for it
    target: str = "counters/a"
    parts: Parts = None
    row: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Tenure:
    """A claim from its grant to its end. `end_stamp` is None while it has not ended."""

    grant: Version
    last: Version  # as it stood before its end: the final lease
    end: Version | None

    @property
    def target(self) -> str:
        return self.grant.target

    @property
    def ran_out_at(self) -> float:
        """When its final lease ran out, whoever noticed."""
        return self.last.expires_at

    def covers(self, write: Write) -> bool:
        """Whether the write was committed between the grant and the end.

        An expired claim is only marked as such when somebody looks, so there the lease decides.
        """
        if write.sync_id <= self.grant.stamp or write.at > self.ran_out_at:
            return False
        return self.end is None or write.sync_id <= self.end.stamp


@dataclass(frozen=True, slots=True)
class History:
    """Everything noted, versions and writes each in their order."""

    versions: list[Version] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)

    def tenures(self) -> list[Tenure]:
        """Every claim that was granted, in the order of the grants."""
        grants: dict[str, Version] = {}
        lasts: dict[str, Version] = {}
        ends: dict[str, Version] = {}
        for version in self.versions:
            if version.status == "active":
                grants.setdefault(version.claim, version)
                lasts[version.claim] = version
            elif version.status not in LIVE:
                ends.setdefault(version.claim, version)
        return [Tenure(grant, lasts[name], ends.get(name)) for name, grant in grants.items()]
