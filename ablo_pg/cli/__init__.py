"""The command line: `ablo-pg`. One file per group of commands; `main` is the entry point.

Exit codes of every command: 0 done; 1 refused or failed, with what to do about it on stderr;
2 wrong usage; 130 interrupted. Results go to stdout, everything said to a person to stderr.
"""

from ablo_pg.cli.main import cli, main

__all__ = ["cli", "main"]
