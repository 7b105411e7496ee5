"""A folder and a database in which every command can be run, by hand or by a program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import click
import psycopg
from psycopg.types.json import Jsonb

from ablo_pg.cli import cli
from ablo_pg.cli.main import run
from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.testing import DatabaseHandle

SCHEMA: Final = Path(__file__).parents[3] / "examples" / "tasks.py"
KEY_FILE: Final = "audit.key"
OURS: Final = ("ABLO_", "DATABASE_URL", "NO_COLOR", "FORCE_COLOR")
WAIT_SECONDS: Final = 60


class Said(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


@dataclass
class World:
    """A project's folder, the current one, and the database that its .env would name."""

    folder: Path
    db: DatabaseHandle
    key_id: str = ""
    claim_id: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        """What `dev` writes to .env."""
        return {
            "ABLO_ADMIN_URL": self.db.admin_url,
            "DATABASE_URL": self.db.database_url,
            "ABLO_REPLICATION_URL": self.db.replication_url,
            "ABLO_ORGANIZATION": "acme",
        } | self.extra

    def fill(self) -> None:
        """Have a schema file, a row, a claim, a key and a key file: something for each command."""
        (self.folder / "ablo").mkdir()
        (self.folder / "ablo" / "schema.py").write_text(SCHEMA.read_text())
        (self.folder / KEY_FILE).write_text(f"k1:{'5a' * 32}\n")
        with psycopg.connect(self.db.admin_url, autocommit=True) as conn:
            key = new_key()
            asked = {"prefix": "sk", "label": "first"}
            self.key_id = create_key(conn, "acme", "user:ann", key, asked).id
            conn.execute(
                "insert into tasks (organization_id, id, title, status)"
                " values ('acme', 't1', 'x', 'todo')"
            )
            found = conn.execute(
                "select ablo.claim_acquire('acme', 'agent:a', 'tasks', 't1', %s)",
                [Jsonb({"description": "writing", "ttl": "10m"})],
            ).fetchone()
        assert found is not None
        self.claim_id = found[0]["claim"]["id"]

    def without_terminal(self, arguments: list[str]) -> Said:
        """Run it as a program does: a session of its own, nothing to read from, nobody to ask."""
        done = subprocess.run(
            [sys.executable, "-m", "ablo_pg", *arguments],
            cwd=self.folder,
            env=clean(os.environ) | self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
            start_new_session=True,  # no controlling terminal: /dev/tty cannot be opened either
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def here(self, arguments: list[str]) -> int:
        """Run it in this process; the caller has the output."""
        return run(arguments)


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment that says nothing about us."""
    return {name: value for name, value in environment.items() if not name.startswith(OURS)}


def commands(group: click.Group = cli, prefix: str = "") -> Iterator[str]:
    """Yield every command that does something, as it is typed after `ablo-pg`."""
    context = click.Context(group)
    for name in sorted(group.list_commands(context)):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}"
