"""How fast it is: python -m tests.bench.speed FOLDER ... [--synthetic CHUNKS] [--model M] [--stand-in].

A copy of each folder, say of an unpacked source distribution, is indexed by an engine of its own, and asked
as editors and terminals ask. Figures that depend on the machine stand beside what it does otherwise: the same
texts through sentence-transformers with its defaults, and a plain multiplication of matrices.
"""

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from semls.engine.files.scan import Found, read_file, scan
from semls.engine.indexing import read_pipeline
from semls.engine.models import memory
from semls.engine.models.encoder import HashingEncoder, embedded_text
from semls.engine.models.presets import BUNDLED, Model
from semls.engine.models.registry import cache_file_name, load_encoder, model_from_settings
from semls.engine.models.transformers_encoder import TransformersEncoder
from semls.engine.storage.embedding_cache import EmbeddingCache
from semls.engine.storage.schema import File
from semls.engine.syntax.languages import detect
from semls.engine.syntax.parser_process import ParserProcess
from semls.service.client import Client
from semls.service.launcher import stop
from semls.settings import EngineSettings, Settings
from tests.lsp.raw import Raw

_TEXTS = 256  # chunks that are embedded to measure the encoder
_QUESTIONS = 60
_PAUSE = 0.05  # seconds between two of them: nobody types faster
_SAVES = 10
_FUNCTIONS = 20  # in a file of a synthetic folder
_VERBS = "parse validate render retry cache open close merge sort schedule".split()
_NOUNS = "header session request template node form token file connection graph query signal".split()


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    folder: str
    what: str
    value: float
    unit: str
    beside: str = ""


Note = Callable[..., None]


def main(
    folders: Annotated[list[Path] | None, typer.Argument(exists=True, file_okay=False)] = None,
    synthetic: Annotated[list[int] | None, typer.Option(help="A folder of so many functions, too.")] = None,
    model: Annotated[
        str, typer.Option(help="The model of the vectors, or a folder with one.")
    ] = BUNDLED.name,
    stand_in: Annotated[
        bool, typer.Option(help="Find vectors in the cache, made of words: to embed much takes hours.")
    ] = False,
    save: Annotated[Path | None, typer.Option(help="Write the figures here, as JSON.")] = None,
) -> None:
    """Measure, and print a table."""
    figures: list[Figure] = []
    memory.reuse_freed()  # as the engine does
    encoder = load_encoder(model_from_settings(Settings(model=model)))
    assert isinstance(encoder, TransformersEncoder)
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory).resolve()
        roots = [_copy(folder.resolve(), place / "folders" / folder.name) for folder in folders or ()]
        made = [_synthetic(place / "folders" / f"{count}-functions", count) for count in synthetic or ()]
        if not stand_in:
            figures += _encoder((roots + made)[0], encoder)
        for root in roots + made:
            home = place / f"{root.name}.index"
            os.environ.update(
                SEMLS_CACHE_DIR=str(home / "cache"), SEMLS_STATE_DIR=str(home / "state"), SEMLS_MODEL=model
            )
            if stand_in:
                _fill_cache(root, home / "cache" / "embeddings", encoder)
            figures += asyncio.run(_folder(root, Settings(model=model)))
            _print(figures)
            if save:
                save.write_text(json.dumps([asdict(figure) for figure in figures], indent=1), "utf-8")


def _copy(folder: Path, copy: Path) -> Path:
    shutil.copytree(folder, copy, ignore_dangling_symlinks=True)
    return copy


def _print(figures: Sequence[Figure]) -> None:
    table = Table("folder", "what", "value", "unit", "beside")
    table.columns[2].justify = "right"
    for one in figures:
        table.add_row(one.folder, one.what, f"{one.value:,.3g}", one.unit, one.beside)
    Console(width=110).print(table)


# The encoder


