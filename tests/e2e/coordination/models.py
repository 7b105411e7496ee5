"""The models that agents fight over. Claims on accounts bind plain SQL writers too."""

from __future__ import annotations

from ablo_pg import Model, define_schema


class Counter(Model):
    count: int = 0
    note: str | None = None
    entries: list[str] | None = None


class Account(Model, claims_bind_sql=True):
    count: int = 0
    note: str | None = None


SCHEMA = define_schema(counters=Counter, accounts=Account)
ORGANIZATION = "acme"
