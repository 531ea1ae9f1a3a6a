"""The values of filters, which front-ends complete."""

from semls.engine.syntax import languages
from semls.engine.syntax.chunker import KINDS as _KINDS

LANGUAGES = languages.NAMES
KINDS = tuple(kind.lower() for kind in _KINDS)
