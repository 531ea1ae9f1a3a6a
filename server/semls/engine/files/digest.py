"""The digest that tells whether the content of a file has changed."""

import hashlib


def digest(content: bytes) -> str:
    """Return the BLAKE2b digest of a file's content: 128 bits in hexadecimal."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()