def _encoder(root: Path, encoder: TransformersEncoder) -> Iterator[Figure]:
    """Throughput on a folder's chunks; beside it sentence-transformers, and what the machine can do."""
    texts = [text for _, text in itertools.islice(_texts(root), _TEXTS)]
    model = encoder.model
    gpu = not encoder.device.startswith("cpu")
    encoder.encode_documents(texts if gpu else texts[:8])  # it prepares something for each shape
    inputs = [model.document_prefix + text for text in texts]
    tokens = sum(map(len, encoder._tokenize(inputs)))
    seconds, vectors = _timed(lambda: encoder.encode_documents(texts))
    theirs, others = _sentence_transformers(inputs, model, inputs if gpu else inputs[:8])
    same = float(np.min((vectors * others).sum(1))) if model.pooling == "mean" else float("nan")
    device, kind = encoder.device.split(", ")
    peak, work = _peak(device, kind), _work(encoder) * tokens / seconds / 1e9
    questions = [_timed(partial(encoder.encode_query, text))[0] for text in _some_questions()]
    yield Figure(root.name, "embedding", tokens / seconds, "tokens/s", f"{theirs / seconds:.2f} times theirs")
    yield Figure(root.name, "embedding", len(texts) / seconds, "chunks/s", f"lowest cosine {same:.5f}")
    yield Figure(root.name, "arithmetic", work, "GFLOP/s", f"{work / peak:.0%} of {kind} peak {peak:.0f}")
    yield Figure(root.name, "a question's vector", 1000 * median(questions), "ms", f"of {len(questions)}")


def _texts(root: Path) -> Iterator[tuple[str, str]]:
    """The contents of a folder's chunks, and what is embedded for each."""
    chunker = ParserProcess()
    for item in scan(root):
        content = read_file(root, item.path) if isinstance(item, Found) else None
        if isinstance(content, bytes):
            file = File(item.path, language=detect(item.path, content).name)
            for _, entries in read_pipeline.chunk_files(chunker, [(file, content)]):
                yield from (
                    (entry.content_hash, embedded_text(entry.qualified_name, text)) for entry, text in entries
                )
    chunker.close()


def _sentence_transformers(
    texts: Sequence[str], model: Model, before: Sequence[str]
) -> tuple[float, np.ndarray[Any, Any]]:
    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(str(model.folder))
    theirs.max_seq_length = model.max_tokens  # the only setting: the same work
    theirs.encode(list(before))
    return _timed(lambda: theirs.encode(list(texts), normalize_embeddings=True, show_progress_bar=False))


def _peak(device: str, kind: str) -> float:
    """GFLOP/s of a multiplication of matrices."""
    import torch

    size = 2048 if device == "cpu" else 8192
    one = torch.rand(size, size).to(device, getattr(torch, kind))
    if kind == "int8":
        whole = one.byte()
        weights = torch.ops.onednn.qlinear_prepack(one, None)
        scales = (torch.ones(size), torch.zeros(size, dtype=torch.int64))
    product = torch.empty_like(one)

    def multiply() -> float:
        if kind == "int8":
            torch.ops.onednn.qlinear_pointwise(
                *(whole, 1.0, 128), *(weights, *scales, None), *(1.0, 0, torch.float32, "none", [], "")
            )
        else:
            torch.matmul(one, one, out=product)
        return float(product[0, 0])  # waits for it

    multiply()
    seconds = min(_timed(multiply)[0] for _ in range(10))
    return float(2 * size**3 / seconds / 1e9)


def _work(encoder: TransformersEncoder) -> float:
    """Operations for a token: two for each weight of a layer."""
    network = encoder._network.module
    named = (*network.named_parameters(), *network.named_buffers())
    return float(2 * sum(weight.numel() for key, weight in named if "embeddings" not in key))


