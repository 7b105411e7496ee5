"""The root command, and how errors of every command are reported."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ablo_pg._version import __version__
from ablo_pg.cli.env_file import read_env_file
from ablo_pg.cli.exit_codes import DOES_NOT_FIT, INTERRUPTED
from ablo_pg.cli.output import show_error, show_usage
from ablo_pg.cli.sections import Sections
from ablo_pg.errors import AbloError

if TYPE_CHECKING:
    import psycopg

EPILOG = """\b
Exit codes: 0 done; 1 refused or failed (stderr says what to do); 2 wrong usage; 3 the schema does
not fit what is stored; 130 interrupted. `ablo-pg COMMAND --help` has the options and examples.

\b
Examples:
  ablo-pg init && ablo-pg dev
  ablo-pg demo
  ablo-pg connect --admin-url postgresql://postgres@localhost/app >> .env
  ablo-pg migrate app/schema.py --admin-url postgresql://postgres@localhost/app
  ablo-pg compile app/schema.py -o schema.sql
"""


@click.group(cls=Sections, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="ablo-pg")
def cli() -> None:
    """People and AI agents change the same Postgres rows, live, without clobbering each other."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with one of the documented codes."""
    read_env_file()
    terminated: list[int] = []

    def terminate(number: int, frame: FrameType | None) -> None:
        """End as ^C does, so that our servers and processes are stopped on the way out.

        asyncio then cancels the main task. An exception raised here would end whichever task is
        running, and be lost with it.
        """
        terminated.append(number)
        interrupt = signal.getsignal(signal.SIGINT)
        if not callable(interrupt):  # ignored, as in a shell's background
            sys.exit(128 + number)
        interrupt(signal.SIGINT, frame)

    signal.signal(signal.SIGTERM, terminate)
    code = run(sys.argv[1:] if arguments is None else arguments)
    sys.exit(128 + signal.SIGTERM if terminated and code == INTERRUPTED else code)


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code; expected errors show no traceback.

    Use colours only on a terminal, and not if NO_COLOR is set.
    """
    color = False if os.environ.get("NO_COLOR") else None
    with click.Context(cli, info_name="ablo-pg", color=color):  # errors are coloured too
        return _run(arguments, "--json" in arguments, color)


def _run(arguments: list[str], as_json: bool, color: bool | None) -> int:
    try:
        result: Any = cli.main(arguments, prog_name="ablo-pg", standalone_mode=False, color=color)
    except AbloError as error:
        show_error(error, as_json=as_json)
        failed = DOES_NOT_FIT if error.code == "incompatible_change" else 1
        return INTERRUPTED if _was_interrupted(error) else failed
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        show_usage(error, as_json=as_json)
        return error.exit_code
    except BrokenPipeError:
        # The reader (head, less) has exited; without this, Python complains again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except _cancelled():
        return INTERRUPTED
    except _database_error() as exc:  # administrative connections only
        from ablo_pg.db.errors import translate_admin

        show_error(translate_admin(exc), as_json=as_json)
        return INTERRUPTED if _was_interrupted(exc) else 1
    return result if isinstance(result, int) else 0


# What can be caught from libraries that take longer to import than `--help` takes to run. Python
# evaluates these only when an exception gets that far.


def _cancelled() -> type[BaseException]:
    """Only ^C cancels a command's main task. asyncio makes a KeyboardInterrupt of that, but not if
    others have cancelled the task, too."""
    from asyncio import CancelledError

    return CancelledError


def _database_error() -> type[psycopg.Error]:
    from psycopg import Error

    return Error


def _was_interrupted(error: BaseException) -> bool:
    """Whether it failed to clean up after ^C."""
    reason: BaseException | None = error
    while reason is not None and not isinstance(reason, KeyboardInterrupt):
        reason = reason.__context__
    return reason is not None
