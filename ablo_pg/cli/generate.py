"""`ablo-pg generate`: files for editors and other languages, generated from a schema."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from ablo_pg.cli.generated import MARK, generated_files
from ablo_pg.cli.options import json_option, target_argument
from ablo_pg.cli.output import say, show_json
from ablo_pg.cli.target import load_schema, load_target
from ablo_pg.errors import error_for

EPILOG = """\b
TARGET: FILE.py, MODULE, either with :ATTRIBUTE, or FILE.json  [default: ablo/schema.py]

\b
Examples:
  ablo-pg generate
  ablo-pg generate app/schema.py --out app/generated
  ablo-pg generate --check
"""


@click.command("generate", epilog=EPILOG)
@target_argument
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to. [default: the target's]",
)
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if a file is outdated.")
@json_option
def generate_command(target: str, out: Path | None, check: bool, as_json: bool) -> int:
    """Write a typed client module, a JSON Schema for each model, and the API as OpenAPI.

    With `ablo_client.Ablo` instead of `ablo_pg.Ablo`, editors and mypy know `ablo.tasks`. The same
    schema gives the same files. It only replaces files that it wrote.
    """
    files = files_of(target)
    place = Path(target.partition(":")[0]).parent if out is None else out
    changed = [name for name, text in files.items() if _differs(place / name, text)]
    if not check:
        _write(place, {name: files[name] for name in changed})
    _show(place, changed, len(files), check, as_json)
    return 1 if check and changed else 0


def files_of(target: str) -> dict[str, str]:
    """Return the files to write for a target."""
    if target.endswith(".json"):
        return generated_files(load_target(target), {})
    schema = load_schema(target)
    return generated_files(schema.spec, schema.models)


def _differs(path: Path, text: str) -> bool:
    """Whether a file must be written. Raises invalid_options for a file that is not ours."""
    try:
        known = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, UnicodeDecodeError):
        known = ""
    if MARK not in known[:300]:
        raise error_for(
            "invalid_options",
            f"{path} was not written by this command",
            field="out",
            remedy="move it, or choose another --out",
        )
    return known != text


def _write(place: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = place / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as exc:
            raise error_for(
                "invalid_options",
                f"{path} cannot be written: {exc.strerror}",
                field="out",
                remedy="choose a writable folder",
            ) from None


def _show(place: Path, changed: list[str], count: int, check: bool, as_json: bool) -> None:
    if as_json:
        show_json({"out": str(place), "files": count, "changed": changed, "written": not check})
        return
    for name in changed:
        say(f"{'outdated' if check else 'written'}: {place / name}")
    say(f"{count} files, {count - len(changed)} unchanged")
