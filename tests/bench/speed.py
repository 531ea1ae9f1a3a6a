"""How fast it is: python -m tests.bench.speed FOLDER ... [--synthetic CHUNKS] [--model MODEL].

Each folder, say an unpacked source distribution, is indexed by an engine of its own, and asked as editors and
terminals ask. Figures that depend on the machine stand beside what the same machine does otherwise: the same
texts through sentence-transformers with its defaults, and a plain multiplication of matrices.
"""

import asyncio
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from semls.engine.chunker import Chunker
from semls.engine.encoder import TransformersEncoder, embedded_text, load
from semls.engine.encoders import model_of
from semls.engine.files import Found, read, scan
from semls.engine.languages import detect
from semls.engine.models import BUNDLED
from semls.service.client import Client, stop
from semls.settings import EngineSettings, Settings
from tests.lsp.test_stdio import Raw

_TEXTS = 256  # chunks that are embedded to measure the encoder
_QUESTIONS = 60
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


def main(
    folders: Annotated[list[Path] | None, typer.Argument(exists=True, file_okay=False)] = None,
    synthetic: Annotated[list[int] | None, typer.Option(help="A folder of so many functions, too.")] = None,
    model: Annotated[
        str, typer.Option(help="The model of the vectors, or a folder with one.")
    ] = BUNDLED.name,
    save: Annotated[Path | None, typer.Option(help="Write the figures here, as JSON.")] = None,
) -> None:
    """Measure, and print a table."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as directory:
        made = [_synthetic(Path(directory) / f"{count}-functions", count) for count in synthetic or ()]
        roots = [folder.resolve() for folder in folders or ()]
        if roots:
            figures += _encoder(roots[0], model)
        for number, root in enumerate([*roots, *made]):
            place = Path(directory) / str(number)
            os.environ.update(
                SEMLS_CACHE_DIR=str(place / "cache"), SEMLS_STATE_DIR=str(place / "state"), SEMLS_MODEL=model
            )
            figures += asyncio.run(_folder(root, Settings(model=model)))
            _print(figures)
            if save:
                save.write_text(json.dumps([asdict(figure) for figure in figures], indent=1), "utf-8")


def _print(figures: Sequence[Figure]) -> None:
    table = Table("folder", "what", "value", "unit", "beside")
    table.columns[2].justify = "right"
    for one in figures:
        table.add_row(one.folder, one.what, f"{one.value:,.3g}", one.unit, one.beside)
    Console().print(table)


# The encoder


def _encoder(root: Path, name: str) -> Iterator[Figure]:
    """Throughput on a folder's chunks; beside it sentence-transformers, and what the processor can do."""
    texts = list(itertools.islice(_texts(root), _TEXTS))
    model = model_of(Settings(model=name))
    encoder = load(model)
    assert isinstance(encoder, TransformersEncoder)
    encoder.documents(texts[:8])
    tokens = sum(map(len, encoder._tokenize([model.document_prefix + text for text in texts])))
    seconds, vectors = _timed(lambda: encoder.documents(texts))
    theirs, others = _sentence_transformers(texts, model.folder, model.longest_input)
    same = float(np.min((vectors * others).sum(1))) if model.pooling == "mean" else float("nan")
    kind = encoder.device.split()[-1]
    peak, work = _peak(kind), _work(encoder) * tokens / seconds / 1e9
    yield Figure(root.name, "embedding", tokens / seconds, "tokens/s", f"{theirs / seconds:.2f} times theirs")
    yield Figure(root.name, "embedding", len(texts) / seconds, "chunks/s", f"lowest cosine {same:.5f}")
    yield Figure(root.name, "arithmetic", work, "GFLOP/s", f"{work / peak:.0%} of {kind} peak {peak:.0f}")


def _texts(root: Path) -> Iterator[str]:
    """What is embedded of a folder."""
    chunker = Chunker()
    for item in scan(root):
        content = read(root, item.path) if isinstance(item, Found) else None
        if isinstance(content, bytes):
            for chunk in chunker.chunk(content, detect(item.path, content)):
                yield embedded_text(chunk.qualified_name, chunk.text)
    chunker.close()


