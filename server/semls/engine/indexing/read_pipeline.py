"""Files → chunks in the catalog: short steps for the executor, and one that runs beside it."""

import contextlib
import hashlib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from semls.engine.files import classify, scan
from semls.engine.models.encoder import embedded_text
from semls.engine.search.context import Document
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import Entry, File
from semls.engine.syntax import languages
from semls.engine.syntax.chunker import Chunk, fingerprint
from semls.engine.syntax.parser_process import ParseResult, ParserProcess
from semls.errors import SemlsError

log = logging.getLogger(__name__)

Item: TypeAlias = scan.Found | scan.Skipped
Cut: TypeAlias = tuple[File, list[tuple[Entry, str]]]  # with its chunks and their texts

_STEP = 0.1  # seconds that a step should take: what a search may have to wait
_BYTES, _FILES = 300_000, 200  # that are cut at a time, in some tenths of a second
_CUT = "cut"  # the note that tells how files were cut
_INDEXED = "indexed"  # the note that tells that all files have been read once


def open_catalog(directory: Path) -> Catalog:
    """Open a workspace's catalog. Raises StoreError.

    What another version of semls cut is to be read again, and so is what could not be read or parsed.
    """
    with contextlib.ExitStack() as stack:
        catalog = Catalog(directory / "index.sqlite")
        stack.callback(catalog.close)
        if catalog.get_metadata(_CUT) != fingerprint():
            catalog.invalidate_all()
            catalog.set_metadata(_CUT, fingerprint())
        catalog.invalidate_failures()
        stack.pop_all()  # it stays open
    return catalog


def is_indexed(catalog: Catalog) -> bool:
    """Whether all files of the workspace have been read once, if only to leave them out."""
    return bool(catalog.get_metadata(_INDEXED))


def mark_indexed(catalog: Catalog) -> None:
    """Note that all files have been read."""
    if not is_indexed(catalog):
        catalog.set_metadata(_INDEXED, "yes")


def take(scan: Iterator[Item]) -> list[Item]:
    """As much of a scan as makes a step; nothing when it has ended."""
    deadline = time.monotonic() + _STEP
    taken = []
    for item in scan:
        taken.append(item)
        if time.monotonic() > deadline or len(taken) == 1000:
            break
    return taken


def differs(item: Item, known: File | None) -> bool:
    """Whether a file is not as the catalog knows it."""
    if known is None:
        return True
    if isinstance(item, scan.Skipped):
        return known.skipped != item.reason
    return (known.size, known.mtime_ns) != (item.size, item.mtime_ns)


def open_some(
    root: Path, catalog: Catalog, known: Mapping[str, File], items: Sequence[Item]
) -> tuple[list[tuple[File, bytes]], list[Item]]:
    """As many files to be cut as make a step, with their bytes, and the rest of the items."""
    deadline, size = time.monotonic() + _STEP, 0
    opened, skipped, touched = list[tuple[File, bytes]](), list[File](), list[File]()
    rest = iter(items)
    for item in rest:
        file, content = _open(root, item)
        before = known.get(item.path)
        if file.skipped:
            skipped.append(file)
        elif before and before.digest == file.digest:
            touched.append(file)
        else:
            opened.append((file, content))
            size += len(content)
        if time.monotonic() > deadline or size > _BYTES or len(opened) == _FILES:
            break
    _replace(catalog, ((file, []) for file in skipped))
    catalog.touch(touched)
    return opened, list(rest)


def _open(root: Path, item: Item) -> tuple[File, bytes]:
    """A file as it is now, with its bytes, if it is not skipped."""
    try:
        return _read(root, item)
    except Exception as error:  # noqa: BLE001 - logged
        size, mtime_ns = (0, 0) if isinstance(item, scan.Skipped) else (item.size, item.mtime_ns)
        return _failed(File(item.path, size, mtime_ns), error), b""


def _failed(file: File, error: Exception) -> File:
    """Log an error of ours. Return what the catalog keeps of the file that it is about."""
    log.error("Reading %s failed", ascii(file.path), exc_info=error)
    reason = classify.reason_for_internal_error(error)
    return file._replace(skipped=reason, failure=reason)


