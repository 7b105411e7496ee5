"""Every routine of the kernel that takes a capability, asking for what is not its key's.

Arguments by name, in the order of the routine; organization, participant and capability are filled
in. `{row}` and the like stand for the names of a scene.
"""

from __future__ import annotations

from typing import Any

TARGET: dict[str, Any] = {"p_model": "tasks", "p_id": "{row}"}
CLAIM: dict[str, Any] = {"p_claim_id": "{claim}"}
OPERATION = '{"action": "update", "model": "tasks", "id": "{row}", "data": {"title": "x"}}'
UPDATE = '{"operations": [' + OPERATION + "]}"
TARGETS = '[{"model": "tasks", "id": "{row}"}]'
ROUTINES: dict[str, dict[str, Any]] = {
    "access_explain": TARGET,
    "claim_acquire": TARGET,
    "claim_next": {"p_model": "tasks", "p_query": '{"where": [["id", "=", "{row}"]]}'},
    "commit_preview": {
        "p_request": '{"operations": [{"action": "delete", "model": "tasks", "id": "{row}"}]}'
    },
    "claim_events": {"p_after": 0, "p_log": 1, "p_limit": 100},
    "claim_get": CLAIM,
    "claim_heartbeat": CLAIM,
    "claim_heartbeat_all": {"p_claim_ids": ["{claim}"]},
    "claim_list": TARGET,
    "claim_release": CLAIM,
    "claim_release_row": TARGET,
    "claim_reorder": {**TARGET, "p_order": '["{waiter}"]'},
    "commit": {"p_key": "k", "p_request": UPDATE},
    "commit_get": {"p_id": "{commit}"},
    "commit_list": {"p_query": "{}"},
    "delta_read": {"p_after": 0, "p_with_before": True},
    "delta_tail": {"p_before": None, "p_limit": 100, "p_with_before": True},
    "presence_list": {},
    "receipt_get": {"p_key": "{commit}"},
    "sight_at": {},
    "row_at": {**TARGET, "p_at": "{at}"},
    "row_get": TARGET,
    "row_history": TARGET,
    "row_aggregate": {"p_model": "tasks", "p_query": '{"groupBy": "title"}'},
    "row_list": {"p_model": "tasks", "p_query": '{"where": [["id", "=", "{row}"]]}'},
    "snapshot_read": {"p_targets": TARGETS},
    "track_list": {},
    "track_remove": {"p_targets": TARGETS},
    "undo_plan": {"p_choice": '{"model": "tasks", "id": "{row}", "after": 0}'},
}
