"""Compare ways to compute a network: python -m tests.bench.runtimes MODEL_FOLDER SOURCES CHUNKS.

These are plain torch, the layers of `cpu_kernels.py`, ONNX Runtime and OpenVINO, with one thread each, in
turns in one process. CPU time is measured, so that other programs disturb the ratios little. nncf, onnx,
onnxscript and openvino must be installed; semls does not need them. MODEL_FOLDER has BERT or nomic BERT with
mean pooling; random weights have the right speed. bfloat16 is left out on processors that emulate it, and if
ONEDNN_MAX_CPU_ISA is set. In "layers", each layer is a model of its own: a search can run between them.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from semls.engine.models import autotune
from semls.engine.models.presets import PRESETS
from semls.engine.models.transformers_encoder import _batches
from semls.settings import DEFAULT_MODEL
from tests.bench.encoder_speed import _chunk_texts

Embed = Callable[[Sequence[Sequence[int]]], Any]
_HAS_BFLOAT16 = torch.cpu._is_avx512_bf16_supported() and "ONEDNN_MAX_CPU_ISA" not in os.environ
RUNTIMES = (
    "torch float32",
    "semls float32",
    "semls int8",
    "onnxruntime float32",
    "onnxruntime int8",
    "openvino float32",
    "openvino float32 layers",
    "openvino int8",
    *(["torch bfloat16", "semls bfloat16"] if _HAS_BFLOAT16 else []),
    *(["openvino bfloat16", "openvino bfloat16 layers"] if _HAS_BFLOAT16 else []),
)
_PRECISION = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}  # OpenVINO's names
_MAX_TOKENS, _BATCH_TOKENS = 512, 2048
_ROUNDS, _QUESTIONS = 2, 8
_CALIBRATING = 100  # chunks
_QUESTION = "where are expired sessions removed from the store"


def main(folder: Path, sources: Path, count: int) -> None:
    """Print a row for each runtime: tokens/s, ms of a question, least cosine; then import, load, memory."""
    with tempfile.TemporaryDirectory() as directory:
        files = Path(directory)
        _run("export", folder, files, sources)
        for name, speed, question, cosine in _compare(folder, files, sources, count):
            print(f"| {name} | {speed:,.0f} | {question:.1f} | {cosine:.4f} |", flush=True)
        for name in RUNTIMES:
            print(f"| {name} | {' | '.join(_run('alone', folder, files, name).split())} |", flush=True)


def _run(command: str, *arguments: object) -> str:
    words = [sys.executable, "-m", __spec__.name, command, *map(str, arguments)]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def _compare(
    folder: Path, files: Path, sources: Path, count: int
) -> Iterator[tuple[str, float, float, float]]:
    """Yield the tokens/s of each runtime, milliseconds of a question, and the least cosine to the first."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(_MAX_TOKENS)
    texts = [text for _, text in itertools.islice(_chunk_texts(sources), count)]
    ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    batches = [[ids[index] for index in batch] for batch in _batches(list(map(len, ids)), _BATCH_TOKENS)]
    question = [tokenizer.encode(_QUESTION).ids]
    embedders = {name: _load(name, folder, files) for name in RUNTIMES}
    vectors = {name: np.concatenate(list(map(embed, batches))) for name, embed in embedders.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in RUNTIMES}
    for _ in range(_ROUNDS):
        for name, embed in embedders.items():
            all_seconds = sum(_cpu_seconds(partial(embed, batch)) for batch in batches)
            embed(question)
            one_seconds = min(_cpu_seconds(partial(embed, question)) for _ in range(_QUESTIONS))
            times[name].append((all_seconds, one_seconds))
    for name in RUNTIMES:
        all_seconds, one_seconds = map(min, zip(*times[name], strict=True))
        cosine = float((vectors[name] * vectors[RUNTIMES[0]]).sum(1).min())
        yield name, sum(map(len, ids)) / all_seconds, 1000 * one_seconds, cosine


def _cpu_seconds(call: Callable[[], object]) -> float:
    before = time.process_time()
    call()
    return time.process_time() - before


def _load(name: str, folder: Path, files: Path) -> Embed:
    """Return a function that embeds token ids with a runtime."""
    library, dtype, *parts = name.split()
    if library in ("torch", "semls"):
        return _load_torch(library, dtype, folder)
    run: Callable[[dict[str, Any]], Any]
    if library == "openvino":
        import openvino

        options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": _PRECISION[dtype]}
        whole = "int8.xml" if dtype == "int8" else "float32.onnx"
        paths = sorted(files.glob("layer-*.onnx")) if parts else [files / whole]
        compiled = [openvino.compile_model(str(path), "CPU", options) for path in paths]

        def run(inputs: dict[str, Any]) -> Any:
            for part in compiled:
                (output,) = part(inputs).values()
                inputs = {"hidden": output, "mask": inputs["mask"]}
            return output
    else:
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(files / f"{dtype}.onnx"), settings)
        run = lambda inputs: session.run(None, inputs)[0]  # noqa: E731

    def embed(ids: Sequence[Sequence[int]]) -> Any:
        width = max(map(len, ids))
        padded = np.array([[*one, *[0] * (width - len(one))] for one in ids])
        lengths = np.array(list(map(len, ids)))
        return run({"ids": padded, "mask": (np.arange(width) < lengths[:, None]).astype(np.int64)})

    return embed


