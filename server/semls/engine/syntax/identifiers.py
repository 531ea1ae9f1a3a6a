"""Identifiers → the words that they are made of."""

import re

_HUMP = re.compile(r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_CAMEL = re.compile(r"(?<![A-Za-z0-9])(?:[A-Z]*[a-z0-9]+[A-Z]|[A-Z]{2,}[a-z])[A-Za-z0-9]*")


def split(name: str) -> list[str]:
    """`parseHTTPHeader_v2` → parse, HTTP, Header, v, 2."""
    return _HUMP.findall(name)


def prefixes(typed: str) -> list[str]:
    """What each part of a name has to begin with: `PHH`, `pHH` and `paHTTPHe` stand for parseHTTPHeader."""
    parts = split(typed)
    return [*parts[:-1], *parts[-1]] if parts and parts[-1].isupper() else parts


def split_camel_case(text: str) -> str:
    """The parts of every camel-case identifier in a text; FTS5 itself splits at underscores."""
    return " ".join(part for name in _CAMEL.findall(text) for part in split(name))