def _sentence_transformers(
    texts: Sequence[str], folder: Path | None, longest: int
) -> tuple[float, np.ndarray[Any, Any]]:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder))
    model.max_seq_length = longest  # the only setting: the same work
    model.encode(texts[:8])
    return _timed(lambda: model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False))


def _peak(kind: str) -> float:
    """GFLOP/s of a multiplication of matrices."""
    import torch

    one = torch.rand(2048, 2048).to(getattr(torch, kind))
    one @ one
    seconds = min(_timed(lambda: one @ one)[0] for _ in range(10))
    return float(2 * 2048**3 / seconds / 1e9)


def _work(encoder: TransformersEncoder) -> float:
    """Operations for a token: two for each weight of a layer."""
    weights = (
        weight.numel() for key, weight in encoder._network.named_parameters() if "embeddings" not in key
    )
    return float(2 * sum(weights))


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
        with tempfile.TemporaryDirectory() as empty:
            await client.status(empty)  # the engine is up, and the model loads in the background
        first, _ = await _until(client.search([str(root)], "parse the header", words_only=True))
        note("first answer, cold", first, "s")
        words, last = await _until(_last(client.index(str(root), words_only=True)))
        note("words ready, cold", first + words, "s", f"{last['files']:,} files, {last['chunks']:,} chunks")
        busy = asyncio.create_task(_until(_last(client.index(str(root)))))
        note_all(note, "search while indexing", await _searches(client, root, lambda: not busy.done()))
        seconds, last = await busy
        note("all embedded", seconds, "s", f"{last['encoded'] / seconds:.0f} chunks/s")
        note_all(note, "search", await _searches(client, root))
        note_all(note, "search by words", await _searches(client, root, words_only=True))
        status = await client.status(str(root))
        note("engine's memory", status["memory"] / 2**20, "MiB")
        note("disk", status["disk"] / max(1, last["chunks"]), "bytes/chunk")
        figures += _front_ends(root)
    async with _client(settings) as client:
        with tempfile.TemporaryDirectory() as empty:
            await client.index(empty).__anext__()
        seconds, again = await _until(_last(client.index(str(root))))
        note("opened again, unchanged", seconds, "s", f"{again['encoded']} chunks embedded")
    return figures


def note_all(note: Callable[..., None], what: str, seconds: Sequence[float]) -> None:
    """Percentiles, in milliseconds."""
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
    client: Client, root: Path, going: Callable[[], bool] = lambda: True, **options: Any
) -> list[float]:
    """Seconds for each of some questions; each differs, as recent ones are remembered."""
    seconds = []
    for question in itertools.islice(_questions(), _QUESTIONS):
        if not going():
            break
        took, _ = await _until(client.search([str(root)], question, **options))
        seconds.append(took)
        await asyncio.sleep(0.05)  # nobody types faster
    return seconds


_count = itertools.count()


def _questions() -> Iterator[str]:
    for verb, noun in itertools.product(_VERBS, _NOUNS):
        yield f"how do we {verb} a {noun} {next(_count)}"


def _front_ends(root: Path) -> Iterator[Figure]:
    """What editors and terminals see while the engine runs."""
    began = time.perf_counter()
    server = Raw(dict(os.environ))
    server.start(rootUri=root.as_uri())
    yield Figure(root.name, "initialize answered", time.perf_counter() - began, "s")
    seconds = [
        _timed(lambda text=text: server.ask("semls/search", {"query": text}))[0]  # type: ignore[misc]
        for text in itertools.islice(_questions(), _QUESTIONS)
    ]
    figures: list[Figure] = []
    note_all(lambda *row: figures.append(Figure(root.name, *row)), "search by an editor", seconds)
    yield from figures
    if (status := Path(f"/proc/{server.process.pid}/status")).exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        yield Figure(root.name, "front-end's memory", int(line.split()[1]) / 1024, "MiB")
    server.process.kill()
    server.end()
    with _quiet() as run:
        text = next(_questions())
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
