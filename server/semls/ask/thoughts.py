"""Removes what a reasoning model thinks before it answers."""

_START, _END = "<think>", "</think>"


class ThoughtFilter:
    """Removes the `<think>…</think>` blocks with which an answer begins.

    Later ones are kept: they are part of an answer about code that has such tags.
    """

    def __init__(self) -> None:
        self._pending = ""
        self._has_begun = False

    def feed(self, part: str) -> str:
        """Return what the next part of the model's output adds to the answer."""
        self._pending += part
        while not self._has_begun:
            self._pending = self._pending.lstrip()
            if len(self._pending) < len(_START) and _START.startswith(self._pending):
                return ""
            self._has_begun = not self._pending.startswith(_START)
            if not self._has_begun and not self._skip_thought():
                return ""
        return self._take()

    def end(self) -> str:
        """Return the rest of the answer: an incomplete tag, but no incomplete thought."""
        return "" if self._pending.startswith(_START) and not self._has_begun else self._take()

    def _skip_thought(self) -> bool:
        """Remove the thought at the start of what is pending. Return whether it has ended."""
        _, end, rest = self._pending.partition(_END)
        self._pending = rest if end else _START + self._pending[len(_START) :][-len(_END) :]
        return bool(end)

    def _take(self) -> str:
        taken, self._pending = self._pending, ""
        return taken
