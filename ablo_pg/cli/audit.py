"""`ablo-pg audit`: seal the log with your own key, and find out whether it was rewritten."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import click

from ablo_pg.audit import (
    Anchor,
    Keyring,
    heads,
    parse_keys,
    read_anchors,
    read_keys,
    seal_all,
    verify_all,
    write_anchors,
)
from ablo_pg.cli.audit_report import Progress, Report, Rounds, show_acts, show_heads
from ablo_pg.cli.options import admin_url_option, json_option
from ablo_pg.db.admin import admin_connection
from ablo_pg.db.audit import acts, prepared
from ablo_pg.errors import error_for

KEY_VARIABLE: Final = "ABLO_AUDIT_KEY"
GROUP_EPILOG = """\b
Examples:
  echo "k1:$(openssl rand -hex 32)" > audit.key
  ablo-pg audit seal --key-file audit.key --anchor audit.anchor
  ablo-pg audit verify --key-file audit.key --anchor audit.anchor
"""
SEAL_EPILOG = """\b
Examples:
  ablo-pg audit seal --key-file audit.key --anchor /var/lib/audit/anchor.json
  ablo-pg audit seal --key-file audit.key --follow
"""
VERIFY_EPILOG = """\b
Examples:
  ablo-pg audit verify --key-file audit.key --anchor /var/lib/audit/anchor.json
  ablo-pg audit verify --organization acme --json | jq .organizations[0].broken
"""
HEAD_EPILOG = """\b
Examples:
  ablo-pg audit head
  ablo-pg audit head --anchor /var/lib/audit/anchor.json
"""

ACTS_EPILOG = """\b
Examples:
  ablo-pg audit acts
  ablo-pg audit acts --organization acme -n 20 --json
"""

organization_option = click.option(
    "--organization", metavar="NAME", help="Only this one. [default: all]"
)
key_options = click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help=f"Keys, one ID:HEX a line; the first seals. [env: {KEY_VARIABLE}, the keys themselves]",
)
anchor_option = click.option(
    "--anchor",
    "anchor_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File outside the database that records where each chain ends.",
)


@click.group("audit", epilog=GROUP_EPILOG)
def audit_command() -> None:
    """Seal the log with a key that the database never sees, and verify it later."""


@click.command("seal", epilog=SEAL_EPILOG)
@admin_url_option
@key_options
@organization_option
@anchor_option
@click.option("--follow", is_flag=True, help="Run until interrupted.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=5.0,
    show_default=True,
    help="Seconds between the rounds of --follow.",
)
@json_option
def seal_command(
    admin_url: str,
    key_file: Path | None,
    organization: str | None,
    anchor_file: Path | None,
    follow: bool,
    interval: float,
    as_json: bool,
) -> int:
    """Seal what was committed since the last seal. Commits are not affected.

    Two sealers can run at once, and either can be killed at any time. With --anchor it first checks
    that every chain still has its recorded end, and then records the new ends. A chain that was
    tampered with gets no further seal (exit code 1); the others do.
    """
    keys, anchors = _keys(key_file), _anchors(anchor_file)
    told = Rounds(as_json, follow=follow)
    with admin_connection(admin_url) as conn, prepared(conn):
        while True:
            done = seal_all(conn, keys, anchors, organization=organization, progress=Progress())
            if anchor_file is not None:
                write_anchors(anchor_file, anchors)
            told.add(done)
            if not follow:
                return 1 if done.refused else 0
            time.sleep(interval)  # a notification for each commit would slow commits down


@click.command("verify", epilog=VERIFY_EPILOG)
@admin_url_option
@key_options
@organization_option
@anchor_option
@json_option
def verify_command(
    admin_url: str,
    key_file: Path | None,
    organization: str | None,
    anchor_file: Path | None,
    as_json: bool,
) -> int:
    """Compare the log with its seals, and name the first broken link. Changes nothing.

    Exit code 0 if everything sealed and kept is as it was sealed, 1 otherwise. Without --anchor it
    cannot detect seals that were cut off a chain's end. Deltas after the last seal are counted.
    """
    keys = _keys(key_file)
    anchors = None if anchor_file is None else read_anchors(anchor_file)
    report = Report(as_json)
    with admin_connection(admin_url) as conn, prepared(conn):
        found = verify_all(conn, keys, anchors, organization=organization, progress=Progress())
        for one in found:
            report.add(one)
    report.close()
    return 0 if report.sound else 1


@click.command("head", epilog=HEAD_EPILOG)
@admin_url_option
@organization_option
@anchor_option
@json_option
def head_command(
    admin_url: str, organization: str | None, anchor_file: Path | None, as_json: bool
) -> None:
    """Show where each chain ends; with --anchor, record it. Needs no key, and verifies nothing.

    An existing anchor must still hold: it is not replaced if a chain no longer has its seal.
    """
    anchors = _anchors(anchor_file)
    with admin_connection(admin_url) as conn, prepared(conn):
        ends = heads(conn, anchors, organization=organization)
    if anchor_file is not None:
        write_anchors(anchor_file, anchors | ends)
    show_heads(ends, as_json)


@click.command("acts", epilog=ACTS_EPILOG)
@admin_url_option
@organization_option
@click.option(
    "-n", "--lines", default=100, show_default=True, metavar="COUNT",
    type=click.IntRange(1, 10_000), help="How many of the latest entries.",
)  # fmt: skip
@json_option
def acts_command(admin_url: str, organization: str | None, lines: int, as_json: bool) -> None:
    """Show who ended whose claim, and when: the last 10,000 of each organization are kept.

    These are rows of the database, not sealed like the log: its superuser could change them.
    """
    with admin_connection(admin_url) as conn, prepared(conn):
        found = acts(conn, organization, lines)
    show_acts(found, as_json)


for _command in (seal_command, verify_command, head_command, acts_command):
    audit_command.add_command(_command)


def _keys(path: Path | None) -> Keyring:
    if path is not None:
        return read_keys(path)
    given = os.environ.get(KEY_VARIABLE)
    if given is None:
        raise error_for(
            "invalid_options",
            "no audit key was given",
            field="key",
            remedy=f"pass --key-file FILE, or set {KEY_VARIABLE} to ID:HEX",
        )
    return parse_keys(given, KEY_VARIABLE)


def _anchors(path: Path | None) -> dict[str, Anchor]:
    if path is None or not path.exists():
        return {}
    return read_anchors(path)
