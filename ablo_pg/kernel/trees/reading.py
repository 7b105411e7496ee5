"""An expression's text to its normal form: the implicit casts of Postgres are written out.

`pg_get_expr` prints what Postgres has parsed: `x > 0` on a numeric column is `x > (0)::numeric`, IN
is `= ANY (ARRAY[...])`, BETWEEN is two comparisons. Both spellings get the same tree here. What
this does not know keeps a kind that starts with `?`.
https://www.postgresql.org/docs/current/typeconv.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ablo_pg.kernel.trees.casting import (
    aligned,
    array_of,
    as_text,
    cast,
    name_of,
    number,
    texts,
    trimmed,
    type_of,
)
from ablo_pg.kernel.trees.constants import UNKNOWN, base_name, type_name, widest
from ablo_pg.kernel.trees.tree import (
    NUMBERS,
    Node,
    Types,
    compared,
    const,
    joined,
    negated,
    one_of,
)

if TYPE_CHECKING:
    from sqlglot import exp

LONGEST: Final = 20_000  # characters; a longer one is not understood
DEEPEST: Final = 200
_COMPARED: Final = {"EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}
_PATTERNS: Final = ("Like", "ILike", "RegexpLike", "RegexpILike", "StartsWith")
_SUMS: Final = ("Add", "Sub", "Mul", "Div", "Mod")
_TEXT: Final = (
    *("Lower", "Upper", "Trim", "Substring", "SplitPart", "Left", "Right", "Replace", "Concat"),
)
# Functions, and operators of lists and JSON: the result's type; '' for one that is not known.
_CALLED: Final = {
    **dict.fromkeys(_TEXT, "text"),
    **dict.fromkeys(("Length", "StrPosition", "ArraySize"), "int4"),
    **dict.fromkeys(("JSONExtractScalar", "JSONBExtractScalar"), "text"),
    **dict.fromkeys(("JSONBContainsTopKey", "JSONBContainsAnyTopKeys"), "bool"),
    **dict.fromkeys(("ArrayContainsAll", "ArrayContainedBy", "ArrayOverlaps"), "bool"),
    **dict.fromkeys(("Round", "Floor", "Ceil", "MakeInterval", "Extract", "Kwarg"), ""),
    "CurrentTimestamp": "timestamptz",
    "CurrentDate": "date",
    "Uuid": "uuid",
    "Var": "",
    **dict.fromkeys(("Localtimestamp", "CurrentTime", "Localtime"), ""),
    "CurrentRole": "name",
    "CurrentSchema": "name",
    "CurrentUser": "name",
    "SessionUser": "name",
    "AtTimeZone": "",
    "RegexpReplace": "text",
}
_NAMED: Final = {
    **dict.fromkeys(("current_setting", "jsonb_typeof", "json_typeof", "replace"), "text"),
    **dict.fromkeys(("isfinite", "pg_has_role", "starts_with"), "bool"),
    **dict.fromkeys(("octet_length", "cardinality", "jsonb_array_length"), "int4"),
}


class NotReadError(Exception):
    """The text is not one expression that sqlglot reads."""


def read(text: str, types: Types, *, wanted: str = "") -> Node:
    """Return the tree of an expression.

    types: of the columns that it may name. wanted: the type that the result is assigned to.
    Raises: NotReadError.
    """
    import sqlglot  # lazy: most programs need no trees
    from sqlglot.errors import SqlglotError

    if len(text) > LONGEST:
        raise NotReadError
    try:
        (found,) = sqlglot.parse(text, dialect="postgres")
        if found is None:
            raise NotReadError
        node = _Reader(types).node(found)
    except (SqlglotError, RecursionError, ValueError) as exc:
        raise NotReadError from exc
    return cast(node, type_name(wanted)) if wanted else node


def check_of(definition: str) -> str:
    """Return the expression of a CHECK as `pg_get_constraintdef` or a schema spells it."""
    text = definition.strip()
    for end in ("NOT VALID", "NO INHERIT", "NOT ENFORCED"):
        text = text.removesuffix(end).rstrip()
    return text[5:].strip() if text[:5].lower() == "check" else text


class _Reader:
    def __init__(self, types: Types) -> None:
        self._types = types
        self._depth = 0

    def node(self, node: exp.Expr) -> Node:
        """Return one node of sqlglot in the normal form."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotReadError
        kind = type(node).__name__
        found = self._logical(kind, node) or self._leaf(kind, node) or self._other(kind, node)
        self._depth -= 1
        return found

    def _logical(self, kind: str, node: exp.Expr) -> Node | None:
        if kind == "Paren":
            return self.node(node.this)
        if kind in ("And", "Or"):
            return joined(kind.lower(), map(self.node, node.flatten()))
        if kind == "Not":
            return negated(self.node(node.this))
        if kind in _COMPARED:
            return self._comparison(_COMPARED[kind], node)
        if kind == "Between" and not node.args.get("symmetric"):
            low, high = (
                self._compared(word, node.this, node.args[name])
                for word, name in ((">=", "low"), ("<=", "high"))
            )
            return joined("and", (low, high))
        if kind == "In" and {name for name, one in node.args.items() if one} == _LISTED:
            return self._one_of(node.this, [self.node(one) for one in node.expressions])
        if kind in ("NullSafeEQ", "NullSafeNEQ"):
            parts = aligned([self.node(node.this), self.node(node.expression)])
            same = Node("same", tuple(sorted(parts, key=repr)), "bool")
            return negated(same) if kind == "NullSafeNEQ" else same
        if kind == "Is":
            test = Node("is", (self.node(node.this), self.node(node.expression)), "bool")
            return negated(test) if node.args.get("negate") else test
        if kind in _PATTERNS:
            parts = texts(aligned([self.node(node.this), self.node(node.expression)]))
            match = Node(kind, (*parts, *self._rest(node, "this", "expression", "negate")), "bool")
            return negated(match) if node.args.get("negate") else match
        return None

    def _comparison(self, word: str, node: exp.Expr) -> Node:
        right = node.expression
        kind = type(right).__name__
        every = kind == "Anonymous" and str(right.this).upper() == "ALL" and right.expressions[0]
        listed = right.this if kind == "Any" else every
        if not listed or (word, bool(every)) not in (("=", False), ("<>", True)):
            return self._compared(word, node.this, right)
        array = self.node(listed)
        if array.kind == "const":
            array = array_of(array, self.node(node.this).type or UNKNOWN)
        if array.kind != "array":
            element = array.type.removesuffix("[]") if array.type.endswith("[]") else ""
            left = cast(self.node(node.this), element) if element else self.node(node.this)
            return Node(f"{word} {'all' if every else 'any'}", (left, array), "bool")
        test = self._one_of(node.this, array.nodes)
        return negated(test) if every else test

    def _compared(self, word: str, left: exp.Expr, right: exp.Expr) -> Node:
        parts = [trimmed(one) for one in aligned([self.node(left), self.node(right)])]
        return compared(word, *parts)

    def _one_of(self, left: exp.Expr, values: Sequence[Node]) -> Node:
        parts = aligned([self.node(left), *values], listed=len(values) > 1)
        first, *others = map(trimmed, parts)
        return one_of(first, others)

    def _leaf(self, kind: str, node: exp.Expr) -> Node | None:
        if kind == "Column":
            name = name_of(node.this)
            if name == "user" and not node.this.args.get("quoted"):
                return Node("CurrentUser", (), "name")
            return Node("column", (name,), type_name(self._types.get(name, "")))
        if kind == "Literal":
            return const(UNKNOWN, node.this) if node.is_string else number(node.this)
        if kind == "ByteString":  # E'...', whose escapes sqlglot has resolved
            return const(UNKNOWN, node.this)
        if kind == "Boolean":
            return const("bool", "true" if node.this else "false")
        if kind == "Null":
            return const("null", "")
        if kind == "Neg":
            inner = self.node(node.this)
            if inner.kind == "const" and inner.parts[0] in ("int", "numeric"):
                text = str(inner.parts[1])
                return const(inner.type, text[1:] if text.startswith("-") else f"-{text}")
            return Node("neg", (inner,), inner.type)
        if kind == "Cast":
            return self._casted(node)
        return None

    def _casted(self, node: exp.Expr) -> Node:
        to: exp.Expr = node.args["to"]
        if type(to).__name__ != "DataType":
            return cast(self.node(node.this), base_name(str(to.this)))
        named, limits = type_of(to)
        if named.endswith("[]"):
            return array_of(self.node(node.this), named.removesuffix("[]"))
        inner = cast(self.node(node.this), type_name(named))
        return Node("cast", (inner, f"{named}({limits})"), inner.type) if limits else inner

    def _other(self, kind: str, node: exp.Expr) -> Node:
        if kind in _SUMS or kind == "DPipe":
            parts = aligned([self.node(node.this), self.node(node.expression)])
            type_ = widest({one.type for one in parts})
            return Node(kind, tuple(parts), type_ if type_ in (*NUMBERS, "text") else "")
        if kind == "Array" and not node.args.get("bracket_notation"):
            parts = aligned([self.node(one) for one in node.expressions], exactly=True)
            if all(one.type == UNKNOWN for one in parts):
                parts = texts(parts)
            return Node("array", tuple(parts), f"{widest({one.type for one in parts})}[]")
        if kind == "Collate":
            inner = texts([self.node(node.this)])[0]
            return Node("collate", (inner, name_of(node.expression)), inner.type)
        if kind in ("Coalesce", "Greatest", "Least", "Nullif", "Abs", "IntDiv"):
            given = [node.this, *node.expressions, node.args.get("expression")]
            parts = [self.node(one) for one in given if one is not None]
            parts = aligned(parts, exactly=kind != "Nullif")
            type_ = "numeric" if kind == "IntDiv" else widest({one.type for one in parts})
            return Node(kind, tuple(parts), type_)
        if kind == "Case":
            return self._case(node)
        if kind == "Subquery" and (only := _only(node)) is not None:
            found = self.node(only)
            return Node("select", (found,), found.type)
        if kind == "Dot" and type(node.expression).__name__ == "Anonymous":
            called = self.node(node.expression)
            schema = name_of(node.this)
            return (
                called if schema == "pg_catalog" else Node(f"{schema}.{called.kind}", called.parts)
            )
        if kind == "Anonymous":
            return self._function(node)
        return self._call(kind, node)

    def _call(self, kind: str, node: exp.Expr) -> Node:
        known = kind in _CALLED
        parts = self._rest(node)
        if kind == "Kwarg" and str(node.this.this).lower() == "secs":
            parts = (cast(self.node(node.expression), "float8"),)
        if kind == "Interval":
            unit = node.args.get("unit")
            text = f"{node.this.this} {'' if unit is None else str(unit.this).lower()}"
            return const("?interval", text.strip())
        if known:
            parts = tuple(as_text(one) if isinstance(one, Node) else one for one in parts)
        if kind.startswith("JSON") and "expression" in node.args:
            first, second = self.node(node.this), self._argument(node.expression)
            second = array_of(second, "text") if kind in _PATHS else as_text(second)
            return Node(kind, (first, second), _CALLED.get(kind) or first.type)
        if kind.startswith("Array") and known and kind != "ArraySize":
            return Node(
                kind, tuple(aligned([self.node(node.this), self.node(node.expression)])), "bool"
            )
        if kind == "Extract":
            type_ = "numeric" if type(node.this).__name__ == "Var" else "float8"
            return Node(kind, parts, type_)
        return Node(kind if known else f"?{kind}", parts, _CALLED.get(kind, ""))

    def _function(self, node: exp.Expr) -> Node:
        name = str(node.this) if node.args.get("quoted") else str(node.this).lower()
        parts = [as_text(self.node(one)) for one in node.expressions]
        if name == "pg_has_role":
            parts = [as_text(one, "name") for one in parts]
        return Node(f"{name}()", tuple(parts), _NAMED.get(name, ""))

    def _case(self, node: exp.Expr) -> Node:
        tests = [self.node(one.this) for one in node.args["ifs"]]
        results = [self.node(one.args["true"]) for one in node.args["ifs"]]
        last = node.args.get("default")
        results += [self.node(last) if last else const("null", "")]
        results = aligned(results, exactly=True)
        of = [] if node.this is None else [self.node(node.this)]
        type_ = widest({one.type for one in results if one.type != "null"})
        return Node("case" if not of else "case of", (*of, *tests, *results), type_)

    def _rest(self, node: exp.Expr, *used: str) -> tuple[Node | str, ...]:
        """Return every other argument of a node, so that none is overlooked."""
        found: list[Node | str] = []
        for name, value in sorted(node.args.items()):
            if name in used or not value or (name, value) in _SAME:
                continue
            found.append(name)
            for one in value if isinstance(value, list) else [value]:
                plain = isinstance(one, str | bool | int)
                found.append(str(one) if plain else self._argument(one))
        return tuple(found)

    def _argument(self, node: exp.Expr) -> Node:
        kind = type(node).__name__
        if kind == "Var":
            return const("var", str(node.this).lower())
        if kind == "JSONPath":
            key = node.expressions[1:]
            if [type(one).__name__ for one in key] == ["JSONPathKey"] and isinstance(
                key[0].this, str
            ):
                return const(UNKNOWN, key[0].this)
            return Node("?JSONPath", (node.sql(dialect="postgres"),))
        return self.node(node)


_PATHS: Final = ("JSONBExtract", "JSONBExtractScalar", "JSONBContainsAnyTopKeys")
_LISTED: Final = {"this", "expressions"}
# Arguments that sqlglot adds, or that are Postgres's only choice.
_SAME: Final = [
    *((name, True) for name in ("only_json_types", "safe", "coalesce", "single_replace")),
    ("position", "BOTH"),
]


def _only(node: exp.Expr) -> exp.Expr | None:
    """Return the expression of `(select expression)`, which reads no table."""
    select = node.this
    given = {name for name, one in select.args.items() if one}
    if type(select).__name__ != "Select" or given != {"expressions"} or node.args.get("alias"):
        return None
    (found, *more) = select.expressions
    if more:
        return None
    last: exp.Expr = found.this if type(found).__name__ == "Alias" else found
    return last
