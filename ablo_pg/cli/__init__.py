"""The command line: `ablo-pg`. One file per group of commands; `main` is the entry point.

Exit codes of every command: 0 done; 1 refused or failed, with what to do about it on stderr;
X
"""

from ablo_pg.cli.main import cli, main

__all__ = ["cli", "main"]
