"""Answers: JSON made here or by the database, and errors."""

from __future__ import annotations

from starlette.responses import Response

from ablo_pg.errors import AbloError
from ablo_pg.json_text import dumps
from ablo_pg.wire.problems import problem_body


class JsonBytes(Response):
    """JSON that is bytes already."""

    media_type = "application/json"


def json_answer(value: object, status: int = 200) -> JsonBytes:
    """Answer with a value as JSON."""
    return JsonBytes(dumps(value), status)


def problem_answer(error: AbloError, request_id: str | None) -> JsonBytes:
    """Answer with an error; its headers let a client decide whether to sign in or wait."""
    answer = JsonBytes(dumps(problem_body(error, request_id)), error.http_status)
    if error.http_status == 401:
        answer.headers["x-auth-failure"] = error.code
        answer.headers["www-authenticate"] = "Bearer"
    wait = error.details.get("retry_after")
    if isinstance(wait, int | float):
        answer.headers["retry-after"] = str(max(1, round(wait + 0.5)))
    return answer
