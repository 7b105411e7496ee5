"""Pushing over a relay: a dry run must never be a push."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.cli.push_place import RelayPlace
from ablo_pg.cli.remote import Remote, problem_of
from ablo_pg.errors import AbloError
from ablo_pg.schema import SchemaSpec
from ablo_pg.schema.pushing import PushOptions


@pytest.mark.parametrize("code", ["route_not_found", "method_not_allowed"])
def test_a_relay_without_dry_runs_is_sent_no_push(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    asked = []

    def post(self: Remote, path: str, body: Any) -> Any:
        asked.append(path)
        raise problem_of(404, b'{"code": "%s", "message": "no"}' % code.encode())

    monkeypatch.setattr(Remote, "post", post)
    place = RelayPlace(Remote("https://relay.example.com", "sk_x"))
    with pytest.raises(AbloError, match="does not support dry runs") as caught:
        place.push(SchemaSpec(()), PushOptions(), dry_run=True)
    assert (caught.value.code, asked) == ("invalid_options", ["/api/schema/dry-run"])
    assert "--admin-url" in str(caught.value.remedy)
