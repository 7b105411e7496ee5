"""Write ablo_pg/client/sync from the async client: `python .ci/sync_twin.py`.

Run it after each change of the async client. A twin's method sends the same call to the portal;
signature, types and docstring are those of the async method. What blocks differently is written by
hand in the twin's base class (by_hand.py) and skipped here.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final, TypeAlias

Method: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

ROOT: Final = Path(__file__).parents[1]
CLIENT: Final = "ablo_pg.client"
SYNC: Final = f"{CLIENT}.sync"
# file of the twins -> (module of the async class, the class, module and name of its twin's base)
FILES: Final = {
    "client": [("async_client", "AsyncAblo", "client_by_hand", "BlockingClient")],
    "access": [("rows.access", "AccessClient", "by_hand", "Twin[AccessClient]")],
    "models": [("rows.models", "ModelClient", "by_hand", "BlockingModel[RowT, NewT, ChangesT]")],
    "claim": [("claims.handle", "Claim", "by_hand", "BlockingClaim[RowT]")],
    "claims": [("claims.claims", "ModelClaims", "claims_by_hand", "BlockingClaims[RowT]")],
    "presence": [("claims.presence", "PresenceClient", "by_hand", "Twin[PresenceClient]")],
    "queued": [("local.queued", "Pending", "by_hand", "BlockingPending")],
    "sessions": [("sessions", "Sessions", "by_hand", "Twin[Sessions]")],
    "tracks": [
        ("rows.tracks", "Tracks", "by_hand", "Twin[Tracks]"),
        ("rows.tracks", "ModelTracks", "by_hand", "Twin[ModelTracks]"),
    ],
}
# async class -> the module of its twin
TWINS: Final = {
    **{name: f"{SYNC}.{file}" for file, classes in FILES.items() for _, name, *_ in classes},
    **dict.fromkeys(("Commits", "LostEvent"), f"{SYNC}.by_hand"),
    **dict.fromkeys(("Subscription", "ChangeHandle"), f"{SYNC}.subscriptions"),
    **dict.fromkeys(("Live", "LiveAggregate"), f"{SYNC}.live"),
}
SPELLINGS: Final = [
    (r"\basync (with|for)\b", r"\1"),
    (r"\ban async (context|iterator)", r"a \1"),
    (r"\bawait ", ""),
    (r"\bAsyncAblo\b", "Ablo"),
    (rf"\b({'|'.join(sorted(TWINS.keys() - {'AsyncAblo'}))})\b", r"Sync\1"),
]
FILE: Final = '''"""The sync twins of `{modules}`. Written by .ci/sync_twin.py, do not edit."""

from __future__ import annotations

{imports}

{body}
'''


def spelled(text: str) -> str:
    """A docstring, a name or an annotation as the sync client has it."""
    for pattern, replacement in SPELLINGS:
        text = re.sub(pattern, replacement, text)
    return text


def annotation(node: ast.expr) -> ast.expr:
    """The type of the twin's parameter or result."""
    return ast.parse(spelled(ast.unparse(node)), mode="eval").body


def module(name: str) -> ast.Module:
    """The syntax tree of a module of the package."""
    return ast.parse((ROOT / name.replace(".", "/")).with_suffix(".py").read_text())


def class_in(tree: ast.Module, name: str) -> ast.ClassDef:
    """The class of this name."""
    return next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)


def parts(where: str, name: str) -> Iterator[tuple[str, ast.ClassDef]]:
    """The class and those of the client that it extends, these first; each with its module."""
    tree = module(f"{CLIENT}.{where}")
    cls = class_in(tree, name)
    bases = {ast.unparse(each).partition("[")[0] for each in cls.bases}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{CLIENT}."):
            for each in node.names:
                if each.name in bases:
                    yield from parts((node.module or "").removeprefix(f"{CLIENT}."), each.name)
    yield where, cls


def docstring(node: Method | ast.ClassDef) -> ast.stmt:
    """Its docstring, spelled for the twin."""
    return ast.Expr(ast.Constant(spelled(ast.get_docstring(node, clean=False) or "")))


