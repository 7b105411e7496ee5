"""Callers of the routines on keys, through the statements that the package calls them with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import psycopg

from ablo_pg.credentials import Spelling, key_hash, new_key
from ablo_pg.db import keys
from ablo_pg.db.errors import translate
from ablo_pg.db.keys import KEY, KEY_FIND, KEY_MINT, KEY_REVOKE, KeyRecord
from ablo_pg.errors import AbloError

from .board import Board, Caller, Json


class Keys:
    """The keys of a board's organization, made and ended by the runtime login."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.organization = board.organization
        self.conn = board.connect()
        self.pid = self.conn.info.backend_pid
        self.secrets: dict[str, str] = {}

    def create(
        self, participant: str = "agent:a", prefix: Spelling = "sk", **how: Any
    ) -> KeyRecord:
        """Make a key; how: operations, scopes, syncGroups, ttlSeconds, label, userMeta."""
        key = new_key(prefix)
        request = {"prefix": prefix[:2], **how}
        with translated():
            made = keys.create_key(self.conn, self.organization, participant, key, request)
        self.secrets[made.id] = key
        return made

    def mint(self, parent: KeyRecord | str, **request: Any) -> KeyRecord:
        """Mint a key, with all that the parent may unless the request says otherwise."""
        if not request.keys() & {"operations", "wideScope"}:
            request["wideScope"] = True
        key = new_key(request.get("prefix", "rk"))
        asked = (self.organization, self.hash(parent), self._body(key, request))
        answer = self._call(KEY_MINT, *asked)
        made = KEY.decode(answer)
        self.secrets[made.id] = key
        return made

    def revoke(self, key: KeyRecord | str, by: KeyRecord | None = None) -> set[str]:
        """End a key; return the ids of all that ended."""
        answer = self._call(KEY_REVOKE, self.organization, id_of(key), by and self.hash(by))
        return set(orjson.loads(answer)["revoked"])

    def rotate(
        self, key: KeyRecord | str, by: KeyRecord | None = None, **request: Any
    ) -> KeyRecord:
        """Put a new key in the place of one; request: graceSeconds, ttlSeconds."""
        asked = (self.organization, id_of(key), request, self.hash(by) if by else None)
        with translated():
            secret, done = keys.rotate_key(self.conn, *asked)
        self.secrets[done.key.id] = secret
        return done.key

    def hash(self, key: KeyRecord | str) -> str:
        """What proves that a key was shown; of one that is not ours, the hash of its id."""
        return key_hash(self.secrets.get(id_of(key), id_of(key)))

    def find(self, key: KeyRecord | str) -> KeyRecord:
        """Read a key as it stands now."""
        found = self._call(KEY_FIND, key_hash(self.secrets[id_of(key)]))
        return KEY.decode(found)

    def expire(self, key: KeyRecord, seconds: float = 1) -> None:
        """Let a key have ended so many seconds ago."""
        self.board.run(
            f"update ablo.api_key set expires_at = now() - interval '{seconds} seconds'"
            f" where id = '{key.id}'"
        )

    def _body(self, key: str, request: Json) -> str:
        return keys._request(key, request)

    def _call(self, query: Any, *arguments: object) -> bytes:
        with translated():
            found: bytes = keys._value_blocking(self.conn, query, *arguments)
        return found


class Holder(Caller):
    """Somebody who acts under a key."""

    def __init__(self, board: Board, key: KeyRecord) -> None:
        super().__init__(board.connect(), board.organization, key.participant)
        self.key = key

    def write(self, *operations: Any, **how: Any) -> Json:
        """Run a commit under the key."""
        return self.commit(*operations, capability_id=self.key.id, **how)

    def ask(self, routine: str, *arguments: object, **named: object) -> Any:
        """Call a routine that takes a capability by name."""
        places = ", ".join(["%s"] * (2 + len(arguments)))
        named |= {"p_capability_id": self.key.id}
        names = "".join(f", {name} => %s" for name in named)
        query = f"select ablo.{routine}({places}{names})"
        return self.call(query, self.organization, self.participant, *arguments, *named.values())


def id_of(key: KeyRecord | str) -> str:
    """Return a key's id."""
    return key if isinstance(key, str) else key.id


@contextmanager
def translated() -> Iterator[None]:
    """Raise our errors in place of psycopg's."""
    try:
        yield
    except psycopg.Error as exc:
        raise translate(exc) from exc


def code_of(call: Any, *arguments: Any, **named: Any) -> str | None:
    """Run a call; return the code of its error, or None."""
    try:
        call(*arguments, **named)
    except AbloError as error:
        return error.code if error.remedy else f"{error.code}, without a remedy"
    return None