def _fill_cache(root: Path, directory: Path, encoder: TransformersEncoder) -> None:
    """As if all had been embedded: vectors that are near each other when their texts share words."""
    cache = EmbeddingCache(directory / cache_file_name(encoder), encoder.fingerprint, 8 << 30)
    size = (HashingEncoder.model.dimension, encoder.model.dimension)
    stretch = np.random.default_rng(0).normal(size=size).astype(np.float32)
    texts = _texts(root)
    while some := dict(itertools.islice(texts, 1000)):
        vectors = HashingEncoder().encode_documents(list(some.values())) @ stretch
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        cache.put(dict(zip(some, vectors, strict=True)))
    cache.close()


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


# A folder


async def _folder(root: Path, settings: Settings) -> list[Figure]:
    figures: list[Figure] = []

    def note(what: str, value: float, unit: str, beside: str = "") -> None:
        figures.append(Figure(root.name, what, value, unit, beside))

    async with _client(settings) as client:
        await client.resume()  # the engine is up
        await _index(client, root, note)
        await _ask(client, root, note)
        await _save(client, root, note)
        figures += _front_ends(root)
    async with _client(settings) as client:
        seconds, _ = await _until(_last(client.index(_empty(root))))
        note("the engine with its model", seconds, "s", "from nothing")
        seconds, again = await _until(_last(client.index(str(root))))
        note("opened again, unchanged", seconds, "s", f"{again['encoded']} chunks embedded")
    return figures


def _empty(root: Path) -> str:
    """A workspace of which nothing is to be known."""
    folder = root.parent.with_name("empty")
    folder.mkdir(exist_ok=True)
    return str(folder)


async def _index(client: Client, root: Path, note: Note) -> None:
    first, _ = await _until(client.search([str(root)], "parse the header", lexical_only=True))
    note("first answer, cold", first, "s")
    words, last = await _until(_last(client.index(str(root), lexical_only=True)))
    note("words ready, cold", first + words, "s", f"{last['files']:,} files, {last['chunks']:,} chunks")
    busy = asyncio.create_task(_until(_last(client.index(str(root)))))
    _percentiles(note, "search while indexing", await _searches(client, root, lambda: not busy.done()))
    seconds, last = await busy
    encoded = last["encoded"] / seconds
    note("all have vectors", seconds, "s", f"{encoded:.0f} chunks/s embedded, the others cached")


async def _ask(client: Client, root: Path, note: Note) -> None:
    _percentiles(note, "search", await _searches(client, root))
    _percentiles(note, "search by words", await _searches(client, root, lexical_only=True))
    at_once = await _searches(client, root, pause=0.0, lexical_only=True)
    note("one right after another, p50", 1000 * median(at_once), "ms", f"of {len(at_once)}")
    status = await client.status(str(root))
    note("engine's memory", status["memory"] / 2**20, "MiB")
    note("disk", status["disk"] / max(1, status["chunks"]), "bytes/chunk")


async def _save(client: Client, root: Path, note: Note) -> None:
    """From a save, of which an editor tells, to the first answer that has it."""
    seconds = []
    for number in range(_SAVES):
        file = root / "saved.py"
        file.write_text(f"def quarantine_parcel_{number}(parcel):\n    return parcel.depot == {number}\n")
        began = time.perf_counter()
        await client.report_saved(str(root), [str(file)])
        sought = f"name:quarantine_parcel_{number}"
        while not (await client.search([str(root)], sought, lexical_only=True))["hits"]:
            await asyncio.sleep(0.005)
        seconds.append(time.perf_counter() - began)
        await _last(client.index(str(root)))
    note("save to searchable", median(seconds), "s", f"of {_SAVES}, {max(seconds):.2f} at most")


def _percentiles(note: Note, what: str, seconds: Sequence[float]) -> None:
    if len(seconds) > 1:
        cuts = quantiles(seconds, n=100)
        for percent in (50, 95, 99):
            note(f"{what}, p{percent}", 1000 * cuts[percent - 1], "ms", f"of {len(seconds)}")