def _load_torch(library: str, dtype: str, folder: Path) -> Embed:
    from semls.engine.models import cpu_kernels, network

    torch.set_num_threads(1)
    module = network.load_module(folder, "bfloat16" if dtype == "bfloat16" else "float32", "cpu")
    loaded = network.Network(module, "cpu", dtype, PRESETS[DEFAULT_MODEL])
    if library == "semls" and dtype == "bfloat16":
        autotune._pack_with_own_attention(module)
    elif library == "semls":
        with cpu_kernels.recorded_input_maxima(module) as maxima:
            if dtype == "int8":
                tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
                loaded.embed([tokenizer.encode(text).ids for text in autotune.PROBE])
        replace = (
            cpu_kernels.pack if dtype == "float32" else partial(cpu_kernels.quantize, input_maxima=maxima)
        )
        if not replace(module):
            sys.exit(f"The processor does not support {dtype}.")
    return loaded.embed


def _alone(name: str, folder: Path, files: Path) -> None:
    """Print the CPU seconds to import a runtime and to load the model in it, and megabytes of memory."""
    library = name.split()[0].replace("semls", "torch")
    program = f"import time, {library}; print(time.process_time())"
    words = [sys.executable, "-c", program]
    seconds = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
    imported = time.process_time()
    _load(name, folder, files)([[101, 2000, 102]])
    loaded = time.process_time()
    # Of Linux. ru_maxrss would include the memory of the process that started this one.
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")
    )
    print(f"{float(seconds):.2f} {loaded - imported:.2f} {int(line.split()[1]) / 1024:.0f}")


def _export(folder: Path, files: Path, sources: Path) -> None:
    """Write the network as ONNX, with float32 and with int8, and each layer as a file of its own."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from semls.engine.models import checkpoints

    network: Any = checkpoints.load(folder, json.loads((folder / "config.json").read_text()), "float32")
    count = len(network.layers)
    _export_layers(network, range(count), files / "float32.onnx")
    for number in range(count):
        _export_layers(network, range(number, number + 1), files / f"layer-{number:02}.onnx")
    quantize_dynamic(
        files / "float32.onnx", files / "int8.onnx", weight_type=QuantType.QInt8, per_channel=True
    )
    _quantize_with_openvino(folder, files, sources)


def _export_layers(network: Any, layers: range, path: Path) -> None:
    """Write some layers: the first with the embeddings of tokens, the last with pooling."""
    shape, is_first, is_last = network._shape, layers.start == 0, layers.stop == len(network.layers)

    def attention(query: Any, key: Any, value: Any, mask: Any) -> Any:
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(2, 3)
        return torch.softmax(scores + mask, -1) @ value

    class Part(torch.nn.Module):  # type: ignore[misc]
        """Masks and rotations are computed in the graph, for any width."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, given: Any, mask: Any) -> Any:
            hidden, width = self._embed(given) if is_first else given, given.shape[1]
            hidden_score = (1 - mask[:, None, None].float()) * torch.finfo().min
            for number in layers:
                positions, rotation = shape.layers[number], None
                if positions.theta is not None:
                    size = shape.hidden // shape.heads
                    frequencies = positions.theta ** (-torch.arange(0, size, 2) / size)
                    angles = torch.outer(torch.arange(width).float(), frequencies).repeat(1, 2)
                    rotation = angles.cos(), angles.sin()
                hidden = network.layers[number](hidden, hidden_score, rotation, attention)
            if not is_last:
                return hidden
            pooled = (hidden * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
            return torch.nn.functional.normalize(pooled, dim=1)

        def _embed(self, ids: Any) -> Any:
            hidden = network.word_embeddings(ids) + network.type_embeddings.weight[0]
            if shape.positions:
                hidden = hidden + network.position_embeddings.weight[: ids.shape[1]]
            return network.first_norm(hidden)

    mask = torch.ones(2, 16, dtype=torch.long)
    name = "ids" if is_first else "hidden"
    torch.onnx.export(
        Part().eval(),
        (mask if is_first else torch.ones(2, 16, shape.hidden), mask),
        str(path),
        input_names=[name, "mask"],
        output_names=["output"],
        dynamic_axes={each: {0: "batch", 1: "width"} for each in (name, "mask")},
        opset_version=17,
        dynamo=False,
    )


def _quantize_with_openvino(folder: Path, files: Path, sources: Path) -> None:
    """Write the network with int8 weights and inputs, which some chunks calibrate."""
    import nncf
    import openvino

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(_MAX_TOKENS)
    texts = [text for _, text in itertools.islice(_chunk_texts(sources), _CALIBRATING)]
    rows = [np.array([encoding.ids]) for encoding in tokenizer.encode_batch(texts)]
    inputs = nncf.Dataset([{"ids": row, "mask": np.ones_like(row)} for row in rows])
    network = openvino.Core().read_model(files / "float32.onnx")
    kind = nncf.ModelType.TRANSFORMER
    openvino.save_model(nncf.quantize(network, inputs, model_type=kind), files / "int8.xml", False)


if __name__ == "__main__":
    if sys.argv[1] == "export":
        _export(*map(Path, sys.argv[2:]))
    elif sys.argv[1] == "alone":
        _alone(sys.argv[4], Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
