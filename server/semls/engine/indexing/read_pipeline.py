"""The read pipeline: files are opened, chunked and stored in the catalog, batch by batch.

All functions but `chunk_files` and `without_omissions` run in the priority executor and return within about
a tenth of a second, so that no search waits longer for its turn.
"""

import contextlib
import hashlib
import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from semls.decoding import normalize
from semls.engine.files import classify, machine_written, scan
from semls.engine.files.digest import digest
from semls.engine.indexing.language_settings import has_associations
from semls.engine.models.encoder import embedded_text
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import Entry, File
from semls.engine.syntax import languages
from semls.engine.syntax.chunker import Chunk, fingerprint
from semls.engine.syntax.languages.associations import Associations
from semls.engine.syntax.parser_process import ParseResult, ParserProcess
from semls.errors import SemlsError

log = logging.getLogger(__name__)

ScanItem: TypeAlias = scan.Found | scan.Skipped
OpenedFile: TypeAlias = tuple[File, bytes]  # with its content
ChunkedFile: TypeAlias = tuple[File, list[tuple[Entry, str]]]  # with its chunks and their texts

_TASK_SECONDS = 0.1  # that one task should take at most
_MAX_SCANNED = 1000  # items of one batch of a scan
_MAX_BYTES, _MAX_FILES = 300_000, 200  # of one batch of opened files: some tenths of a second of parsing
_CHUNKER_KEY = "cut"  # of metadata in the catalog: fingerprint of the chunker that made the chunks
_INDEXED_KEY = "indexed"  # of metadata in the catalog: not empty when every file has been read once


def open_catalog(directory: Path) -> Catalog:
    """Open the catalog of a workspace. Raises StoreError.

    Invalidates all files if another version of the chunker has read them, and always those that could not
    be read or parsed.
    """
    with contextlib.ExitStack() as stack:
        catalog = Catalog(directory / "index.sqlite")
        stack.callback(catalog.close)
        if catalog.get_metadata(_CHUNKER_KEY) != fingerprint():
            catalog.invalidate_all()
            catalog.set_metadata(_CHUNKER_KEY, fingerprint())
        catalog.invalidate_failures()
        stack.pop_all()  # no error: the catalog stays open
    return catalog


def is_indexed(catalog: Catalog) -> bool:
    """Return whether every file of the workspace has been read or skipped once."""
    return bool(catalog.get_metadata(_INDEXED_KEY))


def mark_indexed(catalog: Catalog) -> None:
    """Note that every file has been read or skipped."""
    if not is_indexed(catalog):
        catalog.set_metadata(_INDEXED_KEY, "yes")


def next_batch(items: Iterator[ScanItem]) -> list[ScanItem]:
    """Return the next items of a scan, as many as one task has time for; [] at the end of the scan."""
    deadline = time.monotonic() + _TASK_SECONDS
    batch = []
    for item in items:
        batch.append(item)
        if time.monotonic() > deadline or len(batch) == _MAX_SCANNED:
            break
    return batch


def has_changed(item: ScanItem, known: File | None) -> bool:
    """Return whether a file differs from what the catalog knows of it, by size, time and skip reason."""
    if known is None:
        return True
    if isinstance(item, scan.Skipped):
        return known.skipped != item.reason
    return (known.size, known.mtime_ns) != (item.size, item.mtime_ns)


def find_changed(
    root: Path, catalog: Catalog, paths: Sequence[str]
) -> tuple[dict[str, File], list[ScanItem], list[str]]:
    """Compare some files with the catalog, and remove from it those that do not exist any more.

    Return what the catalog knew of the files, those that have changed, and the paths of the removed ones.
    """
    known = catalog.files(paths)
    found = {path: scan.stat_file(root, path) for path in paths}
    changed: list[ScanItem] = [
        item for path, item in found.items() if item and has_changed(item, known.get(path))
    ]
    deleted = [path for path, item in found.items() if item is None]
    if deleted:
        catalog.remove(deleted)
    return known, changed, deleted


def open_files(
    root: Path,
    catalog: Catalog,
    associations: Associations,
    known: Mapping[str, File],
    items: Sequence[ScanItem],
) -> tuple[list[OpenedFile], list[ScanItem]]:
    """Open the first of some files. Return those that have to be chunked, and the items of the next batch.

    Files that are skipped, or whose content is as it was, are stored in the catalog at once. If the catalog
    has other associations by now, no file is opened.
    """
    if not has_associations(catalog, associations):
        return [], []
    deadline, size = time.monotonic() + _TASK_SECONDS, 0
    opened, skipped, touched = list[OpenedFile](), list[File](), list[File]()
    rest = iter(items)
    for item in rest:
        file, content = open_file(root, item, associations)
        before = known.get(item.path)
        if file.skipped:
            skipped.append(file)
        elif before and before.digest == file.digest:
            touched.append(file)
        else:
            opened.append((file, content))
            size += len(content)
        if time.monotonic() > deadline or size > _MAX_BYTES or len(opened) == _MAX_FILES:
            break
    _replace(catalog, ((file, []) for file in skipped))
    catalog.touch(touched)
    return opened, list(rest)


