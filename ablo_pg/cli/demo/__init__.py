"""`ablo-pg demo`: the whole engine on a temporary Postgres, in one command.

command -> run (set up, processes) -> writer and subscriber, each a process -> verify.
"""

from ablo_pg.cli.demo.command import demo_command

__all__ = ["demo_command"]
