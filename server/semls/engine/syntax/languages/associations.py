"""The user's setting `languages`: patterns of files, and the languages of the files that match them."""

import json
import re
from collections.abc import Mapping

from semls.decoding import normalize
from semls.engine.syntax import languages
from semls.engine.syntax.languages import Language
from semls.errors import UsageError
from semls.globs import translate_path_filter

_WILDCARD = re.compile(r"[*?]")
_PLACE = " in the setting 'languages'"


class Associations:
    """Maps files to languages by patterns: the one with the most characters except wildcards decides.

    Raises UsageError for a language or a pattern that is invalid.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        rules = sorted(names.items(), key=lambda item: (-len(_WILDCARD.sub("", item[0])), item))
        self.key = json.dumps(rules)  # equal for equal associations
        self._rules = [(_compile(pattern), languages.require(name, _PLACE)) for pattern, name in rules]

    def __bool__(self) -> bool:
        """Return whether there is any pattern."""
        return bool(self._rules)

    def find(self, path: str) -> Language | None:
        """Return the language that the setting gives a file, or None."""
        path = normalize(path) if self._rules else path
        return next((language for pattern, language in self._rules if pattern.match(path)), None)

    def detect(self, path: str, content: bytes) -> Language:
        """Return the language of a file: by the setting, or else by its name and content."""
        return self.find(path) or languages.detect(path, content)


def _compile(pattern: str) -> re.Pattern[str]:
    regex = translate_path_filter(normalize(pattern))
    if not regex:
        raise UsageError("A pattern in the setting 'languages' is empty. Examples: *.inc, templates/*.txt.")
    return re.compile(regex, re.IGNORECASE)
