"""The kernel: find sql/, install and upgrade it, apply compiled schemas, see drift."""

from ablo_pg.kernel.files import KernelFile, kernel_files, kernel_version
from ablo_pg.kernel.install import Installed, install
from ablo_pg.kernel.script import kernel_script

__all__ = [
    "Installed",
    "KernelFile",
    "install",
    "kernel_files",
    "kernel_script",
    "kernel_version",
]
