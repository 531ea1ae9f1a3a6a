"""Recognise files that questions seldom ask for: tests, examples, documentation, copies, generated code."""

import re
from functools import lru_cache

_CACHE_SIZE = 1 << 14

# Patterns that match from the start of a path.
TESTS = (
    r"(?:.*/)?(?:(?:tests?|testing|specs?|__tests__|__mocks__|mocks?|fixtures?|testdata|e2e)/"
    r"|(?:test_[^/]*|conftest|[^/]*(?:_test|_spec|\.test|\.spec|Tests?|Spec))\.\w+$)"
)
_OTHERS = (
    r"(?:.*/)?(?:(?:examples?|samples?|demos?|bench(?:es|marks?)?|docs?|docs?_\w+|tutorials?|website|playgrounds?"
    r"|vendor|vendored|third[_-]?party|external|node_modules"
    r"|bower_components|wwwroot/lib|dist|bundled?|build/static|priv/static|public/(?:assets|build|packs)"
    r"|generated|__generated__|amalgamat(?:ed|ion)|single[_-]?(?:include|header)s?)/"
    r"|[^/]*(?:[_.-]bench(?:mark)?|_pb2(?:_grpc)?|\.pb|\.g|\.gen|[._-]generated)\.\w+$"
    r"|[^/]*\.(?:bundle|umd|cjs|esm|iife|global)\.[cm]?js$)"
)
_AUXILIARY = re.compile(f"{TESTS}|{_OTHERS}")


@lru_cache(_CACHE_SIZE)
def is_auxiliary(path: str) -> bool:
    """Return whether a path is that of such a file."""
    return bool(_AUXILIARY.match(path))
