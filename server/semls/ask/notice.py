"""What the user should know about an answer although nothing failed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Notice:
    """A sentence for the user, which is no part of the answer."""

    text: str