def open_file(root: Path, item: ScanItem, associations: Associations) -> OpenedFile:
    """Read one file; its content is empty if it is skipped. An internal error makes it a skipped file."""
    try:
        return _read(root, item, associations)
    except Exception as error:  # noqa: BLE001 - logged
        size, mtime_ns = (0, 0) if isinstance(item, scan.Skipped) else (item.size, item.mtime_ns)
        return _failed(File(item.path, size, mtime_ns), error), b""


def _failed(file: File, error: Exception) -> File:
    """Log an internal error. Return the file with the error as the reason why it is skipped."""
    log.error("Reading %s failed", ascii(file.path), exc_info=error)
    reason = classify.reason_for_internal_error(error)
    return file._replace(skipped=reason, failure=reason)


def _read(root: Path, item: ScanItem, associations: Associations) -> OpenedFile:
    if isinstance(item, scan.Skipped):
        return File(item.path, skipped=item.reason), b""
    content = scan.read_file(root, item.path)
    if isinstance(content, scan.Skipped):
        failure = content.reason if classify.is_os_error(content.reason) else ""
        return File(item.path, item.size, item.mtime_ns, skipped=content.reason, failure=failure), b""
    language = associations.detect(item.path, content)
    file = File(item.path, item.size, item.mtime_ns, digest=digest(content), language=language.name)
    return file, content


def chunk_files(parser: ParserProcess, opened: Sequence[OpenedFile]) -> list[ChunkedFile]:
    """Return files with their chunks. Runs in a separate thread, because parsing may take long.

    Raises EngineError when the parser process does not start.
    """
    files = [without_omissions(file, content) for file, content in opened]
    sources = [
        (content, languages.of_file(file.path, file.language)) for file, content in files if not file.skipped
    ]
    results = iter(parser.chunk_all(sources))
    return [(file, []) if file.skipped else _chunked(file, next(results)) for file, _ in files]


def without_omissions(file: File, content: bytes) -> OpenedFile:
    """Return a file with spaces for what no person wrote; it is skipped if nothing else is left of it.

    Takes up to a second for a file of a megabyte, so it runs in a separate thread, too.
    """
    try:
        omissions = machine_written.find(content, file.language)
        reason = machine_written.reason_to_skip(content, omissions)
        content = machine_written.blank(content, omissions)
    except Exception as error:  # noqa: BLE001 - logged
        return _failed(file, error), b""
    omitted = "" if reason else machine_written.reason_for_part(omissions)
    return file._replace(skipped=reason, omitted=omitted), content


def _chunked(file: File, parsed: ParseResult) -> ChunkedFile:
    try:
        return file._replace(failure=parsed.failure), [_entry(file, chunk) for chunk in parsed.chunks]
    except Exception as error:  # noqa: BLE001 - logged
        return _failed(file, error), []


def store(
    catalog: Catalog, associations: Associations, known: Mapping[str, File], files: Sequence[ChunkedFile]
) -> list[ChunkedFile]:
    """Store the first of some files in the catalog. Return the rest.

    Files that were stored since `known` was read are left out: the catalog has a newer version of them. If
    the catalog has other associations by now, all are left out.
    """
    if not has_associations(catalog, associations):
        return []
    deadline = time.monotonic() + _TASK_SECONDS
    current = catalog.files([file.path for file, _ in files])
    rest = deque(files)

    def batch() -> Iterator[ChunkedFile]:  # consumed during the write, so that the deadline includes writing
        while rest:
            file, entries = rest.popleft()
            if current.get(file.path) == known.get(file.path):
                yield file, entries
            if time.monotonic() > deadline:
                return

    _replace(catalog, batch())
    return list(rest)


def _replace(catalog: Catalog, files: Iterable[ChunkedFile]) -> None:
    """Store files in one transaction; if an internal error prevents that, store them one by one."""
    taken = list[ChunkedFile]()

    def recorded() -> Iterator[ChunkedFile]:
        for file in files:
            taken.append(file)
            yield file

    try:
        catalog.replace_all(recorded())
    except SemlsError:
        raise
    except Exception:  # noqa: BLE001 - logged below, with the file that causes it
        for file, entries in taken:
            try:
                catalog.replace(file, entries)
            except SemlsError:
                raise
            except Exception as error:  # noqa: BLE001 - logged
                catalog.replace(_failed(file, error))


def _entry(file: File, chunk: Chunk) -> tuple[Entry, str]:
    """Return a chunk as the catalog stores it, and its text, both in normalization form C."""
    span, name, text = chunk.span, chunk.selection, normalize(chunk.text)
    if file.omitted:
        text = machine_written.shorten(text)
    embedded = embedded_text(normalize(chunk.qualified_name), text)
    entry = Entry(
        path=file.path,
        language=chunk.language or file.language,
        kind=chunk.kind,
        name=normalize(chunk.name),
        container=normalize(chunk.container),
        signature=normalize(chunk.signature),
        doc=normalize(chunk.doc),
        content_hash=hashlib.blake2b(embedded.encode(errors="surrogatepass"), digest_size=16).hexdigest(),
        start_byte=span.start_byte,
        end_byte=span.end_byte,
        start_row=span.start.row,
        start_column=span.start.column,
        end_row=span.end.row,
        end_column=span.end.column,
        name_row=name.start.row,
        name_column=name.start.column,
        name_end_row=name.end.row,
        name_end_column=name.end.column,
    )
    return entry, text
