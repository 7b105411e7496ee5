"""The files of a new project, by path. The Python sources are next to this module, as text."""

from __future__ import annotations

from pathlib import Path
from typing import Final

TEMPLATES: Final = Path(__file__).parent
FOLDER: Final = "ablo"
# Lines for a project's .gitignore: passwords and data are not committed.
IGNORED: Final = (".env", ".ablo/", "__pycache__/")


def scaffold_files() -> dict[str, str]:
    """Return the Python files of a new project: path -> text."""
    return {
        f"{FOLDER}/{name}.py": (TEMPLATES / f"{name}.py.txt").read_text(encoding="utf-8")
        for name in ("schema", "client", "agent")
    }


def ignore_text(known: str) -> str:
    """Return a .gitignore with our lines added to its own."""
    lines = known.splitlines()
    missing = [line for line in IGNORED if line not in lines]
    return "\n".join([*lines, *missing]) + "\n"
