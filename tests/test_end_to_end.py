"""End-to-end tests with the real bundled model: index a folder, search it, check the best hits."""

import json
import shutil

import pytest

from tests.conftest import FIXTURES, Terminal

DEFAULT = ""  # the default model, which cannot be downloaded in tests; the bundled one is used instead


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    directory = tmp_path_factory.mktemp("end-to-end")
    for name in ("gpt", "shop"):
        shutil.copytree(FIXTURES / name, directory / name)
    terminal = Terminal(directory / "semls", model=DEFAULT)
    for name in ("gpt", "shop"):
        done = terminal.run("index", directory / name)
        assert done.returncode == 0, done.stderr
    yield directory, terminal
    terminal.stop()


@pytest.mark.parametrize(
    ("query", "name", "path"),
    [
        ("What is the context length for the model?", "ModelConfig", "model/config.py"),
        ("GPTLanguageModel", "GPTLanguageModel", "model/transformer.py"),
        ("How can I load the decoder from the tokenizer?", "load_decoder", "model/tokenizer.py"),
        ("write the weights to disk", "save_checkpoint", "train.py"),
        ("where is attention computed", "Head", "model/transformer.py"),
        ("Tokenizer.decode", "decode", "model/tokenizer.py"),
    ],
)
def test_search_in_python_project_ranks_the_definition_first(indexed, query, name, path):
    directory, terminal = indexed
    answer = terminal.json("search", query, "--path", directory / "gpt")
    first = answer["hits"][0]
    assert (first["name"], first["path"]) == (name, path)
    assert answer["query"] == query
    assert answer["model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert answer["coverage"]["chunks"] == answer["coverage"]["embedded"] > 10


@pytest.mark.parametrize(
    ("query", "name", "language"),
    [
        ("call the payment service once more after it failed", "RetryWithBackoff", "go"),
        ("sum of all prices minus the rebate", "computeTotal", "typescript"),
        ("drop the sessions that are no longer active", "evict_expired", "rust"),
        ("shrink an image but keep its aspect ratio", "fit_into", "python"),
        ("take articles out of stock", "reserve", "java"),
        ("guide for going back to the version before", "Rolling back", "markdown"),
    ],
)
def test_search_with_synonyms_finds_code_in_six_languages(indexed, query, name, language):
    directory, terminal = indexed
    answer = terminal.json("search", query, "--path", directory / "shop", "-k", 4)
    assert (name, language) in [(hit["name"], hit["language"]) for hit in answer["hits"]]


@pytest.mark.parametrize(
    "query", ["How do I bake a chocolate cake?", "kubernetes ingress certificate renewal"]
)
def test_search_for_something_else_has_no_strong_match(indexed, query):
    directory, terminal = indexed
    assert terminal.json("search", query, "--path", directory / "shop")["confidence"] < 0.2
    done = terminal.run("search", query, "--path", directory / "shop")
    assert "No strong match; nearest:" in done.stderr


@pytest.mark.parametrize("query", ["fit_into", "shrink an image but keep its aspect ratio"])
def test_search_for_something_there_has_a_strong_match(indexed, query):
    directory, terminal = indexed
    assert terminal.json("search", query, "--path", directory / "shop")["confidence"] > 0.3
    done = terminal.run("search", query, "--path", directory / "shop")
    assert "No strong match" not in done.stderr


def test_hit_has_range_name_and_snippet(indexed):
    directory, terminal = indexed
    (hit,) = terminal.json("search", "fit_into", "--path", directory / "shop", "-k", 1)["hits"]
    source = (directory / "shop/worker/thumbnails.py").read_text("utf-8").splitlines()
    start, end = hit["range"]["start"], hit["range"]["end"]
    name = hit["selectionRange"]
    assert source[start["line"]].startswith("def fit_into")
    assert "return Size" in source[end["line"]]
    assert end["character"] == len(source[end["line"]])
    assert source[name["start"]["line"]][name["start"]["character"] : name["end"]["character"]] == "fit_into"
    assert hit["uri"] == (directory / "shop/worker/thumbnails.py").as_uri()
    assert (hit["kind"], hit["container"]) == ("Function", "")
    assert hit["snippet"].startswith("def fit_into")
    assert hit["snippet"] in "\n".join(source)


@pytest.mark.parametrize(
    ("location", "name", "similar"),
    [
        ("gpt/model/tokenizer.py:17", "load_encoder", "load_decoder"),
        ("shop/store/Inventory.java:17", "restock", "reserve"),
    ],
)
def test_similar_finds_code_that_does_the_same(indexed, location, name, similar):
    directory, terminal = indexed
    folder = directory / location.split("/")[0]
    answer = terminal.json("similar", directory / location, "--path", folder)
    assert (answer["name"], answer["model"]) == (name, "sentence-transformers/all-MiniLM-L6-v2")
    assert answer["copies"] == []
    assert answer["hits"][0]["name"] == similar
    assert 0.5 < answer["hits"][0]["score"] < 1


def test_context_contains_the_definition_that_answers(indexed):
    directory, terminal = indexed
    question = "How can I load the decoder from the tokenizer?"
    answer = terminal.json("context", question, "--tokens", 300, "--path", directory / "gpt")
    assert (answer["query"], answer["model"]) == (question, "sentence-transformers/all-MiniLM-L6-v2")
    assert answer["tokens"] <= 300
    first = answer["sections"][0]
    assert first["path"] == "model/tokenizer.py"
    code = "".join(part["text"] for part in first["parts"])
    assert code.startswith("class Tokenizer:")
    assert "def load_decoder" in code
    assert "def load_decoder" in answer["markdown"]


def test_index_of_unchanged_folder_embeds_nothing(indexed):
    directory, terminal = indexed
    assert terminal.json("index", directory / "gpt")["embedded"] == 0
    assert "nothing to embed" in terminal.run("index", directory / "gpt").stdout


def test_index_of_copied_folder_embeds_nothing(indexed):
    directory, terminal = indexed
    shutil.copytree(directory / "gpt", directory / "elsewhere/copy")
    counts = terminal.json("index", directory / "elsewhere/copy")
    assert counts["embedded"] == 0
    assert counts["chunks"] > 10


def test_index_with_fallback_model_names_both_models(indexed):
    directory, terminal = indexed
    stderr = terminal.run("index", directory / "gpt").stderr
    assert "nomic-ai/nomic-embed-text-v1" in stderr
    assert "all-MiniLM-L6-v2" in stderr
    assert "Traceback" not in stderr


def test_search_from_stdin_answers_each_query(indexed):
    directory, terminal = indexed
    queries = "GPTLanguageModel\n\nsave a checkpoint\n"
    done = terminal.run("search", "--from", "-", "--json", "--path", directory / "gpt", stdin=queries)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["query"] for answer in answers] == ["GPTLanguageModel", "save a checkpoint"]
    assert [answer["hits"][0]["name"] for answer in answers] == ["GPTLanguageModel", "save_checkpoint"]
