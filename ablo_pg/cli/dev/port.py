"""The port that `dev` serves on."""

from __future__ import annotations

import socket
from typing import Final

from ablo_pg.errors import error_for

FIRST_PORT: Final = 8787
PORTS_TRIED: Final = 20


def free_port(wanted: int | None, *, first: int = FIRST_PORT) -> int:
    """Return the requested port, or the first free one from 8787 on.

    Raises: invalid_options if the requested port is taken.
    """
    if wanted is None:
        return next((port for port in range(first, first + PORTS_TRIED) if _is_free(port)), 0)
    if wanted and not _is_free(wanted):
        raise error_for(
            "invalid_options",
            f"port {wanted} is taken",
            field="port",
            remedy="stop the process that listens there, choose another --port, or leave it out "
            "to use the next free one",
        )
    return wanted


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
