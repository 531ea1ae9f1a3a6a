"""Build a benchmark from questions about pinned revisions of repositories.

The questions are a folder with repos.json and annotations/NAME.json: those of MinishLab/semble's benchmark,
which are answered by files, or those in tests/bench/questions, which are answered by definitions. The latter
were written before the code was read; their answers were found afterwards by reading, never by searching with
semls.
"""

import json
import subprocess
from pathlib import Path

from tests.bench.build.layout import BenchmarkWriter, Item, check_out, last_line


def build(folder: Path, questions: Path, sources: Path) -> None:
    """Write the benchmark. Repositories whose git directory or revision is missing are left out."""
    writer = BenchmarkWriter(folder)
    for row in json.loads((questions / "repos.json").read_text("utf-8")):
        name = row["name"]
        if not (sources / name).is_dir():
            print(f"{name}: left out: no git directory {sources / name}")
            continue
        try:
            check_out(sources / name, row["revision"], writer.new_checkout(name))
        except subprocess.CalledProcessError as error:
            print(f"{name}: left out: {last_line(error)}")
            continue
        items: list[Item] = json.loads((questions / "annotations" / f"{name}.json").read_text("utf-8"))
        writer.add(row, items)
        print(f"{name}: {len(items)} questions")
