"""`ablo-pg dev`: a database, the schema, a key and the relay, from one command, until Ctrl-C.

command -> run (the life of it) -> database (embedded or given), push, key, screen.
"""

from ablo_pg.cli.dev.command import dev_command

__all__ = ["dev_command"]
