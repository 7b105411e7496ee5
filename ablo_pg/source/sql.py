"""The adapter for a Postgres of one's own: rows by the schema, commits that apply once, an outbox.

Invariants:
- a commit, its idempotency record and its events are one transaction: all are there, or none;
- two requests under one correlation id apply once: the second waits for the record's row, and is
  given what the first was;
- an event that becomes visible has a higher cursor than every event that was visible before.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias

from ablo_pg.compile.plan import ModelPlan, plan_schema
from ablo_pg.json_text import dumps
from ablo_pg.schema.author import Schema
from ablo_pg.schema.neutral import Relation, SchemaSpec
from ablo_pg.source.model import Table, decoded, escaped, typed
from ablo_pg.source.refused import Refused
from ablo_pg.source.requests import Commit, Events, List, Load, Operation, Request, Row
from ablo_pg.source.transactions import Begin, Transaction

Rows: TypeAlias = list[Row | None]
Page: TypeAlias = tuple[list[Row], str | None]
EVENTS: Final = {
    "CREATE": "I", "UPDATE": "U", "DELETE": "D", "ARCHIVE": "A", "UNARCHIVE": "V"
}  # fmt: skip
LOCK_TIMEOUT: Final = "10s"
"""How long a request waits for a row, a key or the outbox that another transaction holds.

It is less than the 30 s that a service waits for an answer; what it ends, the service sends again.
"""
_SESSION: Final = """
select set_config('timezone', 'UTC', true), set_config('extra_float_digits', '1', true),
       set_config('lock_timeout',
                  coalesce(nullif(current_setting('lock_timeout'), '0'), %s), true)"""
_OUTBOX: Final = """
insert into ablo_outbox (id, model, entity_id, type, data, organization_id, correlation_id,
                         transaction_id, occurred_at)
