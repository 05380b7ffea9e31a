"""ODL, the text in which HDF-EOS keeps its metadata: a small parser.

Object Description Language as used by `StructMetadata.N`, `CoreMetadata.N` and
`.met` files: nested GROUP and OBJECT blocks of `key = value`, where a value is a
word, a number, a quoted string or a parenthesised list; `END` ends the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from srdanet.errors import GranuleError

Value = str | int | float | list["Value"]

_TOKEN = re.compile(
    r"""\s+ | /\*.*?\*/                     # space, comment
      | (?P<endless>/\*)                    # one without an end, which is looked for once
      | (?P<text>"[^"]*")                   # quoted text, may span lines
      | (?P<mark>[=(),])
      | (?P<word>[^\s=(),"]+)""",
    re.VERBOSE | re.DOTALL,
)
_OPEN, _CLOSE = ("GROUP", "OBJECT"), ("END_GROUP", "END_OBJECT")


@dataclass
class Block:
    """A GROUP or OBJECT: its own values and the blocks inside it, in the order of the text."""

    name: str
    values: dict[str, Value] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)

    def walk(self) -> Iterator[Block]:
        """This block and all inside it."""
        todo = [self]
        while todo:
            block = todo.pop()
            yield block
            todo.extend(reversed(block.blocks))

    def find(self, name: str) -> Block | None:
        """The first block of that name, here or inside."""
        return next((block for block in self.walk() if block.name == name), None)

    def value(self, name: str) -> Value | None:
        """The VALUE of the first object of that name (the form of ECS inventory metadata)."""
        found = self.find(name)
        return None if found is None else found.values.get("VALUE")


def parse(text: str, where: object = None) -> Block:
    """Parse an ODL text.

    Args:
        text: The text; what follows `END` or a NUL character is ignored.
        where: What to name in errors (a file).

    Returns:
        A block without a name that holds the top level.

    Raises:
        GranuleError: when the text is not ODL or ends inside a block.
    """
    tokens = _Tokens(text.partition("\0")[0], where)
    root = Block("")
    stack = [root]
    while (key := tokens.next()) not in ("END", None):
        assert key is not None
        if key in _CLOSE:
            if len(stack) < 2 or (tokens.skip("=") and tokens.next() != stack[-1].name):
                raise tokens.error(f"{key} closes a block that is not open")
            stack.pop()
            continue
        if not tokens.skip("="):
            raise tokens.error(f"no value after {key[:40]!r}")
        value = _value(tokens)
        if key in _OPEN:
            block = Block(str(value))
            stack[-1].blocks.append(block)
            stack.append(block)
        else:
            stack[-1].values[key] = value
    if len(stack) > 1:
        raise tokens.error(f"the text ends inside {stack[-1].name}")
    return root


def _value(tokens: _Tokens) -> Value:
    """One value; lists may nest a little, as ODL allows."""
    token = tokens.next()
    if token is None or token in ("=", ")", ","):
        raise tokens.error("a value is missing")
    if token != "(":
        return _scalar(token)
    lists: list[list[Value]] = [[]]
    while lists:
        token = tokens.next()
        if token is None or token == "=":
            raise tokens.error("a list is not closed")
        if token == "(":
            lists.append([])
        elif token == ")":
            done = lists.pop()
            if not lists:
                return done
            lists[-1].append(done)
        elif token != ",":
            lists[-1].append(_scalar(token))
    raise tokens.error("a list is not closed")


def _scalar(token: str) -> Value:
    if token.startswith('"'):
        return token[1:-1]
    for kind in (int, float):
        try:
            return kind(token)
        except ValueError:
            continue
    return token


class _Tokens:
    """The tokens of a text, one at a time, with a place for error messages."""

    def __init__(self, text: str, where: object) -> None:
        self.text, self.where, self.at = text, where, 0

    def next(self) -> str | None:
        """The next token, or None at the end."""
        while self.at < len(self.text):
            match = _TOKEN.match(self.text, self.at)
            if match is None or match.lastgroup == "endless":
                raise self.error("an unclosed comment" if match else "an unclosed quotation mark")
            self.at = match.end()
            if match.lastgroup is not None:
                return match.group()
        return None

    def skip(self, token: str) -> bool:
        """Take the next token if it is this one."""
        before = self.at
        if self.next() == token:
            return True
        self.at = before
        return False

    def error(self, what: str) -> GranuleError:
        line = self.text.count("\n", 0, self.at) + 1
        what = f"The metadata text is damaged in line {line}: {what}."
        return GranuleError(what, where=self.where, todo="Download it again.")
