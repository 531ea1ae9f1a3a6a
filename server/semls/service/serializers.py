"""Turns the engine's results into the messages that its clients receive."""

import mmap
import os
from collections.abc import Sequence
from pathlib import Path

from semls.engine.doctor import Finding
from semls.engine.indexing.listing import ListedFile
from semls.engine.indexing.progress import Progress
from semls.engine.results import Answer, Comparison, DuplicatesResult, Explanation, Status, Usage
from semls.engine.search.context import Section, estimate_tokens, render_markdown
from semls.engine.search.retrieval import Hit
from semls.engine.storage.embedded_hashes import Coverage
from semls.engine.storage.schema import Entry
from semls.engine.syntax.source import split_rows
from semls.service.messages import (
    AnswerHeaderMessage,
    AnswerMessage,
    ChunkMessage,
    ContextMessage,
    CoverageMessage,
    DuplicatesMessage,
    ExplanationMessage,
    FileReasonMessage,
    FilesMessage,
    FindingMessage,
    HitMessage,
    ProgressMessage,
    Range,
    SectionMessage,
    SimilarMessage,
    StateMessage,
    StatusMessage,
)


def answer_message(answer: Answer) -> AnswerMessage:
    """Return the message for the hits of a search."""
    return {
        **_header(answer),
        "hits": [{**_hit(root, hit), "matched": list(hit.matched)} for root, hit in answer.hits],
    }


def similar_message(root: Path, comparison: Comparison) -> SimilarMessage:
    """Return the message for code that is similar to a chunk of the workspace `root`."""
    similar = comparison.similar
    return {
        **_chunk(root, similar.entry),
        "model": comparison.model,
        "coverage": _coverage(comparison.coverage),
        "copies": [_chunk(root, copy) for copy in similar.duplicates],
        "hits": [{**_hit(root, hit), "count": count} for hit, count in similar.hits],
    }


def duplicates_message(root: Path, result: DuplicatesResult, limit: int) -> DuplicatesMessage:
    """Return the message for the first duplicates in the workspace `root`."""
    found = result.duplicates
    return {
        "model": result.model,
        "coverage": _coverage(result.coverage),
        "functions": found.functions,
        "compared": found.compared,
        "total": len(found.clusters),
        "clusters": [
            {"copies": cluster.are_copies, "hits": [_hit(root, hit) for hit in cluster.hits]}
            for cluster in found.clusters[:limit]
        ],
    }


def context_message(answer: Answer, sections: Sequence[Section]) -> ContextMessage:
    """Return the message for the code that answers a question."""
    text = render_markdown(sections)
    return {
        **_header(answer),
        "tokens": estimate_tokens(text),
        "markdown": text,
        "sections": [_section(section) for section in sections],
    }


def progress_message(progress: Progress) -> ProgressMessage:
    """Return the message for the progress of indexing."""
    downloaded, size = progress.download
    return {
        "phase": progress.phase,
        "files": progress.files,
        "chunks": progress.coverage.chunks,
        "embedded": progress.coverage.embedded,
        "encoded": progress.encoded,
        "rate": round(progress.rate, 1),
        "downloaded": downloaded,
        "download": size,
    }


def state_message(status: Status) -> StateMessage:
    """Return the message for the state of a workspace."""
    return {
        **progress_message(status.progress),
        "workspace": str(status.root),
        "indexed": status.indexed,
        "model": status.model,
        "device": status.device,
        "store": status.store,
        "notice": status.notice,
        "error": status.error,
    }


def status_message(status: Status, usage: Usage, open_workspaces: list[str]) -> StatusMessage:
    """Return the message for the state of a workspace and of this process."""
    return {
        **state_message(status),
        "queue": _queue_length(status.progress),
        "pid": os.getpid(),
        "memory": _resident_bytes(),
        "workspaces": open_workspaces,
        "disk": usage.disk,
        "cache": usage.cache,
        "skipped": usage.skipped,
        "skipped_files": [_file_reason(file.path, file.skipped) for file in usage.skipped_files],
        "partial": [_file_reason(file.path, file.omitted) for file in usage.partial],
        "by_lines": [_file_reason(file.path, file.failure) for file in usage.by_lines],
    }


