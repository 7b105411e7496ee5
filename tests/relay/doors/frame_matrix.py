"""Every type of frame that a socket takes, asking for what is not the caller's."""

from __future__ import annotations

from typing import Any

ROW = {"entityType": "task", "entityId": "{row}"}
OPERATION = {"type": "UPDATE", "model": "tasks", "id": "{row}", "input": {"title": "x"}}
FRAMES: dict[str, list[dict[str, Any]]] = {
    "commit": [
        {"clientTxId": "t1", "operations": [OPERATION]},
        {"clientTxId": "t2", "operations": [OPERATION | {"claimId": "{claim}"}]},
    ],
    "claim_begin": [{"claimId": "s1", **ROW}],
    "claim_abandon": [{"claimId": "{claim}"}],
    "claim_reorder": [{**ROW, "order": [{"claimId": "{waiter}"}]}],
    "claim_heartbeat": [{"claimId": "{claim}"}],
    "update_subscription": [{"syncGroups": ["projects:p2", "task:{row}", "default"]}],
    "sync_request": [{"cursor": "0", "lastSyncId": 0, "protocolVersion": 1}],
    "ack": [{"lastSyncId": 1}],
    "bootstrap_request": [{"models": ["tasks"]}],
    "presence_update": [{"status": "online", "activity": ROW}],
    "live_begin": [
        {"liveId": "l1", "model": "tasks", "query": {"id": "{row}"}},
        {"liveId": "l2", "model": "tasks", "query": {"where": "id = '{row}'"}},
    ],
    "live_end": [{"liveId": "none"}],
    "ping": [{}],
    "claim": [{"claimId": "participant:x", "syncGroups": ["projects:p2", "task:{row}"]}],
    "release": [{"claimId": "participant:x"}],
}
# One frame a lane, each with an answer: what was sent before it has been handled by then.
LAST = {
    "claim_rejected": ("claim_begin", {"claimId": "end", "entityType": "none", "entityId": "x"}),
    "claim_heartbeat_ack": ("claim_heartbeat", {"claimId": "end"}),
}
