"""`ablo-pg init`: the files of a new project. Existing files stay as they are."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from ablo_pg.cli.dev.key import DEFAULT_ORGANIZATION
from ablo_pg.cli.env_file import ENV_FILE, parse_env, write_env
from ablo_pg.cli.options import json_option
from ablo_pg.cli.output import say, show_json
from ablo_pg.cli.scaffold import scaffold_files
from ablo_pg.cli.scaffold.files import ignore_text
from ablo_pg.client.rows.requests import organization_of
from ablo_pg.errors import error_for

EPILOG = """\b
Examples:
  ablo-pg init
  ablo-pg init --yes
  ablo-pg init --yes --organization acme --json
  ablo-pg init --yes --storage direct
"""


@click.command("init", epilog=EPILOG)
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option(
    "--organization",
    metavar="NAME",
    help=f"Tenant that the examples work in. [default: {DEFAULT_ORGANIZATION}]",
)
@click.option(
    "--storage",
    type=click.Choice(["direct", "endpoint"]),
    default="direct",
    show_default=True,
    help="Where rows live: direct, in your own Postgres. endpoint is not supported by this "
    "release.",
)
@json_option
def init_command(yes: bool, organization: str | None, storage: str, as_json: bool) -> None:
    """Start a project in this folder: ablo/schema.py, ablo/client.py, ablo/agent.py, .env.

    Never overwrites: existing files stay; .env and .gitignore get the lines that they lack. Asks in
    a terminal; never with --yes, with --json, or without a terminal.
    """
    _refuse_endpoint(storage)
    asks = not yes and not as_json and sys.stdin.isatty()
    chosen = organization_of(organization or _ask(asks))
    if asks and not click.confirm("Write ablo/, .env and .gitignore here?", default=True, err=True):
        raise click.Abort
    _show(_write(Path(), chosen), as_json)


def _refuse_endpoint(storage: str) -> None:
    """Refuse storage behind an HTTP endpoint before anything is written."""
    if storage == "endpoint":
        raise error_for(
            "invalid_options",
            "rows behind your own HTTP endpoint (--storage endpoint) are not supported",
            field="storage",
            remedy="use --storage direct: rows live in your own Postgres, also in existing "
            "tables (`ablo-pg pull` writes their schema)",
        )


def _ask(asks: bool) -> str:
    known = parse_env(ENV_FILE).get("ABLO_ORGANIZATION") or DEFAULT_ORGANIZATION
    if not asks:
        return known
    text = "Organization (tenant) that the examples work in"
    return str(click.prompt(text, default=known, err=True))


def _write(root: Path, organization: str) -> dict[str, list[str]]:
    """Write what is missing; return the created, extended and kept paths."""
    done: dict[str, list[str]] = {"created": [], "extended": [], "kept": []}
    try:
        env = _extend_env(root / ENV_FILE, organization)
        for name, text in scaffold_files().items():
            done["created" if _create(root / name, text) else "kept"].append(name)
        done[env].append(str(ENV_FILE))
        done[_extend_ignore(root / ".gitignore")].append(".gitignore")
    except (OSError, UnicodeDecodeError) as exc:
        raise error_for(
            "invalid_options",
            f"this folder cannot be written to: {exc}",
            remedy="run it in your own folder, in which no other file is called ablo",
        ) from None
    return done


def _create(path: Path, text: str) -> bool:
    path.parent.mkdir(exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _extend_env(path: Path, organization: str) -> str:
    known = parse_env(path)
    if "ABLO_ORGANIZATION" in known:
        return "kept"
    state = "extended" if path.exists() else "created"
    write_env({"ABLO_ORGANIZATION": organization}, path)
    return state


def _extend_ignore(path: Path) -> str:
    known = path.read_text(encoding="utf-8") if path.exists() else ""
    text = ignore_text(known)
    if known and text.splitlines() == known.splitlines():
        return "kept"
    state = "extended" if path.exists() else "created"
    path.write_text(text, encoding="utf-8")
    return state


def _show(done: Mapping[str, Sequence[str]], as_json: bool) -> None:
    if as_json:
        show_json(done)
        return
    for state, names in done.items():
        for name in names:
            say(f"{state:<9} {name}")
    say("next: `ablo-pg dev`, and in a second terminal `python ablo/agent.py`")
