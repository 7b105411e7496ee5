"""The fixtures of tests/relay/http, for tests named after threats."""

from __future__ import annotations

from ..http.conftest import (  # noqa: F401 - fixtures
    anyio_backend,
    api,
    as_,
    db,
    http_template,
    kernel_world,
    own_organization,
    ready,
    schema,
    shared,
    until,
    world,
)
