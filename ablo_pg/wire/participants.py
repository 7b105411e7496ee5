"""Participants on the wire: separate `kind` and `id`; the database has `kind:id`."""

from __future__ import annotations


def split_participant(participant: str | None) -> tuple[str | None, str | None]:
    """Return (kind, id) of `kind:id`; without a kind, the whole is the id.

    >>> split_participant("agent:triage")
    ('agent', 'triage')
    """
    if participant is None:
        return None, None
    kind, colon, name = participant.partition(":")
    return (kind, name) if colon else (None, participant)


def bare_id(participant: str | None) -> str | None:
    """Return the id of `kind:id`."""
    return split_participant(participant)[1]


def participant_json(participant: str | None) -> dict[str, str] | None:
    """Return {"kind", "id"}, or None for no participant."""
    kind, name = split_participant(participant)
    return None if name is None else {"kind": kind or "system", "id": name}
