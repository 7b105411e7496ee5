"""The authority object: a credential's rights, in identities, receipts and mints.

`operations` lists `<typename in lower case>.<read|create|update|delete>` without wildcards: older
clients refuse a star. There is one branch, the root, and one project per database; its id is the
organization's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

BRANCH_ID: Final = "br_main"


def expand_operations(granted: Collection[str] | None, every: Iterable[str]) -> list[str]:
    """Return the granted ones of all operations; None grants all, `*.read` all reads.

    >>> expand_operations({"*.read", "task.update"}, ["task.read", "task.update", "task.delete"])
    ['task.read', 'task.update']
    """
    if granted is None:
        return list(every)
    wild = {one.partition(".")[2] for one in granted if one.startswith("*.")}
    return [one for one in every if one in granted or one.partition(".")[2] in wild]


def wire_groups(
    organization: str, granted: Collection[str] | None, *, changing: bool = False
) -> list[str]:
    """Return the sync groups of a credential; None means the whole organization.

    changing: they follow from rows; `default` stands for all of them, those to come too.
    """
    if granted is None:
        return ["default", f"org:{organization}"]
    return ["default", *sorted(granted)] if changing else sorted(granted)


def authority_body(
    organization: str, kind: str, participant_id: str, groups: list[str], operations: list[str]
) -> dict[str, object]:
    """Return the authority object."""
    return {
        "organizationId": organization,
        "projectId": organization,
        "branchId": BRANCH_ID,
        "syncGroups": groups,
        "operations": operations,
        "participantKind": kind,
        "participantId": participant_id,
        "deliveryPartition": None,
    }
