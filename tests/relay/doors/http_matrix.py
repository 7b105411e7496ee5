"""Every route of the application, with a request that asks for what is not the caller's.

A route that is not here fails the suite (`test_every_door_has_a_row`). In paths and bodies `{row}`
and the like stand for the names of a scene. Routes that name nothing are asked as they are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .scene import ROW


class Ask(NamedTuple):
    """One request."""

    path: str
    body: Any = None


Route = tuple[str, str]
MODEL, ONE = "/api/v1/models/{model}", "/api/v1/models/{model}/{id}"
KERNEL = "/api/v1/kernel/"
TARGET: dict[str, Any] = {"model": "tasks", "id": "{row}"}
UPDATE: dict[str, Any] = {
    "action": "update",
    "model": "tasks",
    "id": "{row}",
    "data": {"title": "x"},
}
MINE: dict[str, Any] = {"action": "update", "model": "tasks", "id": "mine", "data": {"title": "y"}}
BEYOND: dict[str, Any] = UPDATE | {"id": "beyond"}  # so that nothing lands, whatever else is judged
ORDER = [{"claimId": "{waiter}"}]
NEW: dict[str, Any] = {"action": "create", "model": "tasks"}


def commit(*operations: Any, **more: Any) -> Ask:
    """Return a commit; it names its own idempotency key."""
    return Ask("/api/v1/commits", {"operations": list(operations), **more})


HTTP: dict[Route, list[Ask]] = {
    ("GET", MODEL): [
        Ask("/api/v1/models/tasks"),
        Ask("/api/v1/models/tasks?id={row}"),
        Ask("/api/v1/models/tasks?projectId=p2&order_by=title"),
        Ask("/api/v1/models/tasks?starting_after={row}"),
        Ask("/api/v1/models/projects?order_by=name"),
    ],
    ("POST", MODEL): [
        Ask(
            "/api/v1/models/tasks", {"id": "new", "data": {"title": "x", "projectId": "{project}"}}
        ),
    ],
    ("GET", ONE): [Ask(ROW), Ask(ROW.replace("{row}", "{moved}"))],
    ("PATCH", ONE): [
        Ask(ROW, {"data": {"title": "x"}}),
        Ask(ROW, {"data": {"title": "x"}, "readAt": 1, "onStale": "notify"}),
        Ask("/api/v1/models/tasks/mine", {"data": {"projectId": "{project}"}}),
    ],
    ("DELETE", ONE): [Ask(ROW)],
    ("POST", f"{ONE}/claim"): [Ask(f"{ROW}/claim", {"description": "x"})],
    ("DELETE", f"{ONE}/claim"): [Ask(f"{ROW}/claim")],
    ("POST", f"{ONE}/claim/heartbeat"): [Ask(f"{ROW}/claim/heartbeat", {"claimId": "{claim}"})],
    ("POST", f"{ONE}/claim/reorder"): [Ask(f"{ROW}/claim/reorder", {"order": ORDER})],
    ("GET", "/api/v1/claims"): [
        Ask("/api/v1/claims"),
        Ask("/api/v1/claims?model=tasks&id={row}"),
        Ask("/api/v1/claims?actorId=owner"),
    ],
    ("POST", "/api/v1/claims"): [Ask("/api/v1/claims", {"target": TARGET})],
    ("POST", "/api/v1/claims/heartbeat"): [Ask("/api/v1/claims/heartbeat", {"ttl": "20m"})],
    ("GET", "/api/v1/claims/{claim}"): [
        Ask("/api/v1/claims/{claim}"),
        Ask("/api/v1/claims/{waiter}"),
    ],
    ("DELETE", "/api/v1/claims/{claim}"): [Ask("/api/v1/claims/{claim}")],
    ("POST", "/api/v1/claims/{claim}/heartbeat"): [Ask("/api/v1/claims/{claim}/heartbeat", {})],
    ("POST", "/api/v1/commits"): [
        commit(UPDATE),
        commit(UPDATE | {"claimId": "{claim}", "fenceToken": 1}),
        commit(MINE | {"claimId": "{claim}"}),
        commit(NEW | {"id": "{row}x", "data": {"title": "x", "projectId": "{project}"}}),
        commit(MINE | {"data": {"projectId": "{project}"}}, MINE | {"data": {"projectId": "p1"}}),
        commit(MINE, BEYOND, reads=[TARGET | {"readAt": 1}]),
        commit(MINE, BEYOND, reads=[TARGET | {"absent": True}]),
        commit(MINE, BEYOND, reads=[{"group": "projects:{project}", "readAt": 1}]),
        commit(MINE, BEYOND, track=[TARGET]),
        commit(UPDATE, returning=True),
        commit(MINE | {"data": {"projectId": "{project}"}}, returning=True),
    ],
    ("GET", "/api/v1/commits"): [Ask("/api/v1/commits"), Ask("/api/v1/commits?actorId=owner")],
    ("GET", "/api/v1/commits/{id}"): [
        Ask("/api/v1/commits/{commit}"),
        Ask("/api/v1/commits/{stx}"),
    ],
    ("GET", "/api/v1/logs"): [
        Ask("/api/v1/logs"),
        Ask("/api/v1/logs?after=0.0"),
        Ask("/api/v1/logs?after=1.1&op=update"),
    ],
    ("GET", "/api/auth/identity"): [Ask("/api/auth/identity")],
    ("GET", "/api/auth/check"): [Ask("/api/auth/check")],
    ("GET", "/api/v1/capabilities/{capability}"): [Ask("/api/v1/capabilities/{capability}")],
    ("DELETE", "/api/v1/capabilities/{capability}"): [Ask("/api/v1/capabilities/{capability}")],
    ("POST", "/api/v1/capabilities/{capability}/rotate"): [
        Ask("/api/v1/capabilities/{capability}/rotate", {})
    ],
    ("GET", "/api/sync/bootstrap"): [
        Ask("/api/sync/bootstrap?models=tasks,projects"),
        Ask("/api/sync/bootstrap?lastSyncId=1&models=tasks"),
        Ask("/api/sync/bootstrap?syncGroups=projects:p2"),
        Ask("/api/sync/bootstrap?lastSyncId=1&syncGroups=projects:p2,default"),
    ],
    ("POST", "/api/sync/query"): [
        Ask("/api/sync/query", {"queries": [{"model": "tasks", "orderBy": "title"}]}),
        Ask("/api/sync/query", {"queries": [{"model": "tasks", "where": [["id", "=", "{row}"]]}]}),
        Ask("/api/sync/query", {"queries": [{"model": "projects", "related": ["tasks"]}]}),
    ],
    ("GET", "/api/sync/entity/{typename}/{id}"): [Ask("/api/sync/entity/task/{row}")],
    ("POST", f"{KERNEL}status"): [Ask(f"{KERNEL}status", {})],
    ("POST", f"{KERNEL}row_get"): [Ask(f"{KERNEL}row_get", TARGET)],
    ("POST", f"{KERNEL}row_at"): [
        Ask(f"{KERNEL}row_at", TARGET | {"at": "{at}"}),
        Ask(f"{KERNEL}row_at", TARGET | {"at": 1}),
    ],
    ("POST", f"{KERNEL}row_history"): [
        Ask(f"{KERNEL}row_history", TARGET),
        Ask(f"{KERNEL}row_history", {"model": "tasks", "id": "entered"}),
    ],
    ("POST", f"{KERNEL}row_aggregate"): [
        Ask(f"{KERNEL}row_aggregate", {"model": "tasks", "query": {"groupBy": "title"}}),
        Ask(f"{KERNEL}row_aggregate", {"model": "tasks", "query": {"groupBy": "id"}}),
    ],
    ("POST", f"{KERNEL}row_list"): [
        Ask(f"{KERNEL}row_list", {"model": "tasks"}),
        Ask(f"{KERNEL}row_list", {"model": "tasks", "query": {"where": [["id", "=", "{row}"]]}}),
        Ask(f"{KERNEL}row_list", {"model": "tasks", "query": {"orderBy": [["title", "asc"]]}}),
    ],
    ("POST", f"{KERNEL}snapshot_read"): [Ask(f"{KERNEL}snapshot_read", {"targets": [TARGET]})],
    ("GET", "/api/v1/access/explain"): [
        Ask("/api/v1/access/explain?model=tasks&id={row}"),
        Ask("/api/v1/access/explain?model=tasks&id={moved}"),
    ],
    ("POST", f"{KERNEL}commit_preview"): [
        Ask(f"{KERNEL}commit_preview", {"request": {"operations": [UPDATE]}}),
        Ask(
            f"{KERNEL}commit_preview", {"request": {"operations": [{**UPDATE, "action": "delete"}]}}
        ),
    ],
    ("POST", f"{KERNEL}claim_next"): [
        Ask(f"{KERNEL}claim_next", {"model": "tasks", "query": {"where": [["id", "=", "{row}"]]}}),
    ],
    ("POST", f"{KERNEL}undo_plan"): [
        Ask(f"{KERNEL}undo_plan", {"choice": TARGET | {"after": 0}}),
        Ask(f"{KERNEL}undo_plan", {"choice": {"model": "tasks", "id": "entered", "after": 0}}),
        Ask(f"{KERNEL}undo_plan", {"choice": {"commit": "{commit}"}}),
        Ask(f"{KERNEL}undo_plan", {"choice": {"claim": "{claim}"}}),
        Ask(f"{KERNEL}undo_plan", {"choice": {"actor": "user:ann", "after": 0}}),
    ],
    ("POST", f"{KERNEL}access_explain"): [Ask(f"{KERNEL}access_explain", TARGET)],
    ("POST", f"{KERNEL}receipt_get"): [Ask(f"{KERNEL}receipt_get", {"key": "{commit}"})],
    ("POST", f"{KERNEL}track_list"): [Ask(f"{KERNEL}track_list", {})],
    ("POST", f"{KERNEL}track_remove"): [
        Ask(f"{KERNEL}track_remove", {"targets": [TARGET]}),
        Ask(f"{KERNEL}track_remove", {}),
    ],
    ("POST", f"{KERNEL}log_head"): [Ask(f"{KERNEL}log_head", {})],
    ("POST", f"{KERNEL}log_read"): [Ask(f"{KERNEL}log_read", {"after": 0, "limit": 500})],
    ("POST", f"{KERNEL}claim_acquire"): [Ask(f"{KERNEL}claim_acquire", TARGET)],
    ("POST", f"{KERNEL}claim_look"): [Ask(f"{KERNEL}claim_look", {"claimId": "{claim}"})],
    ("POST", f"{KERNEL}claim_beats"): [Ask(f"{KERNEL}claim_beats", {"claimIds": ["{claim}"]})],
    ("POST", f"{KERNEL}claim_news"): [
        Ask(f"{KERNEL}claim_news", {"claimIds": ["{claim}"], "after": "x:0", "seconds": 0})
    ],
    ("POST", f"{KERNEL}claim_release"): [Ask(f"{KERNEL}claim_release", {"claimId": "{claim}"})],
    ("POST", f"{KERNEL}claim_release_row"): [Ask(f"{KERNEL}claim_release_row", TARGET)],
    ("POST", f"{KERNEL}claim_line"): [Ask(f"{KERNEL}claim_line", TARGET)],
    ("POST", f"{KERNEL}claim_reorder"): [
        Ask(f"{KERNEL}claim_reorder", TARGET | {"order": ["{waiter}"]})
    ],
    ("POST", f"{KERNEL}presence_beat"): [Ask(f"{KERNEL}presence_beat", {"session": "{session}"})],
    ("POST", f"{KERNEL}presence_leave"): [Ask(f"{KERNEL}presence_leave", {"session": "{session}"})],
    ("POST", f"{KERNEL}presence_list"): [Ask(f"{KERNEL}presence_list", {})],
}
# Routes that name no row: asked with an empty body, they must show nothing all the same.
PLAIN: dict[Route, list[Ask]] = {
    (method, path): [Ask(path.replace("{project}", "x").replace("{branch}", "br_main"), {})]
    for method, path in (
        *(("POST", f"/api/{name}") for name in ("v1/capabilities", "auth/capability")),
        *(("POST", f"/api/{name}") for name in ("v1/ephemeral_keys", "auth/ephemeral-keys")),
        *((m, f"{at}/schema") for m in ("GET", "POST") for at in ("/api", "/api/v1")),
        *(("POST", f"{at}/schema/dry-run") for at in ("/api", "/api/v1")),
        *(("GET", f"{at}/schema/versions") for at in ("/api", "/api/v1")),
        *((m, "/api/v1/projects") for m in ("GET", "POST")),
        ("PATCH", "/api/v1/projects/{project}"),
        *((m, "/api/v1/branches") for m in ("GET", "POST")),
        ("GET", "/api/v1/branches/{branch}"),
        ("GET", "/api/v1/branches/{branch}/status"),
        ("POST", "/api/v1/branches/{branch}/credentials"),
        *((m, f"{at}/datasources") for m in ("GET", "POST", "DELETE") for at in ("/api/v1", "/v1")),
        *(
            ("POST", f"{at}/datasources/{what}")
            for what in ("validate", "locate", "resnapshot")
            for at in ("/api/v1", "/v1")
        ),
    )
}
# Nobody is asked for a key here, so nothing of any organization may be in it.
OPEN: dict[Route, list[Ask]] = {
    ("GET", path): [Ask(path.replace("{name}", "console.js"))]
    for path in (
        "/", "/live", "/ready", "/metrics", "/api/health", "/openapi.json", "/docs", "/console",
        "/console/", "/console/{name}", "/docs/{name}",
    )
}  # fmt: skip
# Answers without an end: `test_a_stream_shows_nothing_outside` and
# `test_a_live_query_shows_nothing_outside` read them.
STREAMS: set[Route] = {
    ("GET", "/api/v1/stream"),
    ("GET", f"{MODEL}/live"),
    ("GET", "/api/sync/ws"),
    ("GET", "/api/api/sync/ws"),
}
