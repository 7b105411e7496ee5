"""What holds for every command that a test runs in its own process."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """Take back where a command sends the log: to a stderr that a test has only while it runs."""
    root, uvicorn, psycopg = (logging.getLogger(name) for name in (None, "uvicorn", "psycopg"))
    handlers, levels = root.handlers[:], (root.level, uvicorn.level, psycopg.level)
    yield
    root.handlers[:] = handlers
    for logger, level in zip((root, uvicorn, psycopg), levels, strict=True):
        logger.setLevel(level)