def explanation_message(explanation: Explanation) -> ExplanationMessage:
    """Return the message for whether and how a file is indexed."""
    return {
        "path": explanation.path,
        "skipped": explanation.skipped,
        "by_lines": explanation.by_lines,
        "omitted": explanation.omitted,
        "language": explanation.language,
        "chunks": explanation.chunks,
        "definitions": explanation.definitions,
        "embedded": explanation.embedded,
    }


def files_message(files: Sequence[ListedFile]) -> FilesMessage:
    """Return the message for some files of a list."""
    return {
        "files": [
            {"path": file.path, "language": file.language, "chunks": file.chunks, "reason": file.skipped}
            for file in files
        ]
    }


def finding_message(finding: Finding) -> FindingMessage:
    """Return the message for the result of a check of the installation."""
    return {
        "name": finding.name,
        "well": finding.well,
        "detail": finding.detail,
        "advice": finding.advice,
        "pending": finding.pending,
    }


def _header(answer: Answer) -> AnswerHeaderMessage:
    return {
        "query": answer.query,
        "confidence": round(answer.confidence, 2),
        "model": answer.model,
        "coverage": _coverage(answer.coverage),
        "complete": answer.complete,
        "notice": answer.notice,
    }


def _coverage(coverage: Coverage) -> CoverageMessage:
    return {"chunks": coverage.chunks, "embedded": coverage.embedded}


def _section(section: Section) -> SectionMessage:
    document = section.document
    return {
        "path": document.path,
        "name": section.name,
        "uri": (document.root / document.path).as_uri(),
        "language": document.language,
        "tokens": section.tokens,
        "parts": [
            {"range": _range(lines.start, 0, lines.stop, 0), "text": document.text(lines)}
            for lines in section.spans
        ],
    }


def _hit(root: Path, hit: Hit) -> HitMessage:
    return {
        **_chunk(root, hit.entry),
        "selectionRange": _selection_range(hit.entry, hit.snippet, hit.row),
        "score": round(hit.score, 4),
        "snippet": hit.snippet,
        "best": {
            "line": hit.entry.start_row + hit.best_row,
            "text": hit.best_text,
            "words": list(hit.best_spans),
        },
    }


def _chunk(root: Path, entry: Entry) -> ChunkMessage:
    return {
        "path": entry.path,
        "uri": (root / entry.path).as_uri(),
        "range": _range(entry.start_row, entry.start_column, entry.end_row, entry.end_column),
        "selectionRange": _selection_range(entry),
        "name": entry.name or entry.path.rsplit("/", 1)[-1],
        "container": entry.container,
        "kind": entry.kind,
        "language": entry.language,
    }


def _selection_range(entry: Entry, snippet: str = "", row: int = 0) -> Range:
    """Return the range of the name, or an empty one at the first character of a row of the snippet."""
    if row == 0 and entry.holds_name:
        return _range(entry.name_row, entry.name_column, entry.name_end_row, entry.name_end_column)
    column = entry.start_column
    if row:
        line = split_rows(snippet)[row]
        column = len(line) - len(line.lstrip(" \t"))
        row = min(row, entry.end_row - entry.start_row)  # a row of a notebook may hold several lines
    return _range(entry.start_row + row, column, entry.start_row + row, column)


def _range(row: int, column: int, end_row: int, end_column: int) -> Range:
    return {
        "start": {"line": row, "character": column},
        "end": {"line": end_row, "character": end_column},
    }


def _file_reason(path: str, reason: str) -> FileReasonMessage:
    return {"path": path, "reason": reason}


def _queue_length(progress: Progress) -> int:
    """Return how many chunks are still to be embedded; 0 in phase "ready", also where there is no model."""
    return 0 if progress.phase == "ready" else progress.coverage.chunks - progress.coverage.embedded


def _resident_bytes() -> int:
    """Return the resident memory of this process; 0 on systems without /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE
    except OSError:
        return 0
