"""What an endpoint refuses: a status, a code for programs, a sentence for people."""

from __future__ import annotations


class Refused(Exception):
    """A request that is answered with `{"error": code, "message": message}`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
