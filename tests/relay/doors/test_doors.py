"""Doors x keys: no route, frame or routine shows a key what it may not see, or changes it.

Each door is asked for a row of others and for one that does not exist. Neither answer may have the
canary, both must be alike, and all must be as it was. A door without a row in the matrix fails.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from unittest.mock import Mock

import anyio
import httpx
import psycopg
import pytest
from psycopg.rows import tuple_row
from starlette.routing import Route, WebSocketRoute

from ablo_pg.db.errors import translate
from ablo_pg.relay.http import log_routes
from ablo_pg.relay.http.app import routes
from ablo_pg.relay.ws.reading import make_frames

from ..http.world import Api
from ..security.live import Socket, socket
from .conftest import key_id
from .frame_matrix import FRAMES, LAST
from .http_matrix import HTTP, OPEN, PLAIN, STREAMS, Ask
from .routine_matrix import ROUTINES
from .scene import NOBODYS, OWNER, SECRET, Names, Scene, without_names

pytestmark = pytest.mark.anyio
Matrix = dict[tuple[str, str], list[Ask]]
HIDDEN = ("row", "claim", "waiter", "commit", "session")
ENDED = ["revoked", "expired"]
KEYS = ["other groups", "a role", "no groups", "other models", "other organization", *ENDED]
ROUTINES_THERE = """
    select p.proname from pg_proc p
     where p.pronamespace = 'ablo'::regnamespace and 'p_capability_id' = any (p.proargnames)
       and has_function_privilege('ablo_runtime', p.oid, 'execute')"""


def doors_of_app() -> set[tuple[str, str]]:
    """Return every route of the application by method; HEAD goes with GET."""
    found = {("GET", each.path) for each in routes() if isinstance(each, WebSocketRoute)}
    for each in routes():
        if isinstance(each, Route):
            found |= {(method, each.path) for method in (each.methods or ()) if method != "HEAD"}
    return found


def frames_of_relay() -> set[str]:
    """Return every type of frame that is dispatched."""
    nothing: Any = Mock()
    frames = make_frames(nothing, nothing)
    return {*frames.writes, *frames.rest}


def routines_of(url: str) -> set[str]:
    """Return every routine of the kernel that takes a capability and that a service may call."""
    with psycopg.connect(url, row_factory=tuple_row) as conn:
        return {name for (name,) in conn.execute(ROUTINES_THERE.encode())}


def filled(value: Any, names: Names) -> Any:
    """Put names into a template."""
    if isinstance(value, dict):
        return {key: filled(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, names) for each in value]
    if value == "{at}":
        return int(names["at"])
    if isinstance(value, str):
        for name, word in names.items():
            value = value.replace(f"{{{name}}}", word)
    return value


async def told(scene: Scene, api: Api, method: str, ask: Ask, names: Names) -> str:
    """Ask, and return the answer: status, and the body without what was asked for."""
    answer = await api(method, filled(ask.path, names), filled(ask.body, names))
    assert answer.status_code < 500 or answer.status_code in (501, 503), answer.text
    return f"{answer.status_code} {shown(scene, f'{method} {ask.path}', answer.text, names)}"


def shown(scene: Scene, door: str, text: str, names: Names) -> str:
    """Check that an answer shows nothing of the scene, not even a name that was not asked for."""
    assert SECRET not in text, f"{door} shows what is in p2: {text}"
    # In its own organization a caller finds what it has made itself, under the same names.
    for name in HIDDEN if names["row"] == NOBODYS["row"] and names["home"] == "acme" else ():
        assert scene.theirs[name] not in text, f"{door} shows that there is {scene.theirs[name]}"
    return without_names(text, *both(scene))


def both(scene: Scene, key: str = "") -> tuple[Names, Names]:
    """Return the names of what is there, and of what is not, for one of the keys."""
    more = {"at": str(scene.at), "home": "other" if key == "other organization" else "acme"}
    return scene.theirs | more, NOBODYS | more


async def judge_routes(scene: Scene, api: Api, key: str, matrix: Matrix) -> list[str]:
    """Ask at each door for both; return those that tell them apart."""
    wrong = []
    for (method, _), asks in matrix.items():
        for ask in asks:
            found, missing = [
                await told(scene, api, method, ask, each) for each in both(scene, key)
            ]
            if found != missing:
                wrong.append(f"{method} {ask.path} {ask.body}:\n  {found}\n  {missing}")
    return wrong


async def test_every_door_has_a_row(scene: Scene) -> None:
    assert doors_of_app() == HTTP.keys() | PLAIN.keys() | OPEN.keys() | STREAMS
    assert frames_of_relay() == FRAMES.keys()
    assert routines_of(scene.world.db.admin_url) == ROUTINES.keys()


@pytest.mark.parametrize("name", KEYS)
async def test_a_route_shows_nothing_outside(scene: Scene, keys: dict[str, str], name: str) -> None:
    api, before = await scene.world.with_key(keys[name]), scene.state()
    if name in ENDED:
        for (method, _), asks in (HTTP | PLAIN).items():
            assert (await told(scene, api, method, asks[0], both(scene)[0])).startswith("401")
    else:
        assert await judge_routes(scene, api, name, HTTP) == []
        await judge_routes(scene, api, name, PLAIN)
    assert scene.state() == before


async def test_an_open_route_shows_nothing(scene: Scene) -> None:
    api = await scene.world.with_key("none")
    await judge_routes(scene, api, "", OPEN)


@pytest.mark.parametrize("name", KEYS)
async def test_a_stream_shows_nothing_outside(
    scene: Scene, keys: dict[str, str], name: str
) -> None:
    api = await scene.world.with_key(keys[name])
    head = {"authorization": f"Bearer {api.key}"}
    queries = ["cursor=0", "cursor=0&syncGroups=projects:p2,projects:p1,default"]
    for query in queries if name != "no groups" else ():  # test_a_key_of_no_groups_follows_nothing
        async with api.client.stream("GET", f"/api/v1/stream?{query}", headers=head) as stream:
            if name in ENDED:
                assert stream.status_code == 401
                continue
            seen = await read_to_end(stream)
        assert SECRET not in seen
        could = name in ("other groups", "a role")
        assert ("was mine" in seen) == could, "what it could see, it was shown"


@pytest.mark.parametrize("name", KEYS)
async def test_a_live_query_shows_nothing_outside(
    scene: Scene, keys: dict[str, str], name: str
) -> None:
    """It shows, and refuses, what the list does: for what is there as for what is not."""
    api = await scene.world.with_key(keys[name])
    for query in ("", "?id={row}", "?where=id = '{row}'", "?projectId=p2&order_by=title"):
        came = [await snapshot(api, filled(query, each)) for each in both(scene, name)]
        found, missing = map(partial(shown, scene, query), came, both(scene, name))
        assert found == missing
        page = await api("GET", "/api/v1/models/tasks" + filled(query, both(scene, name)[0]))
        assert page.status_code == int(found[:3])
        assert page.status_code == 401 if name in ENDED else page.status_code in (200, 403)
        if page.status_code == 200:
            for row in page.json()["data"]:
                assert f'"{row["id"]}"' in came[0]


async def snapshot(api: Api, query: str) -> str:
    """Return the status and the first event of a live query."""
    head = {"authorization": f"Bearer {api.key}"}
    seen = ""
    async with api.client.stream("GET", f"/api/v1/models/tasks/live{query}", headers=head) as got:
        with anyio.fail_after(30):
            async for part in got.aiter_text():
                seen += part
                if "event: snapshot" in seen and seen.endswith("\n\n"):
                    break
    return f"{got.status_code} {seen}"


async def read_to_end(stream: httpx.Response) -> str:
    """Read until the last of what there is has come."""
    seen = ""
    with anyio.fail_after(30):
        async for part in stream.aiter_text():
            seen += part
            if '"name":"END"' in seen.replace(" ", ""):
                break
    return seen


async def frames_told(scene: Scene, key: str, query: str, names: Names) -> tuple[list[str], str]:
    """Send every frame over a socket; return what was answered, and all that came."""
    async with socket(scene.world.relay, key, query) as live:
        answers = []
        for kind, payloads in FRAMES.items():
            for payload in payloads:
                await live.send(kind, **filled(payload, names))
        for answer, (kind, payload) in LAST.items():
            await until_end(live, kind, payload, answer)
        for one in FRAMES["live_begin"]:  # refused, or shown when the rows have been read
            while not any(f'"liveId":"{one["liveId"]}"' in text for text in live.seen):
                await live.take("live_snapshot")
        for text in live.seen:
            frame = json.loads(text)
            if frame["type"] in ("presence_update", "delta", "pong", "sync_response"):
                continue
            told = shown(scene, kind, text, names)
            if frame["type"] == "live_snapshot":  # as of a stamp, and between the answers
                assert frame["payload"]["rows"] == []
            else:
                answers.append(told)
        return sorted(answers), "".join(live.seen)


async def until_end(live: Socket, kind: str, payload: dict[str, Any], answer: str) -> None:
    """Send a last frame, and read up to its answer."""
    await live.send(kind, **payload)
    while not any(answer in text and '"end"' in text for text in live.seen):
        await live.take(answer)


@pytest.mark.parametrize("query", ["cursor=0", "cursor=0&deltas=every"])
@pytest.mark.parametrize("name", KEYS)
async def test_a_frame_shows_nothing_outside(
    scene: Scene, keys: dict[str, str], name: str, query: str
) -> None:
    before = scene.state()
    if name in ENDED:
        with pytest.raises(Exception, match="401"):
            await frames_told(scene, keys[name], query, both(scene)[1])
        return
    found, missing = [
        await frames_told(scene, keys[name], query, each) for each in both(scene, name)
    ]
    assert SECRET not in found[1]
    assert found[0] == missing[0]
    assert scene.state() == before


def routine_told(
    scene: Scene,
    conn: psycopg.Connection[Any],
    name: str,
    who: tuple[str, str],
    key: str,
    names: Names,
) -> str:
    """Call a routine as a service does; return what it says."""
    given = filled(ROUTINES[name], names)
    given = {"p_organization": who[0], **given, "p_capability_id": key}
    if name not in ("delta_read", "delta_tail", "sight_at"):
        given["p_participant"] = who[1]
    query = f"select ablo.{name}({', '.join(f'{each} => %({each})s' for each in given)})::text"
    try:
        with conn.transaction(force_rollback=True):
            answer = "\n".join(str(row[0]) for row in conn.execute(query.encode(), given))
    except psycopg.Error as exc:
        error = translate(exc)
        answer = json.dumps(
            {"code": error.code, "message": error.message, **error.details}, default=str
        )
    return shown(scene, name, answer, names)


@pytest.mark.parametrize("name", KEYS)
async def test_a_routine_shows_nothing_outside(
    scene: Scene, keys: dict[str, str], name: str
) -> None:
    assert judge_routines(scene, keys[name], name, ROUTINES) == []


def judge_routines(
    scene: Scene, key: str, name: str, matrix: Any, participant: str = OWNER
) -> list[str]:
    """Call each routine for both; return those that tell them apart."""
    who = ("other" if name == "other organization" else "acme", participant)
    wrong = []
    with (
        psycopg.connect(scene.world.db.admin_url) as admin,
        psycopg.connect(scene.world.db.database_url, autocommit=True) as conn,
    ):
        capability = key_id(admin, key)
        for each in matrix:
            found, missing = [
                routine_told(scene, conn, each, who, capability, names)
                for names in both(scene, name)
            ]
            ended = f"apikey_{name}" if name in ENDED else ""
            if found != missing or ended not in found:
                wrong.append(f"{each}:\n  {found}\n  {missing}")
    return wrong


async def test_the_matrix_catches_a_route_that_shows_all(
    scene: Scene, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_routes, "seen", lambda views, delta, permissions: delta)
    api = await scene.world.with_key(keys["other groups"])
    door = ("GET", "/api/v1/logs")
    with pytest.raises(AssertionError, match="shows what is in p2"):
        await judge_routes(scene, api, "other groups", {door: HTTP[door]})


# One routine of the kernel made permissive, and a routine of the matrix that must show it.
MUTANTS = {
    "claim_seen(p_key ablo.key_rights, p_claim ablo.claim) returns boolean": "claim_list",
    "row_seen(p_organization text, p_key ablo.key_rights, p_typename text, p_id text)"
    " returns boolean": "claim_acquire",
    "key_covers(p_key ablo.key_rights, p_capability_id text) returns boolean": "track_list",
    "key_sees(p_key ablo.key_rights, p_typename text, p_groups text[])"
    " returns boolean": "delta_read",
}


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_the_matrix_catches_a_routine_that_shows_all(
    scene: Scene, keys: dict[str, str], mutant: str
) -> None:
    name = mutant.partition("(")[0]
    with psycopg.connect(scene.world.db.admin_url, autocommit=True) as admin:
        query = "select pg_get_functiondef(p.oid) from pg_proc p where p.proname = %s"
        (real,) = admin.execute(query, [name]).fetchone() or ("",)
        admin.execute(
            f"create or replace function ablo.{mutant} language sql as 'select true'".encode()
        )
        try:
            caught = bool(
                judge_routines(scene, keys["other groups"], "other groups", [MUTANTS[mutant]])
            )
        except AssertionError:
            caught = True
        finally:
            admin.execute(real.encode())
    assert caught