def _read(root: Path, item: Item) -> tuple[File, bytes]:
    if isinstance(item, scan.Skipped):
        return File(item.path, skipped=item.reason), b""
    content = scan.read_file(root, item.path)
    if isinstance(content, scan.Skipped):
        failure = content.reason if classify.is_os_error(content.reason) else ""
        return File(item.path, item.size, item.mtime_ns, skipped=content.reason, failure=failure), b""
    language = languages.detect(item.path, content)
    return File(item.path, item.size, item.mtime_ns, _digest(content), language.name), content


def cut(chunker: ParserProcess, opened: Sequence[tuple[File, bytes]]) -> list[Cut]:
    """The chunks of files. Runs beside the executor, as a parser may take its time."""
    asked = [(content, languages.by_name(file.language) or languages.TEXT) for file, content in opened]
    parsed = chunker.chunk_all(asked)
    return [_cut(file, found) for (file, _), found in zip(opened, parsed, strict=True)]


def _cut(file: File, parsed: ParseResult) -> Cut:
    try:
        return file._replace(failure=parsed.failure), [_entry(file, chunk) for chunk in parsed.chunks]
    except Exception as error:  # noqa: BLE001 - logged
        return _failed(file, error), []


def store(catalog: Catalog, known: Mapping[str, File], found: Sequence[Cut]) -> Sequence[Cut]:
    """Put as many files into the catalog as make a step; gives back the rest.

    Those that were catalogd meanwhile are left out: they are newer there.
    """
    deadline = time.monotonic() + _STEP
    now = catalog.files([file.path for file, _ in found])
    rest = iter(found)

    def some() -> Iterator[Cut]:
        for file, entries in rest:
            if now.get(file.path) == known.get(file.path):
                yield file, entries
            if time.monotonic() > deadline:
                return

    _replace(catalog, some())
    return tuple(rest)


def _replace(catalog: Catalog, found: Iterable[Cut]) -> None:
    """Put files into the catalog, one by one where an error of ours makes that fail for one of them."""
    taken = list[Cut]()

    def take() -> Iterator[Cut]:
        for cut in found:
            taken.append(cut)
            yield cut

    try:
        catalog.replace_all(take())
    except SemlsError:
        raise
    except Exception:  # noqa: BLE001 - logged for the file that causes it
        for file, entries in taken:
            try:
                catalog.replace(file, entries)
            except SemlsError:
                raise
            except Exception as error:  # noqa: BLE001 - logged
                catalog.replace(_failed(file, error))


def look_again(
    root: Path, catalog: Catalog, paths: Sequence[str]
) -> tuple[dict[str, File], list[Item], list[str]]:
    """What is known of files, those that are not so any more, and those that are gone and now forgotten."""
    known = catalog.files(paths)
    found = {path: scan.stat_file(root, path) for path in paths}
    changed: list[Item] = [item for path, item in found.items() if item and differs(item, known.get(path))]
    vanished = [path for path, item in found.items() if item is None]
    if vanished:
        catalog.remove(vanished)
    return known, changed, vanished


def documents(root: Path, catalog: Catalog, paths: Sequence[str]) -> dict[str, Document]:
    """Files as they were catalogd, by path; without those that have changed since."""
    documents = {}
    for path, known in catalog.files(paths).items():
        content = scan.read_file(root, path)
        if isinstance(content, bytes) and _digest(content) == known.digest:
            documents[path] = Document(root, path, known.language, content, catalog.entries_of_file(path))
    return documents


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _entry(file: File, chunk: Chunk) -> tuple[Entry, str]:
    span, name = chunk.span, chunk.selection
    embedded = embedded_text(chunk.qualified_name, chunk.text)
    entry = Entry(
        path=file.path,
        language=file.language,
        kind=chunk.kind,
        name=chunk.name,
        container=chunk.container,
        signature=chunk.signature,
        doc=chunk.doc,
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
    return entry, chunk.text
