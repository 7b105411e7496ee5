"""What a new project gets, by path. The Python files lie beside this one, as text."""

from __future__ import annotations

from pathlib import Path
from typing import Final

TEMPLATES: Final = Path(__file__).parent
FOLDER: Final = "ablo"
# Lines that a project's .gitignore should have: passwords and data are nobody else's.
IGNORED: Final = (".env", ".ablo/", "__pycache__/")


def scaffold_files() -> dict[str, str]:
    """Return the Python files of a new project: path -> text."""
    return {
        f"{FOLDER}/{name}.py": (TEMPLATES / f"{name}.py.txt").read_text(encoding="utf-8")
        for name in ("schema", "client", "agent")
    }


def ignore_text(known: str) -> str:
    """Return a .gitignore with our lines added to what is there."""
    lines = known.splitlines()
    missing = [line for line in IGNORED if line not in lines]
    return "\n".join([*lines, *missing]) + "\n"
