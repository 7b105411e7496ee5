"""A problem with a schema as a value, and the one error that carries all of them.

`checks`, `lowering` and `wire_json` collect problems; `author.define_schema` and
`parse.parse_schema_json` raise them together, so that authors see all errors at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from ablo_pg.errors import AbloValidationError

_SHOWN: Final = 20  # reasons in a message; its error's details have all


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a schema: where it is, what it is, and what to do about it.

    `code` is stable; `model` is the schema key, `field` a field's or relation's name, if known.
    """

    code: str
    model: str | None
    field: str | None
    message: str
    remedy: str

    @property
    def where(self) -> str:
        """The place in readable form: `tasks.title`, `tasks`, or `schema`."""
        return ".".join(part for part in (self.model, self.field) if part is not None) or "schema"

    def __str__(self) -> str:
        return f"{self.where}: {self.message} ({self.remedy})"


def bullets(reasons: Sequence[object]) -> list[str]:
    """Return reasons as the lines of a message, the first of many."""
    more = len(reasons) - _SHOWN
    return [
        *(f"  - {reason}" for reason in reasons[:_SHOWN]),
        *([f"  - and {more} more"] if more > 0 else []),
    ]


def schema_error(problems: Sequence[Problem], *, code: str) -> AbloValidationError:
    """Build the error that lists every problem; `details["problems"]` has them as data.

    Args: code is `schema_definition_invalid` (declared in Python) or `invalid_schema` (JSON).
    """
    count = len(problems)
    lines = [f"the schema has {count} problem{'s' if count != 1 else ''}:"]
    lines += [f"  - {problem}" for problem in problems]
    first = problems[0]
    return AbloValidationError(
        "\n".join(lines),
        code=code,
        model=first.model,
        field=first.field,
        details={"problems": [asdict(problem) for problem in problems]},
    )