@asynccontextmanager
async def _client(settings: Settings) -> AsyncIterator[Client]:
    engine = EngineSettings.from_environment()
    client = Client(settings, engine)
    try:
        yield client
    finally:
        await client.close()
        await stop(engine)


async def _until(work: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    result = await work
    return time.perf_counter() - began, result


async def _last(steps: AsyncIterator[Any]) -> Any:
    return [step async for step in steps][-1]


async def _searches(
    client: Client,
    root: Path,
    going: Callable[[], bool] = lambda: True,
    pause: float = _PAUSE,
    **options: Any,
) -> list[float]:
    """Seconds for each of some questions."""
    seconds = []
    for question in _some_questions():
        if not going():
            break
        took, _ = await _until(client.search([str(root)], question, **options))
        seconds.append(took)
        await asyncio.sleep(pause)
    return seconds


_count = itertools.count()


def _some_questions() -> Iterator[str]:
    """Each differs from all before, as recent ones are remembered."""
    pairs = itertools.islice(itertools.product(_VERBS, _NOUNS), _QUESTIONS)
    return (f"how do we {verb} a {noun} {next(_count)}" for verb, noun in pairs)


def _front_ends(root: Path) -> Iterator[Figure]:
    """What editors and terminals see while the engine runs."""
    figures: list[Figure] = []
    began = time.perf_counter()
    server = Raw(dict(os.environ))
    server.start(rootUri=root.as_uri())
    yield Figure(root.name, "initialize answered", time.perf_counter() - began, "s")
    seconds = []
    for text in _some_questions():
        took, _ = _timed(partial(server.ask, "semls/search", {"query": text}))
        seconds.append(took)
        time.sleep(_PAUSE)
    _percentiles(lambda *row: figures.append(Figure(root.name, *row)), "search by an editor", seconds)
    yield from figures
    if (status := Path(f"/proc/{server.process.pid}/status")).exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        yield Figure(root.name, "front-end's memory", int(line.split()[1]) / 1024, "MiB")
    server.process.kill()
    server.end()
    with _quiet() as run:
        text = next(_some_questions())
        yield Figure(root.name, "semls search", min(run("search", text, "--path", root) for _ in "123"), "s")
        yield Figure(root.name, "semls --version", min(run("--version") for _ in "123"), "s")
        python = min(_timed(lambda: subprocess.run([sys.executable, "-c", ""], check=True))[0] for _ in "123")
        yield Figure(root.name, "python -c ''", python, "s")


@contextmanager
def _quiet() -> Iterator[Callable[..., float]]:
    with open(os.devnull, "w") as nowhere:

        def run(*arguments: object) -> float:
            command = [str(Path(sys.executable).with_name("semls")), *map(str, arguments)]
            return _timed(lambda: subprocess.run(command, stdout=nowhere, stderr=nowhere, check=False))[0]

        yield run


def _synthetic(root: Path, functions: int) -> Path:
    """Python files whose words are spread as in nobody's code, but as many as wanted."""
    for number in range(0, functions, _FUNCTIONS):
        folder = root / f"{_NOUNS[number // 7 % len(_NOUNS)]}s" / f"part{number // 2000}"
        folder.mkdir(parents=True, exist_ok=True)
        text = "\n\n".join(_function(one) for one in range(number, min(functions, number + _FUNCTIONS)))
        (folder / f"module{number}.py").write_text(text)
    return root


def _function(number: int) -> str:
    verb, noun = _VERBS[number % len(_VERBS)], _NOUNS[number // 3 % len(_NOUNS)]
    other = _NOUNS[number // 11 % len(_NOUNS)]
    return (
        f"def {verb}_{noun}_{number}({other}, limit={number}):\n"
        f'    """How to {verb} the {noun} of a {other}."""\n'
        f"    found = [item for item in {other} if item.{noun} < limit]\n"
        f"    return {verb}(found) or {number}"
    )


if __name__ == "__main__":
    typer.run(main)
