"""The recurring statements, as frozen values with a `.sql()`: functions and guarded changes.

A second run of a script must change nothing in the catalogue and should take no strong lock on a
live table. Objects with `create or replace` use it; the rest (policies, triggers, constraints) is
in a DO block that checks first, and has a digest of its definition in its comment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from ablo_pg.compile.names import dollar, indent

# pg_temp is searched FIRST for tables and types unless it is listed: with '' any user who may
# create a temporary type called "text" would run code as the owner of a security definer function.
# https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY
_PINNED: Final = "search_path = pg_catalog, pg_temp"
# Settings that a model's function, an entry point for writers of plain SQL, must not take from its
# caller's session. As in `sql/90_grants/settings.sql` for the kernel; here only what the function
# depends on, since each costs half a microsecond per row.
Setting = Literal["timezone", "datestyle", "extra_float_digits", "row_security"]
_SETTINGS: Final[dict[Setting, str]] = {
    "timezone": "timezone = 'UTC'",
    "datestyle": "datestyle = 'ISO, MDY'",
    "extra_float_digits": "extra_float_digits = 1",
    "row_security": "row_security = on",
}


@dataclass(frozen=True, slots=True)
class Function:
    """A function in schema ablo_model. `name` is quoted, with its schema; `args` as declared.

    pinned: with its own search_path. Without it a function can be inlined, and a call saves a
    microsecond: for functions that only the owner may call, from pinned routines. grant: also
    callable by the runtime role; never without one of the two.
    """

    name: str
    args: Sequence[str]
    returns: str
    body: str
    language: Literal["sql", "plpgsql"] = "plpgsql"
    volatility: Literal["immutable", "stable", "volatile"] = "volatile"
    security: Literal["invoker", "definer"] = "invoker"
    settings: Sequence[Setting] = ()
    pinned: bool = True
    grant: bool = False
    signature: str = field(default="", kw_only=True)

    def sql(self) -> tuple[str, ...]:
        """Return create, owner, revoke (and grant) as statements of their own."""
        types = self.signature or f"({', '.join(arg.split(' ', 1)[1] for arg in self.args)})"
        settings = (
            *([_PINNED] if self.pinned else []),
            *(_SETTINGS[name] for name in self.settings),
        )
        head = [
            f"create or replace function {self.name}({', '.join(self.args)})",
            f"  returns {self.returns}",
            f"  language {self.language} {self.volatility} security {self.security}",
            *(f"  set {setting}" for setting in settings),
        ]
        made = "\n".join([*head, f"as {dollar(chr(10) + self.body + chr(10))};"])
        target = f"function {self.name}{types}"
        tail = [
            f"alter {target} owner to ablo_owner;",
            f"revoke all on {target} from public;",
        ]
        if self.grant:
            tail.append(f"grant execute on {target} to ablo_runtime;")
        return (made, *tail)


@dataclass(frozen=True, slots=True)
class Guarded:
    """Statements that run only while a condition over the catalogue holds."""

    condition: str
    statements: Sequence[str]

    def block(self) -> str:
        """Return the `if ... end if;` of it."""
        body = "\n".join(self.statements)
        return f"if {self.condition} then\n{indent(body)}\nend if;"


def do_block(*parts: Guarded | str, declare: str = "") -> str:
    """Write one DO statement out of guarded changes."""
    declared = f"declare\n  {declare}\n" if declare else ""
    body = "\n".join(part if isinstance(part, str) else part.block() for part in parts)
    return f"do {dollar(f'{chr(10)}{declared}begin{chr(10)}{indent(body)}{chr(10)}end{chr(10)}')};"