values (%s, %s, %s, %s, %s::jsonb, %s, %s, %s,
        (extract(epoch from clock_timestamp()) * 1000)::bigint)"""
_EVENTS: Final = """
select cursor, id, model, entity_id, type, data::text, organization_id, client_tx_id,
       correlation_id, transaction_id, occurred_at
  from ablo_outbox where cursor > %s order by cursor limit %s"""
_EVENT_NAMES: Final = (
    *("id", "model", "entityId", "type", "data", "organizationId", "clientTxId", "correlationId"),
    *("transactionId", "occurredAt"),
)
_TAKEN: Final = """
insert into ablo_idempotency (client_tx_id, response, request_hash) values (%s, 'null', %s)
on conflict do nothing returning true"""


class SqlAdapter:
    """Answers a service out of the tables of a schema.

    Args:
        schema: what `define_schema` made; its tables are in the database. Of a table's columns,
            those that it has are used.
        begin: where transactions come from: `psycopg_transactions(url)`, or SQLAlchemy's, Django's.
            They run at READ COMMITTED.

    `tables.TABLES` must have been run there once (`ablo-pg source tables` prints it).
    """

    def __init__(self, schema: Schema | SchemaSpec, begin: Begin) -> None:
        spec = schema.spec if isinstance(schema, Schema) else schema
        self._begin = begin
        self._plans: dict[str, ModelPlan] = {}
        for plan in plan_schema(spec).models:
            self._plans |= {plan.spec.typename: plan, plan.spec.key: plan}
        self._tables: dict[str, Table] = {}

    def load(self, request: Load) -> Row | None:
        """Return a row, or None."""
        with self._transaction() as tx:
            table = self._table(tx, request.model)
            return self._one(tx, table, request.id, request.organization)

    def list(self, request: List) -> Page:
        """Return a page of rows, and the cursor of the next one."""
        query = request.query
        with self._transaction() as tx:
            table = self._table(tx, request.model)
            within, given = table.within(request.organization)
            for clause in query.where:
                condition, more = table.condition(clause)
                within += f" and {condition}"
                given += more
            column = table.column(query.order_by or "id")
            name, key = f"t.{escaped(column.sql)}", f"t.{escaped(table.model.id.sql)}"
            if query.cursor is not None:
                after, last = _read_cursor(query.cursor)
                further = "<" if query.order == "desc" else ">"
                if after is None:
                    within += f" and {name} is null and {key}::text > %s"
                else:
                    text, bound = typed(column, after)
                    within += f" and ({name} {further} {text} or {name} is null"
                    within += f" or {name} = {text} and {key}::text > %s)"
                    given += [*bound, *bound]
                given.append(last)
            found = tx.run(
                f"select {table.row}, to_jsonb({name})::text, {key}::text from {table.name} t"
                f" where true{within} order by {name} {query.order} nulls last, {key}::text"
                f" limit {query.limit + 1}",
                given,
            )
            rows = [decoded(text) for text, *_ in found[: query.limit]]
            for relation in query.related:
                self._relate(tx, table, rows, relation, request.organization)
        if len(found) <= query.limit:
            return rows, None
        _, value, last = found[query.limit - 1]
        return rows, base64.urlsafe_b64encode(dumps([value, last])).decode()

    def commit(self, request: Commit) -> Rows:
        """Apply operations in one transaction, once; return the row that each leaves."""
        key = request.key
        meant = request.intent_hash or _hash(request)
        with self._transaction() as tx:
            if not tx.run(_TAKEN, [key, meant]):  # waits for another that has it
                return _replayed(tx, key, meant)
            rows = [self._apply(tx, one, request) for one in request.operations]
            for one, row in zip(request.operations, rows, strict=True):
                self._note(tx, one, row, request)
            if request.echo is not None:
                tx.run("select pg_logical_emit_message(true, 'ablo', %s)", [request.echo.payload])
            tx.run(
                "update ablo_idempotency set response = %s::jsonb where client_tx_id = %s",
                [dumps(rows).decode(), key],
            )
        return rows

    def events(self, request: Events) -> Page:
        """Return changes after a cursor, in the order in which they became visible."""
        with self._transaction() as tx:
            found = tx.run(_EVENTS, [int(request.cursor or 0), request.limit])
        events = []
        for _, *values in found:
            event = dict(zip(_EVENT_NAMES, values, strict=True))
            if event["data"] is not None:
                event["data"] = json.loads(event["data"])
            events.append({name: value for name, value in event.items() if value is not None})
        return events, str(found[-1][0]) if found else request.cursor

    def note(
        self,
        tx: Transaction,
        type: str,
        model: str,
        id: str,
        data: Mapping[str, object] | None = None,
        organization: str | None = None,
    ) -> None:
        """Tell the service of a change that others make, in their own transaction.

        Call it last: other writers of the outbox wait until the transaction ends. type: CREATE,
        UPDATE, DELETE, ARCHIVE or UNARCHIVE. data: the row, by JSON name; default: as it is then.
        """
        if type not in EVENTS:
            raise ValueError(f"type is {type!r}: use {', '.join(EVENTS)}")
        table = self._table(tx, model)
        row = dict(data) if data is not None else self._one(tx, table, id, organization)
        tenant = organization or (row or {}).get("organizationId")
        event = [str(uuid.uuid4()), table.model.spec.typename, id, type]
        tx.run(_OUTBOX, [*event, _json(row), tenant, None, None])

    @contextmanager
    def _transaction(self) -> Iterator[Transaction]:
        """Begin one whose rows have one text whatever the database's settings are."""
        with self._begin() as tx:
            tx.run(_SESSION, [LOCK_TIMEOUT])
            yield tx

    def _table(self, tx: Transaction, name: str) -> Table:
        plan = self._plans.get(name)
        if plan is None:
            known = ", ".join(sorted({one.spec.key for one in self._plans.values()}))
            raise Refused(
                404, "unknown_model", f"there is no model {name[:80]!r} here; it has {known}"
            )
        found = self._tables.get(plan.spec.typename)
        if found is None:
            found = self._tables[plan.spec.typename] = Table(tx, plan)
        return found

    def _one(self, tx: Transaction, table: Table, id: str, organization: str | None) -> Row | None:
        within, given = table.within(organization)
        key = escaped(table.model.id.sql)
        query = f"select {table.row} from {table.name} t where t.{key}::text = %s{within}"
        found = tx.run(query, [id, *given])
        return decoded(found[0][0]) if found else None

    def _apply(self, tx: Transaction, one: Operation, request: Request) -> Row | None:
        table = self._table(tx, one.model)
        values = table.values(one.input)
        if one.type == "CREATE":
            return self._create(tx, table, one, values, request)
        if one.id is None:
            raise Refused(400, "commit_operation_invalid", f"{one.type} of {one.model} has no id")
        within, given = table.within(request.organization)
        key, id_ = escaped(table.model.id.sql), one.id
        if one.type == "DELETE":
            tx.run(f"delete from {table.name} t where t.{key}::text = %s{within}", [id_, *given])
            return None
        sets = [f"{escaped(table.column(w).sql)} = {table.assigned(w)}" for w in values]
        if one.type in ("ARCHIVE", "UNARCHIVE"):
            archived = table.column(table.model.archived.wire)
            now = "clock_timestamp()" if one.type == "ARCHIVE" else "null"
            sets.append(f"{escaped(archived.sql)} = {now}")
        if table.has("updatedAt") and "updatedAt" not in values:
            sets.append(f"{escaped(table.column('updatedAt').sql)} = clock_timestamp()")
        if not sets:
            raise Refused(400, "commit_operation_invalid", f"{one.type} of {id_!r} changes nothing")
        found = tx.run(
            f"update {table.name} as t set {', '.join(sets)} from (select %s::jsonb as v) d"
            f" where t.{key}::text = %s{within} returning {table.row}",
            [_json(values), id_, *given],
        )
        if not found:
            raise Refused(404, "entity_not_found", f"{one.model} {id_[:80]!r} does not exist")
        return decoded(found[0][0])

    def _create(
        self, tx: Transaction, table: Table, one: Operation, values: Row, request: Request
    ) -> Row:
        absent = table.missing(values)
        if absent is not None:
            raise Refused(
                400, "not_null_violation", f"{one.model}.{absent.wire} is required: add it"
            )
        names = [escaped(table.column(wire).sql) for wire in values]
        exprs = [table.assigned(wire) for wire in values]
        scope = request.scope
        actor = None
        if scope is not None and scope.participant_id is not None:
            actor = f"{scope.participant_kind or 'user'}:{scope.participant_id}"
        fixed = {
            "id": one.id or str((one.input or {}).get("id") or uuid.uuid4()),
            "organizationId": request.organization if table.org is not None else None,
            "createdBy": actor,
        }
        given: list[object] = []
        for wire, value in fixed.items():
            if value is not None and table.has(wire):
                text, bound = typed(table.column(wire), dumps(value).decode())
                names.append(escaped(table.column(wire).sql))
                exprs.append(text)
                given += bound
        found = tx.run(
            f"insert into {table.name} as t ({', '.join(names)}) select {', '.join(exprs)}"
            f" from (select %s::jsonb as v) d returning {table.row}",
            [*given, _json(values)],
        )
        return decoded(found[0][0])

    def _note(self, tx: Transaction, one: Operation, row: Row | None, request: Commit) -> None:
        plan = self._plans[one.model]
        id_ = one.id or str((row or {}).get("id"))
        tx.run(
            _OUTBOX,
            [
                *(str(uuid.uuid4()), plan.spec.typename, id_, one.type, _json(row)),
                request.organization or (row or {}).get("organizationId"),
                *(request.key, one.transaction_id),
            ],
        )

    def _relate(
        self,
        tx: Transaction,
        table: Table,
        rows: Sequence[Row],
        name: str,
        organization: str | None,
    ) -> None:
        """Put the rows of a relation into each row, under the relation's name."""
        spec = table.model.spec
        relation = next((one for one in spec.relations if one.name == name), None)
        if relation is None:
            known = ", ".join(one.name for one in spec.relations) or "none"
            raise Refused(400, "unknown_field", f"{spec.key} has no relation {name!r} ({known})")
        own, theirs = _ends(relation)
        keys = sorted({str(row[own]) for row in rows if row.get(own) is not None})
        target = self._table(tx, relation.target)
        within, given = target.within(organization)
        found: dict[str, list[Row]] = {}
        if keys:
            column, key = target.column(theirs), escaped(target.model.id.sql)
            places = ", ".join(["%s"] * len(keys))
            query = f"select {target.row} from {target.name} t where"
            query += f" t.{escaped(column.sql)}::text in ({places}){within} order by t.{key}::text"
            for (text,) in tx.run(query, [*keys, *given]):
                each = decoded(text)
                found.setdefault(str(each[theirs]), []).append(each)
        for row in rows:
            related = found.get(str(row.get(own)), [])
            row[name] = related if relation.kind == "hasMany" else next(iter(related), None)


