"""The commands in four ways: the happy path, the worst input, without a terminal, with --json.

Each command has a row: what is typed after its name, what it then says, the names in its JSON, and
input that it must refuse with a code of ours. A way that takes longer than a moment (`dev`, `demo`)
stands in a test of its own, which says so with @pytest.mark.way(command, way, ...).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from .world import KEY_FILE, World

WAYS: Final = ("happy", "worst", "headless", "json")
NOWHERE: Final = "postgresql://nobody@127.0.0.1:1/none"
KEYS: Final = ("--key-file", KEY_FILE)
ROW: Final = ("--model", "tasks", "--id", "t1")
LONG: Final = "x" * 100_000


@dataclass(frozen=True)
class Worst:
    """Input that is refused: what is typed, the exit code, the error's code."""

    typed: tuple[str, ...]
    exit_code: int
    code: str


@dataclass(frozen=True)
class Row:
    """One command. typed: {key} and {claim} stand for ids; says: words of stdout or stderr."""

    typed: tuple[str, ...]
    says: str
    names: tuple[str, ...]
    worst: tuple[Worst, ...]
    before: tuple[str, ...] = ()  # a whole command line that goes first
    runs_on: bool = False  # until it is interrupted

    def arguments(self, command: str, world: World, *more: str) -> list[str]:
        """Return the whole command line."""
        return [*command.split(), *spelt(self.typed, world), *more]


def spelt(typed: Iterable[str], world: World) -> list[str]:
    """Put ids in the places of their names."""
    known = {"{key}": world.key_id, "{claim}": world.claim_id, "{url}": world.db.admin_url}
    found = list(typed)
    for name, value in known.items():
        found = [each.replace(name, value) for each in found]
    return found


def refused(*typed: str, code: str, exit_code: int = 1) -> Worst:
    """Input that the command understands, and refuses."""
    return Worst(typed, exit_code, code)


def misused(*typed: str) -> Worst:
    """Input that is no use of the command at all."""
    return Worst(typed, 2, "invalid_options")


NO_SERVER: Final = refused("--admin-url", NOWHERE, code="database_unreachable")
NO_DATABASE: Final = refused("--database-url", NOWHERE, code="database_unreachable")
NO_URL: Final = refused("--database-url", "mysql://x/y", code="invalid_options")
NO_ADMIN_URL: Final = refused("--admin-url", "garbage", code="invalid_options")
NO_FILE: Final = refused("missing.py", code="schema_definition_invalid")
BROKEN: Final = refused("broken.py", code="schema_definition_invalid")
NOT_JSON: Final = refused("broken.json", code="schema_definition_invalid")