def call(method: Method) -> str:
    """The expression that sends the call to the async object, or asks it at once."""
    inner = "self._inner" if method.name == "__call__" else f"self._inner.{method.name}"
    given = method.args
    passed = [each.arg for each in given.args[1:]]
    passed += [f"{each.arg}={each.arg}" for each in given.kwonlyargs]
    passed += [] if given.kwarg is None else [f"**{given.kwarg.arg}"]
    if isinstance(method, ast.AsyncFunctionDef):
        work = f"partial({', '.join([inner, *passed])})" if passed else inner
        return f"self._portal.call({work})"
    return inner if method.decorator_list else f"{inner}({', '.join(passed)})"


def twin_method(method: Method) -> ast.FunctionDef:
    """One method of a twin."""
    assert method.returns is not None
    returns = annotation(method.returns)
    made, _, optional = ast.unparse(returns).partition(" | ")
    made, value = made.partition("[")[0], call(method)
    if made.startswith("Sync"):  # what it returns has a twin, too
        body = f"return {made}(self._portal, {value})"
        if optional:
            body = f"found = {value}\nreturn None if found is None else {made}(self._portal, found)"
    else:
        body = value if made == "None" else f"return {value}"
    told = [docstring(method)]
    if any(ast.unparse(each) == "overload" for each in method.decorator_list):
        told, body = [], "..."
    args = method.args
    for each in (*args.args, *args.kwonlyargs, *filter(None, (args.kwarg,))):
        each.annotation = each.annotation and annotation(each.annotation)
    return ast.FunctionDef(
        name=method.name,
        args=args,
        body=[*told, *ast.parse(body).body],
        decorator_list=method.decorator_list,
        returns=returns,
        type_params=[],
    )


def twin_class(where: str, name: str, hand: str, base: str) -> ast.ClassDef:
    """The twin of one class."""
    *bases, (_, cls) = parts(where, name)
    by_hand = class_in(module(f"{SYNC}.{hand}"), base.partition("[")[0])
    skipped = {node.name for node in by_hand.body if isinstance(node, ast.FunctionDef)}
    methods = [
        twin_method(node)
        for node in chain(*(base.body for _, base in bases), cls.body)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (not node.name.startswith("_") or node.name == "__call__")
        and node.name not in skipped
    ]
    written = [ast.parse(base, mode="eval").body]
    return ast.ClassDef(
        spelled(name), written, keywords=[], body=[docstring(cls), *methods], decorator_list=[],
        type_params=[],
    )  # fmt: skip


def imports(body: str, classes: list[tuple[str, str, str, str]]) -> str:
    """An import of each name that may be used; ruff drops those that are not."""
    used = set(re.findall(r"\w+", body))
    own = set(re.findall(r"^class (\w+)", body, re.MULTILINE))
    lines = ["from functools import partial"]
    lines += [f"from {where} import {spelled(name)}" for name, where in TWINS.items()]
    for where, name, hand, base in classes:
        lines.append(f"from {SYNC}.{hand} import {base.partition('[')[0]}")
        lines.append(f"from {CLIENT}.{where} import {name}")
        for place, _ in parts(where, name):
            for node in module(f"{CLIENT}.{place}").body:
                targets = getattr(node, "targets", [getattr(node, "target", node)])
                names = {getattr(each, "id", getattr(each, "name", None)) for each in targets}
                lines += [f"from {CLIENT}.{place} import {name}" for name in names & used]
                if isinstance(node, ast.ImportFrom | ast.Import):
                    lines.append(ast.unparse(node))
    kept = [line for line in lines if "__future__" not in line and line.split()[-1] not in own]
    return "\n".join(dict.fromkeys(kept))


def ruff(text: str, *arguments: str) -> str:
    """The text as ruff leaves it."""
    command = [sys.executable, "-m", "ruff", *arguments, "--quiet", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout


def generate() -> dict[Path, str]:
    """The text of every generated file."""
    made = {}
    for file, classes in FILES.items():
        modules = list(dict.fromkeys(where for where, *_ in classes))
        twins = [ast.fix_missing_locations(twin_class(*each)) for each in classes]
        body = "\n\n\n".join(map(ast.unparse, twins))
        text = FILE.format(
            modules="`, `".join(modules),
            imports=imports(body, classes),
            body=body,
        )
        fixed = ruff(text, "check", "--fix-only", "--select", "I,F401,F811,UP")
        made[ROOT / SYNC.replace(".", "/") / f"{file}.py"] = ruff(fixed, "format")
    return made


if __name__ == "__main__":
    for path, text in generate().items():
        path.write_text(text)
