"""The whole kernel as one script: pure text from files.

The script takes the install lock, refuses to replace a newer kernel, runs every file and records
its checksum; running it again changes nothing. psql and `install` run the same text.
"""

from __future__ import annotations

from ablo_pg.db.kernel import in_transaction, kernel_finish, kernel_migrate, kernel_record
from ablo_pg.kernel.files import KernelFile, kernel_files


def script_body(files: tuple[KernelFile, ...]) -> str:
    """Return the script of these files without its transaction brackets."""
    parts = [_statement(file) for file in files]
    # Only now do the functions that record a file exist on an empty database.
    records = [kernel_record(file.path, file.checksum) for file in files if not file.is_migration]
    finish = kernel_finish(file.path for file in files)
    return "\n\n".join([*parts, "\n".join(records), finish]) + "\n"


def _statement(file: KernelFile) -> str:
    if file.is_migration:
        return kernel_migrate(file.path, file.checksum, file.sql)
    return f"-- {file.path}\n{file.sql.rstrip()}"


def kernel_script(files: tuple[KernelFile, ...] | None = None) -> str:
    """Return the kernel as one transaction that psql can run, on an empty or an older database."""
    return in_transaction(script_body(files or kernel_files()))
