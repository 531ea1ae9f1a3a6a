"""Split identifiers into the words that they consist of."""

import re

_WORD = re.compile(r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_CAMEL_CASE = re.compile(r"(?<![A-Za-z0-9])(?:[A-Z]*[a-z0-9]+[A-Z]|[A-Z]{2,}[a-z])[A-Za-z0-9]*")


def split(name: str) -> list[str]:
    """Return the words of an identifier: `parseHTTPHeader_v2` → parse, HTTP, Header, v, 2."""
    return _WORD.findall(name)


def spans(name: str) -> list[tuple[int, int]]:
    """Return where the words of an identifier start and end."""
    return [match.span() for match in _WORD.finditer(name)]


def prefixes(query: str) -> list[str]:
    """Return the prefixes with which the words of a matching identifier start, in order.

    `PHH`, `pHH` and `paHTTPHe` are queries for parseHTTPHeader. If the last word is in upper case, each of
    its letters is a separate prefix.
    """
    words = split(query)
    if words and words[-1].isupper():
        return [*words[:-1], *words[-1]]
    return words


def split_camel_case(text: str) -> str:
    """Return the words of all camel-case identifiers in a text, separated by spaces.

    The tokenizer of FTS5 already splits identifiers at underscores.
    """
    return " ".join(word for name in _CAMEL_CASE.findall(text) for word in split(name))
