"""Reads one JSON object of a pushed schema: typed values out, problems recorded, nothing raised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from ablo_pg.schema.problems import Problem
from ablo_pg.schema.values import shape

ChoiceT = TypeVar("ChoiceT", bound=str)


class Reading:
    """A JSON object and its place. A null counts as absent; the default is then returned."""

    def __init__(
        self, data: Any, problems: list[Problem], model: str | None = None, field: str | None = None
    ) -> None:
        self.problems = problems
        self.model = model
        self.field = field
        self.data: Mapping[str, object] = data if isinstance(data, Mapping) else {}
        if not isinstance(data, Mapping):
            self._wrong("it", "an object", data)

    def inside(self, field: str, data: Any) -> Reading:
        """Read an object under this model that describes one field or relation."""
        return Reading(data, self.problems, self.model, field)

    def problem(self, code: str, message: str, remedy: str) -> None:
        """Record a problem here."""
        self.problems.append(Problem(code, self.model, self.field, message, remedy))

    def text(self, name: str, default: str) -> str:
        """Return a string."""
        value = self.data.get(name)
        if value is None:
            return default
        if isinstance(value, str):
            return value
        self._wrong(name, "a string", value)
        return default

    def maybe_text(self, name: str) -> str | None:
        """Return a string, or None if it is absent."""
        return None if self.data.get(name) is None else self.text(name, "")

    def flag(self, name: str, default: bool) -> bool:
        """Return a boolean."""
        value = self.data.get(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        self._wrong(name, "true or false", value)
        return default

    def choice(
        self, name: str, choices: Sequence[ChoiceT], default: ChoiceT, *, required: bool = False
    ) -> ChoiceT:
        """Return one of a few strings."""
        value = self.data.get(name)
        if value is None and not required:
            return default
        for choice in choices:
            if value == choice:
                return choice
        self._wrong(name, f"one of {', '.join(choices)}", value)
        return default

    def mapping(self, name: str) -> Mapping[str, object]:
        """Return an object."""
        value = self.data.get(name)
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return value
        self._wrong(name, "an object", value)
        return {}

    def sequence(self, name: str) -> Sequence[Any]:
        """Return an array."""
        value = self.data.get(name)
        if value is None:
            return ()
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return value
        self._wrong(name, "an array", value)
        return ()

    def _wrong(self, name: str, wanted: str, value: object) -> None:
        self.problem("invalid_json", f"{name} must be {wanted}, got {shape(value)}", "correct it")
