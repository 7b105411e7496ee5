"""The files that `ablo-pg init` writes, as they are: `files` reads them and fills in names."""

from ablo_pg.cli.scaffold.files import scaffold_files

__all__ = ["scaffold_files"]
