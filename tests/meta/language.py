"""Phrases that read as translated, and the text of ours in which people would meet them."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

BETTER: Final = {
    r"who(?:m|se)?ever": "name the actor: the client, the holder, any login",
    r"(?:no|some)body(?:'s)?": "name the actor: no client, another session, Postgres",
    r"(?<!there )(?:is|are|was|were) none(?! of)": "say what it is: malformed, not a number",
    r"(?<!there )(?:is|are|was|were) no(?= (?!longer|more|less|later|larger|better)\w)": "is not a",
    r"where there (?:is|are) no(?:ne)?": "if there is no",
    r"anew": "again",
    r"wait(?:-| )lines?": "wait queue",
    r"(?:waits?|waiting|places?|stays?|next|is|are) in (?:the )?line(?! \d)": "in the queue",
    r"cuts? loose": "disconnected",
    r"(?:is|are|was|were|be|been) (?:told|heard)": "name the actor: reports, returns, notifies",
    r"by (?:it|them)sel(?:f|ves)": "automatically, on its own",
    r"beside": "while, next to, in addition to",
    r"no more(?=[.,;:)]|$)": "no longer",
    r"may (?:never )?more": "has more rights",
    r"puts? up with": "accepts",
    r"of another make": "existing",
    r"hangs? together": "relate",
    r"to be had": "available",
    r"all the same": "anyway",
    r"go(?:es)? before": "takes precedence over",
    r"hears? of": "receives",
    r"(?:not|cannot) be meant": "is invalid",
    r"(?:one|\d+) a (?:commit|page|key|socket|participant|row|model|line|change)": "per",
    r"doors?": "interface",
    r"chores?": "maintenance",
    r"gulps?": "batch",
    r"wish(?:es)?": "request",
    r"(?:the|a|its|no|one) (?:bells?|stations?|boards?)": "wake-up, connector, registry",
    r"(?:the|its|no|of|with|other|for) news": "notifications",
}


def _phrase(pattern: str) -> re.Pattern[str]:
    """Compile what stands between words, on one line or two."""
    return re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])".replace(" ", r"[ \n]"), re.I | re.M)


_RULES: Final = [(_phrase(pattern), better) for pattern, better in BETTER.items()]
_ANY: Final = _phrase("|".join(BETTER))  # looks once at each word, not once for each rule
_BREAK: Final = re.compile(r"[ \t]*\n[ \t]*(?:#+|--|//|\*)?[ \t]*")
_CODE: Final = re.compile(r"`[^`\n]*`|\bNone\b|https?://\S+|\]\([^)\s]*\)")
_MARKUP: Final = {".html", ".js", ".css"}


class Finding(NamedTuple):
    """A phrase to replace: its line, what stands there, what to write."""

    line: int
    phrase: str
    better: str


def findings(path: Path) -> Iterator[Finding]:
    """What to replace in a file; in a Python file, in its docstrings, comments and messages."""
    text = path.read_text(encoding="utf-8")
    for line, piece in pieces(text) if path.suffix == ".py" else [(1, text)]:
        plain = _BREAK.sub("\n", piece)
        if path.suffix not in _MARKUP:
            plain = _CODE.sub("``", plain)
        for pattern, better in _RULES if _ANY.search(plain) else []:
            for found in pattern.finditer(plain):
                phrase = found[0].replace("\n", " ")
                yield Finding(line + plain.count("\n", 0, found.start()), phrase, better)


def pieces(source: str) -> Iterator[tuple[int, str]]:
    """Every string of several words and every comment, with the line on which it begins."""
    nodes = list(ast.walk(ast.parse(source)))
    within = {part for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "x" for part in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and node not in within:
            text = node.value if isinstance(node.value, str) else ""
            yield node.lineno, text if " " in text else ""
    comments: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if comments and token.start[0] != comments[-1].start[0] + 1:
                yield joined(comments)
                comments = []
            comments.append(token)
    if comments:
        yield joined(comments)


def joined(comments: list[tokenize.TokenInfo]) -> tuple[int, str]:
    """Comments of consecutive lines as one text: a phrase may go over their ends."""
    return comments[0].start[0], "\n".join(comment.string for comment in comments)
