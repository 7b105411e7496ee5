"""What a schema declares and this release does not enforce: told at each push. Pure.

A restriction that is read and dropped leaves rows open that its author believes closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ablo_pg.schema.diff import Change
from ablo_pg.schema.neutral import SchemaSpec

KIND: Final = "not_enforced"
# Model options of the wire form that the server would have to act on; others are the clients' own.
_OPTIONS: Final = {
    "autoFill": "no field is filled in: send it, or declare a default",
    "requiredFields": "a create is held to the fields that are not optional, not to this list",
}


def unenforced(spec: SchemaSpec) -> Iterator[Change]:
    """Return a warning for each declaration that has no effect here."""
    if spec.identity_roles:
        kinds = ", ".join(role.kind for role in spec.identity_roles)
        yield _change(
            None,
            "identityRoles",
            f"roles ({kinds}) bind no key: bind it with syncGroups when it is minted",
            spec.identity_roles[0].kind,
        )
    if spec.session_settings:
        names = ", ".join(name for name, _ in spec.session_settings)
        yield _change(
            None, "sessionSettings", f"{names}: not set, so policies that read them see none", names
        )
    for model in spec.models:
        if model.grants:
            yield _change(
                model.key,
                "grants",
                "its rows grant no group: mint keys with syncGroups",
                dict(model.grants),
            )
        for name, value in model.options:
            if name in _OPTIONS:
                yield _change(model.key, name, _OPTIONS[name], value)


def _change(model: str | None, field: str, reason: str, value: Any) -> Change:
    return Change(KIND, model, field, False, f"{field} is not enforced here; {reason}", new=value)