def _ends(relation: Relation) -> tuple[str, str]:
    """Return the field of a row, and the field of the related rows that has the same value."""
    if relation.kind == "belongsTo":
        return relation.foreign_key, "id"
    return "id", relation.foreign_key


def _replayed(tx: Transaction, key: str, meant: str) -> list[Row | None]:
    (response, known), *_ = tx.run(
        "select response::text, request_hash from ablo_idempotency where client_tx_id = %s", [key]
    )
    if known is not None and known != meant:
        raise Refused(
            409, "idempotency_conflict", f"{key[:80]!r} was used before, for another commit"
        )
    found = json.loads(response)
    rows: list[Row | None] = found.get("rows", []) if isinstance(found, dict) else found
    return rows  # an object: another adapter's record of its whole answer


def _hash(request: Commit) -> str:
    """Hash what a commit means; also whose it is: a client of any tenant chose its key."""
    parts: list[object] = [[o.type, o.model, o.id, o.input] for o in request.operations]
    if request.organization is not None:
        parts.append(request.organization)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _json(value: object) -> str | None:
    return None if value is None else dumps(value).decode()


def _read_cursor(cursor: str) -> tuple[str | None, str]:
    try:
        match json.loads(base64.urlsafe_b64decode(cursor)):
            case [str() | None as value, str() as last]:
                return value, last
    except (ValueError, RecursionError):  # binascii.Error is a ValueError
        pass
    raise Refused(400, "cursor_invalid", "the cursor is not of this list")
