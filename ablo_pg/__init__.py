"""People and AI agents change the same Postgres rows, live, without clobbering each other.

Declare models (`Model`, `define_schema`), apply them (`ablo-pg migrate`), and work with them
through `AsyncAblo` or its sync twin `Ablo`. Errors are one tree under `AbloError`.

Importing the package loads nothing else: each name loads what it needs when it is first used.
"""

import sys as _sys
import typing as _typing
from importlib import import_module as _import_module
from types import FunctionType as _FunctionType

from ablo_pg._version import __version__

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
    "Aggregate",
    "AsyncAblo",
    "Change",
    "ChangeHandle",
    "Changed",
    "Claim",
    "ClaimState",
    "ClaimStatus",
    "ClaimSummary",
    "Claiming",
    "Column",
    "Commits",
    "Condition",
    "EntityRole",
    "History",
    "HistoryEntry",
    "IdentityRole",
    "Left",
    "Live",
    "LiveAggregate",
    "LiveEvent",
    "LiveHandle",
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
    "Preview",
    "PreviewedChange",
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
    "SyncLive",
    "SyncLiveAggregate",
    "SyncLiveHandle",
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
    "UndoStep",
    "Undone",
    "__version__",
    "actor",
    "allow",
    "belongs_to",
    "check",
    "col",
    "define_schema",
    "field",
    "has_many",
    "has_one",
    "index",
    "indexed",
    "model",
    "new",
    "old",
    "unread_fields",
]

if _typing.TYPE_CHECKING:
    from ablo_pg.changefeed.totals import Aggregate
    from ablo_pg.changefeed.window import LiveEvent
    from ablo_pg.claim import ClaimState, ClaimStatus, ClaimSummary, Presence
    from ablo_pg.client.async_client import AsyncAblo
    from ablo_pg.client.claims.claims import ModelClaims
    from ablo_pg.client.claims.handle import Claim, Claiming, LostEvent
    from ablo_pg.client.claims.presence import PresenceClient
    from ablo_pg.client.live.aggregate import LiveAggregate
    from ablo_pg.client.live.live import Live, LiveHandle
    from ablo_pg.client.live.subscriptions import Change, ChangeHandle, Subscription
    from ablo_pg.client.local.model import LocalModel
    from ablo_pg.client.local.queued import Pending
    from ablo_pg.client.rows.commits import Commits, Preview, PreviewedChange
    from ablo_pg.client.rows.decode import Page
    from ablo_pg.client.rows.history import History, HistoryEntry
    from ablo_pg.client.rows.models import ModelClient
    from ablo_pg.client.rows.operations import Operation
    from ablo_pg.client.rows.snapshots import Snapshot
    from ablo_pg.client.rows.tracks import ModelTracks, Track, Tracks
    from ablo_pg.client.rows.undo import Left, Undone, UndoStep
    from ablo_pg.client.session_values import SessionKey
    from ablo_pg.client.sessions import Sessions
    from ablo_pg.client.sync.by_hand import SyncCommits, SyncLostEvent
    from ablo_pg.client.sync.claim import SyncClaim
    from ablo_pg.client.sync.claims import SyncModelClaims
    from ablo_pg.client.sync.client import Ablo
    from ablo_pg.client.sync.live import SyncLive, SyncLiveAggregate, SyncLiveHandle
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
    from ablo_pg.predicate.declare import allow, check, index
    from ablo_pg.schema import (
        Column,
        Condition,
        EntityRole,
        IdentityRole,
        Model,
        ModelOptions,
        Schema,
        Tenancy,
        actor,
        belongs_to,
        col,
        define_schema,
        field,
        has_many,
        has_one,
        indexed,
        model,
        new,
        old,
        unread_fields,
    )
    from ablo_pg.wire.committed import Changed, Notification, Receipt
else:  # hidden from type checkers, for which a module's `__getattr__` has every name
    _NAMES = {
        "changefeed.totals": "Aggregate",
        "changefeed.window": "LiveEvent",
        "claim": "ClaimState ClaimStatus ClaimSummary Presence",
        "client.async_client": "AsyncAblo",
        "client.claims.claims": "ModelClaims",
        "client.claims.handle": "Claim Claiming LostEvent",
        "client.claims.presence": "PresenceClient",
        "client.live.aggregate": "LiveAggregate",
        "client.live.live": "Live LiveHandle",
        "client.live.subscriptions": "Change ChangeHandle Subscription",
        "client.local.model": "LocalModel",
        "client.local.queued": "Pending",
        "client.rows.commits": "Commits Preview PreviewedChange",
        "client.rows.decode": "Page",
        "client.rows.history": "History HistoryEntry",
        "client.rows.models": "ModelClient",
        "client.rows.operations": "Operation",
        "client.rows.snapshots": "Snapshot",
        "client.rows.tracks": "ModelTracks Track Tracks",
        "client.rows.undo": "Left UndoStep Undone",
        "client.session_values": "SessionKey",
        "client.sessions": "Sessions",
        "client.sync.by_hand": "SyncCommits SyncLostEvent",
        "client.sync.claim": "SyncClaim",
        "client.sync.claims": "SyncModelClaims",
        "client.sync.client": "Ablo",
        "client.sync.live": "SyncLive SyncLiveAggregate SyncLiveHandle",
        "client.sync.models": "SyncModelClient",
        "client.sync.presence": "SyncPresenceClient",
        "client.sync.queued": "SyncPending",
        "client.sync.sessions": "SyncSessions",
        "client.sync.subscriptions": "SyncChangeHandle SyncSubscription",
        "client.sync.tracks": "SyncModelTracks SyncTracks",
        "errors": (
            "AbloAuthenticationError AbloClaimedError AbloConflictError AbloConnectionError "
            "AbloContentionError AbloError AbloIdempotencyError AbloNotFoundError "
            "AbloPermissionError AbloRateLimitError AbloServerError AbloStaleContextError "
            "AbloTimeoutError AbloValidationError"
        ),
        "json_text": "RawJson",
        "predicate.declare": "allow check field index",
        "schema": (
            "Column Condition EntityRole IdentityRole Model ModelOptions Schema Tenancy actor "
            "belongs_to col define_schema has_many has_one indexed model new old unread_fields"
        ),
        "wire.committed": "Changed Notification Receipt",
    }
    _PLACES = {name: place for place, names in _NAMES.items() for name in names.split()}

    def __getattr__(name):
        if name not in _PLACES:
            raise AttributeError(f"module 'ablo_pg' has no attribute {name!r}", name=name)
        found = globals()[name] = getattr(_import_module(f"ablo_pg.{_PLACES[name]}"), name)
        _show_as_public()
        return found

    def __dir__():
        return sorted({*globals(), *__all__})

    def _show_as_public():
        """Let tracebacks, `repr` and generated documentation name this module for what it has."""
        for name, place in _PLACES.items():
            each = vars(_sys.modules.get(f"ablo_pg.{place}", object)).get(name)
            if isinstance(each, type | _FunctionType) and each.__module__.startswith("ablo_pg."):
                each.__module__ = "ablo_pg"
