"""People and AI agents change the same Postgres rows, live, without clobbering each other.

Declare models (`Model`, `define_schema`), apply them (`ablo-pg migrate`), and work with them
through `AsyncAblo` or its sync twin `Ablo`. Errors are one tree under `AbloError`.
"""

from types import FunctionType as _FunctionType

from ablo_pg._version import __version__
from ablo_pg.claim import ClaimState, ClaimStatus, ClaimSummary, Presence
from ablo_pg.client.async_client import AsyncAblo
from ablo_pg.client.claims.claims import ModelClaims
from ablo_pg.client.claims.handle import Claim, Claiming, LostEvent
from ablo_pg.client.claims.presence import PresenceClient
from ablo_pg.client.live.subscriptions import Change, ChangeHandle, Subscription
from ablo_pg.client.local.model import LocalModel
from ablo_pg.client.local.queued import Pending
from ablo_pg.client.rows.commits import Commits
from ablo_pg.client.rows.decode import Page
from ablo_pg.client.rows.history import History, HistoryEntry
from ablo_pg.client.rows.models import ModelClient
from ablo_pg.client.rows.operations import Operation
from ablo_pg.client.rows.snapshots import Snapshot
from ablo_pg.client.rows.tracks import ModelTracks, Track, Tracks
from ablo_pg.client.session_values import SessionKey
from ablo_pg.client.sessions import Sessions
from ablo_pg.client.sync.by_hand import SyncCommits, SyncLostEvent
from ablo_pg.client.sync.claim import SyncClaim
from ablo_pg.client.sync.claims import SyncModelClaims
from ablo_pg.client.sync.client import Ablo
from ablo_pg.client.sync.models import SyncModelClient
from ablo_pg.client.sync.presence import SyncPresenceClient
from ablo_pg.client.sync.queued import SyncPending
from ablo_pg.client.sync.sessions import SyncSessions
from ablo_pg.client.sync.subscriptions import SyncChangeHandle, SyncSubscription
from ablo_pg.client.sync.tracks import SyncModelTracks, SyncTracks
from ablo_pg.errors import (
    AbloAuthenticationError,
    AbloClaimedError,
    AbloConflictError,
    AbloConnectionError,
    AbloContentionError,
    AbloError,
    AbloIdempotencyError,
    AbloNotFoundError,
    AbloPermissionError,
    AbloRateLimitError,
    AbloServerError,
    AbloStaleContextError,
    AbloTimeoutError,
    AbloValidationError,
)
from ablo_pg.json_text import RawJson
from ablo_pg.schema import (
    EntityRole,
    IdentityRole,
    Model,
    ModelOptions,
    Schema,
    Tenancy,
    belongs_to,
    define_schema,
    field,
    has_many,
    has_one,
    indexed,
    model,
    unread_fields,
)
from ablo_pg.wire.committed import Changed, Notification, Receipt

__all__ = [
    "Ablo",
    "AbloAuthenticationError",
    "AbloClaimedError",
    "AbloConflictError",
    "AbloConnectionError",
    "AbloContentionError",
    "AbloError",
    "AbloIdempotencyError",
    "AbloNotFoundError",
    "AbloPermissionError",
    "AbloRateLimitError",
    "AbloServerError",
    "AbloStaleContextError",
    "AbloTimeoutError",
    "AbloValidationError",
    "AsyncAblo",
    "Change",
    "ChangeHandle",
    "Changed",
    "Claim",
    "ClaimState",
    "ClaimStatus",
    "ClaimSummary",
    "Claiming",
    "Commits",
    "EntityRole",
    "History",
    "HistoryEntry",
    "IdentityRole",
    "LocalModel",
    "LostEvent",
    "Model",
    "ModelClaims",
    "ModelClient",
    "ModelOptions",
    "ModelTracks",
    "Notification",
    "Operation",
    "Page",
    "Pending",
    "Presence",
    "PresenceClient",
    "RawJson",
    "Receipt",
    "Schema",
    "SessionKey",
    "Sessions",
    "Snapshot",
    "Subscription",
    "SyncChangeHandle",
    "SyncClaim",
    "SyncCommits",
    "SyncLostEvent",
    "SyncModelClaims",
    "SyncModelClient",
    "SyncModelTracks",
    "SyncPending",
    "SyncPresenceClient",
    "SyncSessions",
    "SyncSubscription",
    "SyncTracks",
    "Tenancy",
    "Track",
    "Tracks",
    "__version__",
    "belongs_to",
    "define_schema",
    "field",
    "has_many",
    "has_one",
    "indexed",
    "model",
    "unread_fields",
]

# Tracebacks, `repr` and generated documentation name the public module, not the internal one.
for _public in [globals()[name] for name in __all__]:
    if isinstance(_public, type | _FunctionType) and _public.__module__.startswith("ablo_pg."):
        _public.__module__ = "ablo_pg"
del _public
