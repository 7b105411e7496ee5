"""Generated expressions over one table: as people write them, and mutants of each."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final, TypeAlias

# An expression: SQL text, or a word and its parts.
Made: TypeAlias = "str | tuple[Made, ...]"

TABLE: Final = """
create type mood as enum ('sad', 'ok', 'glad');
create domain label as text;
create table things (
  id int primary key, s smallint, i int, b bigint, n numeric(10, 2), d double precision, r real,
  t text, v varchar(20), c char(5), l label, m mood, y boolean, day date, at timestamptz,
  "At" timestamp, u uuid, j jsonb, tags text[], "Odd Name" text);
"""
TYPES: Final = {
    "id": "int4",
    "s": "int2",
    "i": "int4",
    "b": "int8",
    "n": "numeric",
    "d": "float8",
    "r": "float4",
    "t": "text",
    "v": "varchar",
    "c": "bpchar",
    "l": "text",
    "m": "mood",
    "y": "bool",
    "day": "date",
    "at": "timestamptz",
    "At": "timestamp",
    "u": "uuid",
    "j": "jsonb",
    "tags": "_text",
    "Odd Name": "text",
}
_NUMBERS: Final = ("s", "i", "b", "n", "d", "r", "abs(i)", "i + 1", "n * 2", "length(t)", "- d")
_TEXTS: Final = ("t", "v", "c", "l", '"Odd Name"', "lower(t)", "upper(v)", "coalesce(t, 'x')")
_TEXTS_TOO: Final = ("j ->> 'k'", "t || v", "trim(t)", "nullif(v, '')", "substring(t from 1 for 2)")
_WORDS: Final = ("=", "<>", "!=", "<", "<=", ">", ">=")
_NUMBER: Final[tuple[str, ...]] = (
    "0",
    "1",
    "2",
    "3",
    "-1",
    "1.5",
    "2.50",
    "1e1",
    "10000000000",
    "'3'",
    "0.1",
)
_TEXT: Final[tuple[str, ...]] = ("'a'", "'b'", "'it''s'", "''", "'a b'", "'x%'", "'A'", "E'a\\\\b'")
_OTHER: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("m", ("'sad'", "'ok'", "'glad'")),
    ("day", ("'2020-01-01'", "date '2020-01-02'", "current_date", "'2021-02-03'::date")),
    ("at", ("'2020-01-01 00:00:00+00'", "now()", "current_timestamp")),
    ('"At"', ("'2020-01-01 00:00:00'", "'2020-01-02T10:00:00.5'")),
    ("u", ("'1c74e96b-2101-4b76-9674-b243fd89d1b4'", "'00000000-0000-0000-0000-000000000000'")),
)
SPELT: Final = (  # which the random ones do not reach
    "i not between 1 and 2", "n between 1 and 2.50", "i between symmetric 3 and 1",
    "t similar to 'a%'", "t like 'a!%' escape '!'", "(i, b) = (1, 2)", "j @> '{\"a\": 1.50}'",
    "j ? 'k'", "tags && array['a', 'b']", "tags @> '{a}'", "'a' = any (tags)",
    "i = any ('{1,2}')", "v = any (array['a', 'b'])", "v = any (array['a', 'b']::varchar[])",
    "m = any ('{sad,ok}')", "extract(year from day) > 2000", "day + 3 > '2020-01-01'",
    "at > now() - interval '7 days'", "(at at time zone 'UTC')::date > '2020-01-01'",
    "case when y then i else b end > 1", "case i when 1 then 'a' else t end = 'a'", "y is unknown",
    "(y is true) is not false", "t ~ '^[a-z]+$'", "t !~* 'x' and v not ilike '%b'",
    "position('a' in t) > 0",
    "t collate \"C\" < 'b' collate \"C\"", "i is distinct from b", "n is not distinct from 1",
    "array_length(tags, 1) > 0", "cardinality(tags) <= 3", "greatest(i, b, 1.5) > 2", "i % 2 = 0",
    "n % 0.05 = 0", "round(n) = n", "t = current_user", "left(t, 1) in ('a', 'b')",
    "i::numeric / 2 > 1",
    "i / 2 > 1", "n::int = 1", "v::text = 'a'", "c::text = 'a'", "t::varchar(2) = 'ab'",
    "l in ('a', 'b')",
    "d < 'Infinity' and isfinite(day)", "i in (1, 2, 3) or i is null", "not (i = 1 or t = 'a')",
    "i <> 1 and i <> 2", "i not in (1, 2)", "(j -> 'a') is not null", "j #>> '{a,b}' = 'x'",
    "length(trim(both from t)) > 0", "coalesce(n, 0) >= 0 and coalesce(t, '') <> ''", "t in ('a')",
    "i in (1, b)", "s in (1, 2)", "n in (1, 2.5)", "u in ('1c74e96b-2101-4b76-9674-b243fd89d1b4')",
    "day in ('2020-01-01', '2020-01-02')", "(t is null) = (v is null)", "num_nonnulls(t, v) = 1",
    "y", "not y", "y = true", "user = t", "r > 0.5", "r > d", "r > 1", "true", "null::boolean",
    "i > - 5",
    "json_typeof(j::json) = 'object'", "i = 1 is true", "to_char(day, 'YYYY') = '2020'",
    "starts_with(t, 'a')",
    "jsonb_typeof(j) = 'array' and jsonb_array_length(j) > 0", "i <@ int4range(1, 5)",
    "t < v", "c = t",
)  # fmt: skip


def expression(rng: random.Random, depth: int = 3) -> Made:
    """Make an expression: conditions under AND, OR and NOT."""
    if depth and rng.random() < 0.6:
        word = rng.choice(("and", "or", "not"))
        many = 1 if word == "not" else rng.randint(2, 3)
        return (word, *(expression(rng, depth - 1) for _ in range(many)))
    return condition(rng)


def condition(rng: random.Random) -> Made:
    """Make one test of a column."""
    kind = rng.randint(0, 9)
    if kind == 0:
        return (
            rng.choice(("is null", "is not null")),
            f'"{rng.choice([*TYPES])}"',
        )
    if kind == 1:
        return rng.choice(SPELT)
    left, values = rng.choice(_OTHER)
    if kind <= 7:
        number = kind <= 4
        left = rng.choice(_NUMBERS if number else _TEXTS + _TEXTS_TOO)
        values = _NUMBER if number else _TEXT
    if kind in (4, 7):
        values = tuple(value for value in values if value != "'3'")
        many = min(len(values), rng.randint(1, 3))
        return (rng.choice(("in", "not in")), left, *rng.sample(values, many))
    return (rng.choice(_WORDS), left, rng.choice(values))


def spelt(made: Made) -> str:
    """Write an expression as SQL."""
    if isinstance(made, str):
        return made
    word, *parts = made
    assert isinstance(word, str)
    texts = [spelt(part) for part in parts]
    if word in ("and", "or"):
        return "(" + f" {word} ".join(texts) + ")"
    if word == "not":
        return f"not ({texts[0]})"
    if word in ("in", "not in"):
        return f"{texts[0]} {word} ({', '.join(texts[1:])})"
    return " ".join([texts[0], word, *texts[1:]])


def mutants(made: Made) -> Iterator[Made]:
    """Yield the expression with one thing changed: an operator, a side, a constant, NOT."""
    yield ("not", made)
    if isinstance(made, str):
        return
    word, *parts = made
    assert isinstance(word, str)
    swaps = {"and": "or", "or": "and", "=": "<>", "<>": "=", "!=": "=", "<": "<=", "<=": "<"}
    swaps |= {">": "<", ">=": ">", "in": "not in", "not in": "in", "is null": "is not null"}
    swaps |= {"is not null": "is null"}
    if word in swaps:
        yield (swaps[word], *parts)
    if word in ("<", "<=", ">", ">="):
        yield (word, parts[1], parts[0])
    for at, part in enumerate(parts):
        if isinstance(part, tuple):
            yield from ((word, *parts[:at], one, *parts[at + 1 :]) for one in mutants(part))
        elif word in (*_WORDS, "in", "not in") and at and part in (*_NUMBER, *_TEXT):
            other = "7" if part in _NUMBER else "'zz'"
            yield (word, *parts[:at], other, *parts[at + 1 :])
    if word in ("and", "or") and len(parts) > 1:
        yield (word, *parts[1:])