TABLE: Final[Mapping[str, Row]] = {
    "audit acts": Row(
        (), "user:ann ended {claim} of agent:a on tasks t1", ("acts",),
        (NO_SERVER, NO_ADMIN_URL, misused("-n", "0")),
        before=("claims", "--break", "{claim}", "--as", "user:ann"),
    ),
    "audit head": Row(
        (), "acme  seal 1", ("organizations",),
        (NO_SERVER, refused("--anchor", "broken.json", code="invalid_options")),
        before=("audit", "seal", *KEYS),
    ),
    "audit seal": Row(
        KEYS, "sealed 1 deltas of 1 organizations", ("seals", "deltas", "refused"),
        (
            refused("--key-file", "missing", code="invalid_options"),
            refused("--key-file", "broken.py", code="invalid_options"),
            misused(*KEYS, "--interval", "-1"),
        ),
    ),
    "audit verify": Row(
        KEYS, "sound", ("sound", "firstBroken", "organizations"),
        (
            refused("--key-file", "missing", code="invalid_options"),
            refused(*KEYS, "--anchor", "missing", code="invalid_options"),
        ),
    ),
    "check": Row((), "tasks: fits", ("fits", "models"), (NO_FILE, BROKEN, NO_DATABASE, NO_URL)),
    "claims": Row(
        (), "held", ("claims",),
        (
            NO_DATABASE,
            NO_URL,
            refused("--break", LONG, code="claim_not_found"),
            refused("--break", "{claim}", "--as", "agent:b", code="permission_denied"),
            refused("--model", "\x1b[2J", code="server_execute_unknown_model"),
        ),
    ),
    "compile": Row(
        (), "create table", ("schema", "file", "sql"),
        (
            NO_FILE,
            BROKEN,
            NOT_JSON,
            refused("--diff", "gone.py", code="schema_definition_invalid"),
            refused("-o", "gone/x.sql", code="invalid_options"),
        ),
    ),
    "connect": Row((), "DATABASE_URL=", ("databaseUrl", "replicationUrl", "kernel"), (NO_SERVER,)),
    "demo": Row((), "", (), (misused("--seconds", "0"), misused("--postgres", "sqlite"))),
    "dev": Row(
        (), "", (),
        (misused("--port", "65536"), misused("--ephemeral=1")),
    ),
    "access explain": Row(
        ("--key", "{key}", *ROW), "nothing limits it",
        ("model", "id", "access", "sql", "claims", "key", "policies"),
        (
            refused("--key", "key_none", *ROW, code="capability_not_found"),
            refused("--participant", "nobody", *ROW, code="invalid_participant_kind"),
            refused("--key", "{key}", *ROW, "--model", LONG, code="server_execute_unknown_model"),
            refused(*ROW, code="invalid_options"),
            misused("--model", "tasks"),
        ),
    ),
    "doctor": Row(
        (), "wal_level: logical", ("ready", "blockers", "findings", "fixed"), (NO_FILE, BROKEN)
    ),
    "generate": Row(
        ("--out", "generated"), "ablo_client.py", ("out", "files", "changed", "written"),
        (NO_FILE, BROKEN, misused("--out", "broken.py")),
    ),
    "init": Row(
        ("--yes",), "ablo-pg dev", ("created", "extended", "kept"),
        (
            refused("--organization", "a\nDATABASE_URL=evil", code="invalid_options"),
            refused("--storage", "endpoint", code="invalid_options"),
        ),
    ),
    "keys create": Row(
        ("--participant", "agent:b"), "shown only once", ("key", "id", "organization"),
        (
            refused("--participant", "robot:b", code="invalid_participant_kind"),
            refused("--participant", "user:b", "--can", "no.read",
                    code="server_execute_unknown_model"),
            refused("--participant", "agent", code="invalid_participant_kind"),
            refused("--participant", "user:b", "--can", "tasks.fly", code="invalid_request"),
            misused("--participant", "user:b", "--ttl", "soon"),
        ),
    ),
    "keys list": Row((), "first", ("keys",), (NO_DATABASE, NO_URL, misused("--limit", "5"))),
    "keys revoke": Row(
        ("{key}",), "{key}", ("id", "revoked"),
        (refused(LONG, code="capability_not_found"), misused()),
    ),
    "keys rotate": Row(
        ("{key}",), "shown only once", ("key", "rotatedFrom"),
        (
            refused("key_none", code="capability_not_found"),
            refused("{key}", "--grace", "99d", code="duration_invalid"),
            misused("{key}", "--grace", "-1h"),
        ),
    ),
    "logs": Row(
        ("--no-follow",), "create", ("time", "op", "model", "id", "actor", "syncId"),
        (
            NO_DATABASE,
            NO_URL,
            refused("--database-url", "{url}", code="database_role_cannot_enforce_rls"),
            refused("--since", "yesterday", code="duration_invalid"),
            misused("--op", "truncate"),
        ),
    ),
    "migrate": Row(
        (), "schema", ("applied", "unchanged", "models", "steps"),
        (
            NO_FILE,
            BROKEN,
            NO_SERVER,
            NO_ADMIN_URL,
            refused("--rename", "nothing", code="invalid_request"),
        ),
    ),
    "pull": Row(
        (), "define_schema", ("models", "leftOut", "skipped", "source"),
        (
            NO_DATABASE, NO_URL, refused("--out", "broken.py", code="invalid_options"),
            refused("--from", "missing.sql", code="invalid_options"),
            refused("prisma", "broken.py", code="schema_definition_invalid"),
            misused("drizzle"),
        ),
    ),
    "push": Row(
        (), "unchanged", ("version", "hash", "unchanged"),
        (
            NO_FILE,
            BROKEN,
            NO_SERVER,
            NO_ADMIN_URL,
            refused("--backfill", "x", code="invalid_request"),
            refused("--rename", "::", code="invalid_request"),
            refused("--url", "foo", code="invalid_options"),
        ),
    ),
    "relay": Row(
        ("--port", "0"), "relay: http", ("url",),
        (
            refused("--port", "0", "--database-url", NOWHERE, code="database_unreachable"),
            refused("--port", "0", "--database-url", "garbage", code="invalid_options"),
            refused(
                "--port", "0", "--database-url", "{url}", code="database_role_cannot_enforce_rls"
            ),
            misused("--set", "nothing=1"),
        ),
        runs_on=True,
    ),
    "status": Row((), "kernel", ("installed", "drift"), (NO_SERVER, NO_ADMIN_URL)),
    "undo": Row(
        (*ROW, "--after", "0", "--preview"), "delete     tasks t1",
        ("receipt", "operations", "left"),
        (
            NO_DATABASE,
            NO_URL,
            refused(code="invalid_request"),
            refused("--commit", LONG, code="entity_not_found"),
            refused("--commit", "c", "--claim", "c", code="invalid_request"),
            refused("--actor", "user:ann", code="invalid_request"),
            refused("--actor", "user:ann", "--since", "a week", code="duration_invalid"),
            refused(*ROW, "--model", LONG, "--after", "0", code="server_execute_unknown_model"),
            refused(*ROW, "--after", "0", "--as", "nobody", code="invalid_participant_kind"),
            misused("--after", "-1"),
        ),
    ),
    "whoami": Row(
        (), "ablo_runtime", ("login", "database", "rights"),
        (NO_DATABASE, NO_URL, refused("--url", "ftp://x", code="invalid_options")),
    ),
}  # fmt: skip
