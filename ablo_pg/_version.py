"""The released version; the kernel has a number of its own (sql/00_base/version.sql)."""

__version__ = "0.1.0"
