"""The destination of `push`: a database, with an administrative URL, or a relay, with a key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from ablo_pg.cli.administrator import administrator
from ablo_pg.cli.remote import Remote
from ablo_pg.errors import AbloError, error_for
from ablo_pg.kernel.schema_push import push
from ablo_pg.schema import SchemaSpec, dump_schema_json
from ablo_pg.schema.neutral import FieldType
from ablo_pg.schema.pushing import Backfill, PushOptions, change_item

_JSON_TYPES = (FieldType.INTEGER, FieldType.NUMBER, FieldType.BOOLEAN, FieldType.JSON)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a push. changes: as JSON; for a real push a relay returns only the warnings."""

    version: int
    hash: str
    unchanged: bool
    applied: bool
    changes: Sequence[dict[str, Any]] = ()
    warnings: Sequence[dict[str, Any]] = field(default=())

    def as_json(self) -> dict[str, object]:
        """Return it as one JSON object."""
        return {
            "version": self.version,
            "hash": self.hash,
            "unchanged": self.unchanged,
            "applied": self.applied,
            "changes": list(self.changes),
            "warnings": list(self.warnings),
        }


class Place(Protocol):
    """Takes schemas."""

    def push(self, spec: SchemaSpec, options: PushOptions, *, dry_run: bool) -> Outcome:
        """Push; raises incompatible_change and the destination's errors."""


@dataclass(frozen=True, slots=True)
class DatabasePlace:
    """A database, over an administrative URL."""

    admin_url: str = field(repr=False)

    def push(self, spec: SchemaSpec, options: PushOptions, *, dry_run: bool) -> Outcome:
        """Compare and apply in one transaction."""
        with administrator(self.admin_url) as conn:
            done = push(conn, spec, options, dry_run=dry_run)
        return Outcome(
            done.version,
            done.hash,
            done.unchanged,
            done.kept and not done.unchanged,
            [change_item(change) for change in done.changes],
            [change_item(change) for change in done.warnings],
        )


@dataclass(frozen=True, slots=True)
class RelayPlace:
    """A relay, which applies the schema if it has an administrative URL."""

    remote: Remote

    def push(self, spec: SchemaSpec, options: PushOptions, *, dry_run: bool) -> Outcome:
        """Send the schema; a dry run uses its own path, which older relays lack."""
        body = {
            "schema": dump_schema_json(spec),
            "force": options.force,
            "notNull": True,
            "renames": [{"from": one, "to": other} for one, other in options.renames],
            "backfills": [
                {"model": one.model, "field": one.field, "value": one.value}
                for one in options.backfills
            ],
        }
        told = self._try_out(body) if dry_run else self.remote.post("/api/schema", body)
        unchanged = bool(told.get("unchanged"))
        return Outcome(
            told["version"],
            told["hash"],
            unchanged,
            not unchanged and not dry_run,
            told.get("changes") or (),
            told.get("warnings") or (),
        )

    def _try_out(self, body: dict[str, object]) -> Any:
        try:
            return self.remote.post("/api/schema/dry-run", body)
        except AbloError as exc:
            if exc.code not in ("route_not_found", "method_not_allowed"):
                raise
            raise error_for(
                "invalid_options",
                f"the relay at {self.remote.origin} does not support dry runs; nothing was changed",
                field="dry_run",
                remedy="upgrade it, or pass --admin-url of its database",
            ) from None


def place_of(admin_url: str | None, url: str | None, environment: dict[str, str | None]) -> Place:
    """Choose: a URL from the command line, else from the environment; a database before a relay.

    Args: environment holds ABLO_ADMIN_URL, ABLO_API_URL and ABLO_API_KEY if they are set. Raises:
    invalid_options if no destination is given.
    """
    key = environment.get("ABLO_API_KEY")
    if admin_url is None and url is None:
        admin_url, url = environment.get("ABLO_ADMIN_URL"), environment.get("ABLO_API_URL")
    if admin_url:
        return DatabasePlace(admin_url)
    if url and key:
        return RelayPlace(Remote(url, key))
    raise error_for(
        "invalid_options",
        "ABLO_API_KEY is not set" if url else "no destination to push to",
        field="key" if url else "url",
        remedy="pass --admin-url (or ABLO_ADMIN_URL) of a database, or --url (or ABLO_API_URL) "
        "of a relay and its key in ABLO_API_KEY; `ablo-pg dev` writes them to .env",
    )


def read_options(
    spec: SchemaSpec, force: bool, renames: Sequence[str], backfills: Sequence[str]
) -> PushOptions:
    """Read --rename a:b and --backfill m.f=v. Raises invalid_request, naming the part."""
    return PushOptions(
        force,
        tuple(_rename(text) for text in renames),
        tuple(_backfill(spec, text) for text in backfills),
    )


def _rename(text: str) -> tuple[str, str]:
    old, colon, new = text.partition(":")
    if not (old and colon and new):
        raise _bad(f"--rename {text!r}", "write it as old:new, or model.old:model.new")
    model, dot, _ = old.rpartition(".")
    return old, f"{model}.{new}" if dot and "." not in new else new


def _backfill(spec: SchemaSpec, text: str) -> Backfill:
    """Read model.field=value; the value is JSON unless the field is a text type."""
    place, equals, value = text.partition("=")
    model, dot, name = place.partition(".")
    if not (equals and dot and model and name):
        raise _bad(f"--backfill {text!r}", "write it as model.field=value")
    types = {
        (known.key, spelling): each.type
        for known in spec.models
        for each in known.fields
        for spelling in (each.wire, each.name)
    }
    if types.get((model, name)) not in _JSON_TYPES:
        return Backfill(model, name, value)
    try:
        return Backfill(model, name, orjson.loads(value))
    except orjson.JSONDecodeError:
        raise _bad(f"--backfill {text!r}", "write the value as JSON: 0, true, [1]") from None


def _bad(what: str, remedy: str) -> AbloError:
    return error_for("invalid_request", f"{what} is invalid", remedy=remedy)
