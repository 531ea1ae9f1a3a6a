"""Separate the name of a definition from its containers, type arguments and quotes."""

import re
from collections.abc import Iterable
from typing import NamedTuple

_QUOTES = "\"'`"
# Quoted texts, brackets of type arguments, and the separators of a qualified name
_TOKEN = re.compile(r"\"[^\"\n]*\"|`[^`\n]*`|[<>\[\]]|::|[.:\\]")
# A function that overloads an operator in C++: `operator()`, `Cart::operator std::string() const`
_OPERATOR = re.compile(r"(?:(.*?)::)?\s*(operator(?![\w.:\\])\s*(?:\(\s*\)|[^(]*))", re.DOTALL)
_SPACE_BEFORE_SYMBOL = re.compile(r"(?<=^operator) (?!\w)")


class QualifiedName(NamedTuple):
    """A name with its containers, joined by dots, and the offsets of the name in the text."""

    container: str
    name: str
    start: int
    end: int


def split_qualified(text: str) -> QualifiedName:
    """Split a qualified name: `ns::Cart<T>::add`, `Cart[T].Add`, `"shop"."orders"`, `Cart::operator int`."""
    operator = _OPERATOR.match(text)
    if operator:
        start, end = operator.start(2), operator.start(2) + len(operator[2].rstrip())
        name = _SPACE_BEFORE_SYMBOL.sub("", " ".join(text[start:end].split()))
        return QualifiedName(without_type_arguments(operator[1] or ""), name, start, end)
    *containers, (start, end) = _parts(text)
    return QualifiedName(_join(text, containers), text[start:end], start, end)


def without_type_arguments(text: str) -> str:
    """Return a qualified name without type arguments and quotes, joined by dots."""
    return _join(text, _parts(text))


def without_quotes(name: str) -> str:
    """Remove the quotes around a name, but not those at its end only: x' is a name."""
    return name.strip(_QUOTES) if name.startswith(tuple(_QUOTES)) else name


def _parts(text: str) -> list[tuple[int, int]]:
    """Return the offsets of the parts of a qualified name."""
    parts = []
    start, end, depth = 0, -1, 0  # of the current part; the end is known once type arguments begin
    for token in _TOKEN.finditer(text):
        symbol = token[0]
        if symbol in "<[":
            end = token.start() if not depth and end < 0 else end
            depth += 1
        elif symbol in ">]":
            depth = max(depth - 1, 0)
        elif not depth and not symbol.startswith(("'", '"', "`")):
            parts.append((start, end if end >= 0 else token.start()))
            start, end = token.end(), -1
    parts.append((start, end if end >= 0 else len(text)))
    return [_strip(text, *part) for part in parts]


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the offsets of a part without the marks of a pointer and without quotes."""
    part = text[start:end].strip()
    start = text.index(part, start) if part else start
    bare = without_quotes(part.lstrip("*&"))
    start += part.index(bare)
    return start, start + len(bare)


def _join(text: str, parts: Iterable[tuple[int, int]]) -> str:
    return ".".join(text[start:end] for start, end in parts if start < end)
