"""Limits and defaults that front-ends and the engine share."""

MAX_FILE_BYTES = 1 << 20  # larger files are not indexed
DEFAULT_HITS = 10
DEFAULT_CLUSTERS = 100  # of duplicates
MAX_HITS = 1_000
MAX_QUERY_LENGTH = 10_000  # characters
DEFAULT_TOKENS = 4_000  # of a context
EMBEDDING_TIMEOUT = 1.0  # seconds that a question waits for embeddings, unless the user still types
