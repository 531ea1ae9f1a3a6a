"""Measure the way to the first question's embedding: python -m tests.bench.first_question [MODEL].

Each of two new processes imports what the engine imports, loads the model and embeds a question; then other
questions. The first process compares the variants of the network, the second one uses the remembered one.
"""

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from semls.engine.models.presets import FALLBACK
from tests.bench.figures import Figure, queries


def main(model: str) -> None:
    """Print the figures of both processes."""
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(2):
            subprocess.run([sys.executable, "-m", __spec__.name, model, directory], check=True)


def measure(name: str, directory: Path) -> Iterator[Figure]:
    """Yield the CPU time of each phase in this process, and of a later question."""
    start = _cpu_seconds()

    def phase(phase_name: str) -> Figure:
        nonlocal start
        before, start = start, _cpu_seconds()
        return Figure("", phase_name, start - before, "s CPU")

    yield phase("Python")
    import semls.engine.engine  # noqa: F401

    yield phase("engine")
    import chromadb  # noqa: F401

    yield phase("chromadb")
    import torch  # noqa: F401

    yield phase("torch")
    from semls.engine.models import presets, registry
    from semls.engine.models.tuned_variants import TunedVariants

    encoder = registry.load_encoder(presets.resolve(name), variants=TunedVariants(directory))
    yield phase("model")
    encoder.encode_query("where is it")
    yield phase("first question")
    yield Figure("", "all", start, "s CPU", encoder.device)
    times = []
    for query in queries():
        before = _cpu_seconds()
        encoder.encode_query(query)
        times.append(_cpu_seconds() - before)
    yield Figure("", "later question", 1000 * median(times), "ms CPU")
    yield Figure("", "memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB")


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    if sys.argv[2:]:
        for figure in measure(sys.argv[1], Path(sys.argv[2])):
            print(f"{figure.name:16} {figure.value:8.2f} {figure.unit} {figure.comment}")
        print()
    else:
        main(*sys.argv[1:] or [FALLBACK.name])
