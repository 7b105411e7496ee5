"""The kernel: find, install and upgrade sql/; apply compiled schemas, create logins, find drift."""

from ablo_pg.db.admin import admin_connection
from ablo_pg.kernel.apply import Applied, apply
from ablo_pg.kernel.connect import Connected, connect
from ablo_pg.kernel.drift import KernelState, kernel_state
from ablo_pg.kernel.files import KernelFile, kernel_files, kernel_version
from ablo_pg.kernel.install import Installed, install
from ablo_pg.kernel.migrate import Migrated, migrate, plan
from ablo_pg.kernel.roles import Login, Logins, login_name, make_logins, require_role_rights
from ablo_pg.kernel.runner import Pace
from ablo_pg.kernel.script import kernel_script

__all__ = [
    "Applied",
    "Connected",
    "Installed",
    "KernelFile",
    "KernelState",
    "Login",
    "Logins",
    "Migrated",
    "Pace",
    "admin_connection",
    "apply",
    "connect",
    "install",
    "kernel_files",
    "kernel_script",
    "kernel_state",
    "kernel_version",
    "login_name",
    "make_logins",
    "migrate",
    "plan",
    "require_role_rights",
]
