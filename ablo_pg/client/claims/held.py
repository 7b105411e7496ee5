"""A client's open claim handles, and how they affect its writes.

A write to a claimed row carries the claim, its fencing token, and, unless the caller passed another
guard, the premise that no other writer has changed what was read at the grant: the row, or for a
claim on fields those fields. The kernel does not count the holder's own writes since the grant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from ablo_pg.client.claims.lease import Lease
from ablo_pg.client.claims.wakeup import Mark
from ablo_pg.errors import AbloError, error_for


@dataclass(eq=False, slots=True)
class Hold:
    """One open handle. key: schema key. fields: wire names, None for the whole row."""

    key: str
    model: str  # typename
    row_id: str
    fields: tuple[str, ...] | None
    lease: Lease
    fence_token: int
    read_at: int
    ended: Mark = field(default_factory=Mark)

    def covers(self, operation: dict[str, Any]) -> bool:
        """Whether that operation on the row stays within the claimed fields."""
        if self.fields is None:
            return True
        touched = operation.get("data")
        if not touched or operation["action"] != "update":
            return False
        return {name.lower() for name in touched} <= {name.lower() for name in self.fields}


@dataclass(slots=True)
class _Use:
    lease: Lease
    row: tuple[str, str]
    count: int = 0


class HeldClaims:
    """The claims that one client holds or waits for.

    All handles and waits of the client share the claim that the database returned (re-entrancy): it
    is released when the last of them ends.
    """

    def __init__(self) -> None:
        self._holds: dict[tuple[str, str], list[Hold]] = {}
        self._uses: dict[str, _Use] = {}
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def row_lock(self, model: str, row_id: str) -> asyncio.Lock:
        """Return the lock that keeps a row's acquires and releases in order."""
        found = self._locks.get((model, row_id))
        if found is None:
            found = self._locks[model, row_id] = asyncio.Lock()
        return found

    def use(self, claim_id: str, row: tuple[str, str], make: Callable[[], Lease]) -> Lease:
        """Count one more use of a claim on a row (typename, id); return its lease, perhaps new."""
        found = self._uses.get(claim_id)
        if found is None:
            found = self._uses[claim_id] = _Use(make(), row)
        elif found.lease.lost.is_set():  # given up here, yet the database returned it again
            found.lease = make()
        found.count += 1
        return found.lease

    def unuse(self, claim_id: str) -> Lease | None:
        """Undo one `use`; return the lease if that was the last."""
        found = self._uses.get(claim_id)
        if found is None:
            return None
        found.count -= 1
        if found.count:
            return None
        return self._uses.pop(claim_id).lease

    def used(self, claim_id: str) -> bool:
        """Whether that claim is in use."""
        return claim_id in self._uses

    def open(self, hold: Hold) -> None:
        """Make the client's writes to the row under it."""
        self._holds.setdefault((hold.model, hold.row_id), []).append(hold)

    def close(self, hold: Hold) -> bool:
        """Undo `open`; False if it was closed already."""
        holds = self._holds.get((hold.model, hold.row_id), [])
        if hold not in holds:
            return False
        holds.remove(hold)
        if not holds:
            del self._holds[hold.model, hold.row_id]
        hold.ended.set()
        return True

    def of_row(self, model: str, row_id: str) -> list[Hold]:
        """Return the open holds on a row, the outermost first."""
        return list(self._holds.get((model, row_id), ()))

    def end(self, row: tuple[str, str] | None = None) -> list[Lease]:
        """End all use of claims, or of those on one row: handles are closed, waits are lost.

        Returns the leases, which the caller releases.
        """
        held: set[Lease] = set()
        for key in [row] if row else list(self._holds):
            for hold in self.of_row(*key):
                held.add(hold.lease)
                self.close(hold)
        ended = [claim_id for claim_id, use in self._uses.items() if row in (None, use.row)]
        leases = [self._uses.pop(claim_id).lease for claim_id in ended]
        for lease in leases:
            if lease not in held:
                lease.lose("it was released while it waited")
        return leases

    def lost(self, claim_id: str, reason: str) -> None:
        """Mark a claim lost because the database reported so."""
        found = self._uses.get(claim_id)
        if found is not None:
            found.lease.lose(reason)

    def cover(self, operations: list[dict[str, Any]], reads: list[dict[str, Any]]) -> None:
        """Put claims on the operations (wire form), and premises of field claims on `reads`.

        Raises claim_lost for an operation under a claim that is known to be lost.
        """
        premised: set[Hold] = set()
        for operation in operations if self._holds else ():
            holds = self.of_row(operation["model"], operation.get("id", ""))
            hold = next((one for one in reversed(holds) if one.covers(operation)), None)
            if hold is None or "claimId" in operation:
                continue
            if hold.lease.lost.is_set() or hold.lease.foreign:
                raise _claim_lost(hold)
            operation["claimId"] = hold.lease.claim_id
            operation["fenceToken"] = hold.fence_token
            if operation["action"] == "create" or operation.keys() & {"readAt", "onStale"}:
                continue
            if hold.fields is None:
                operation |= {"readAt": hold.read_at, "onStale": "reject"}
            elif hold not in premised:
                premised.add(hold)
                reads.append(
                    {
                        "model": hold.model,
                        "id": hold.row_id,
                        "readAt": hold.read_at,
                        "fields": list(hold.fields),
                        "onStale": "reject",
                    }
                )


def _claim_lost(hold: Hold) -> AbloError:
    reason = hold.lease.reason
    if hold.lease.foreign:
        reason = "it belongs to the process that this one was forked from"
    return error_for(
        "claim_lost",
        f"Claim {hold.lease.claim_id} on {hold.key} {hold.row_id!r} is lost: {reason}",
        model=hold.key,
        row_id=hold.row_id,
        remedy="leave the block, claim the row again, and read it again before writing",
        details={"claimId": hold.lease.claim_id},
    )
