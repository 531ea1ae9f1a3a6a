"""Loads the files that a context is packed from. Runs in the executor."""

from collections.abc import Sequence
from pathlib import Path

from semls.engine.files import scan
from semls.engine.files.digest import digest
from semls.engine.search.context import Document
from semls.engine.storage.catalog import Catalog


def load_documents(root: Path, catalog: Catalog, paths: Sequence[str]) -> dict[str, Document]:
    """Return files with their content and chunks, by path, without those that have changed since indexing.

    Raises StoreError.
    """
    documents = {}
    for path, file in catalog.files(paths).items():
        content = scan.read_file(root, path)
        if isinstance(content, bytes) and digest(content) == file.digest:
            documents[path] = Document(root, path, file.language, content, catalog.entries_of_file(path))
    return documents
