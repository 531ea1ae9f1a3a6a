import json
from dataclasses import asdict
from typing import Any

import pytest

from semls.ask.settings import AskSettings
from semls.errors import UsageError
from semls.settings import EngineSettings, Server, Settings
from tests.support.documents import (
    OWN_SETTINGS,
    PACKAGE,
    ROOT,
    language_list,
    models_table,
    settings_table,
    vscode_settings,
)


def test_settings_parse_with_wrong_options_keeps_defaults_and_names_them():
    settings, problems = Settings.parse({"model": 3, "revision": "abc", "colour": "red"})
    assert settings == Settings(revision="abc")
    assert len(problems) == 2
    assert any("'colour'" in problem for problem in problems)
    assert any("'model'" in problem for problem in problems)


def test_settings_parse_with_empty_options_returns_defaults():
    assert Settings.parse({"model": "", "revision": None}) == (Settings(), [])


def test_settings_from_environment_strips_values(monkeypatch):
    monkeypatch.setenv("SEMLS_MODEL", " nomic-ai/CodeRankEmbed ")
    assert Settings.from_environment() == (Settings(model="nomic-ai/CodeRankEmbed"), [])


def test_settings_of_editor_and_environment_describe_the_same_server(monkeypatch):
    store: dict[str, Any] = {
        "url": "https://a:8443",
        "token": "secret",
        "headers": {"X-Team": "a"},
        "tenant": "t",
    }
    settings, problems = Settings.parse({"store": store})
    assert settings.store == Server("https://a:8443", "secret", {"X-Team": "a"}, "t")
    assert problems == []
    assert Settings.parse(asdict(settings)) == (settings, [])
    for key in ("url", "token", "tenant"):
        monkeypatch.setenv(f"SEMLS_STORE_{key.upper()}", store[key])
    monkeypatch.setenv("SEMLS_STORE_HEADERS", '{"X-Team": "a"}')
    assert Settings.from_environment() == (settings, [])


def test_settings_of_editor_and_environment_have_the_same_languages(monkeypatch):
    settings, problems = Settings.parse({"languages": {" *.inc": "php ", "*.x": ""}})
    assert (settings, problems) == (Settings(languages={"*.inc": "php"}), [])
    monkeypatch.setenv("SEMLS_LANGUAGES", '{"*.inc": "php"}')
    assert Settings.from_environment() == (settings, [])
    assert Settings.parse({"languages": []}) == (Settings(), [])


@pytest.mark.parametrize(
    "option", ["php", ["*.inc"], {"*.inc": 1}, {"*.inc": "\x1b"}, {"*.inc": {"a": "b"}}, 3]
)
def test_settings_parse_with_wrong_languages_ignores_and_names_them(option):
    settings, problems = Settings.parse({"languages": option})
    assert settings == Settings()
    assert len(problems) == 1
    assert "'languages'" in problems[0]


def test_server_repr_hides_token_and_headers():
    assert "secret" not in repr(Server("https://a", token="secret", headers={"Authorization": "secret"}))


@pytest.mark.parametrize(
    ("store", "named"),
    [
        ({"url": "ftp://a"}, "store.url"),
        ({"url": "https://user:secret@a"}, "store.token"),
        ({"url": "http://[a"}, "store.url"),
        ({"token": "secret"}, "store.url"),
        ({"url": "https://a", "headers": ["X-Team"]}, "store.headers"),
        ({"url": "https://a", "colour": "red"}, "store.colour"),
        ("https://a", "store"),
    ],
)
def test_settings_parse_with_wrong_store_ignores_store_and_names_option(store, named):
    settings, problems = Settings.parse({"store": store})
    assert settings == Settings()
    assert len(problems) == 1
    assert named in problems[0]
    assert "secret" not in problems[0]


@pytest.mark.parametrize(("text", "minutes"), [("2.5", 2.5), ("soon", 15.0), ("", 15.0)])
def test_engine_settings_from_environment_reads_directories_and_numbers(monkeypatch, tmp_path, text, minutes):
    monkeypatch.setenv("SEMLS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SEMLS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("SEMLS_IDLE_MINUTES", text)
    assert EngineSettings.from_environment() == EngineSettings(
        tmp_path / "cache", tmp_path / "state", minutes
    )


def test_reference_lists_every_setting():
    """`python -m tests.support.documents` writes the table."""
    assert settings_table() in (ROOT / "server" / "REFERENCE.md").read_text("utf-8")


def test_reference_lists_every_preset():
    """`python -m tests.support.documents` writes the table."""
    assert models_table() in (ROOT / "server" / "REFERENCE.md").read_text("utf-8")


def test_reference_lists_every_language_with_definitions():
    """`python -m tests.support.documents` writes the list."""
    assert language_list() in (ROOT / "server" / "REFERENCE.md").read_text("utf-8")


def test_vscode_extension_contributes_every_setting():
    """`python -m tests.support.documents` writes them."""
    contributed = json.loads(PACKAGE.read_text("utf-8"))["contributes"]["configuration"]["properties"]
    assert contributed.keys() == {*OWN_SETTINGS, *vscode_settings()}
    assert vscode_settings().items() <= contributed.items()


@pytest.fixture
def ask_environment(monkeypatch):
    """Return a function that sets the variables of AskSettings."""

    def set_variables(**variables):
        for name in ("COMMAND", "URL", "MODEL", "KEY"):
            monkeypatch.delenv(f"SEMLS_ASK_{name}", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(f"SEMLS_ASK_{name}", value)

    return set_variables


def test_ask_command_is_split_as_in_a_shell(ask_environment):
    ask_environment(COMMAND=" claude -p --tools '' ", URL="")
    assert AskSettings.from_environment() == AskSettings(command=("claude", "-p", "--tools", ""))


@pytest.mark.parametrize(
    ("url", "completed"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/chat/completions"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1/chat/completions"),
        ("https://host.example/api/v3/", "https://host.example/api/v3/chat/completions"),
        ("https://host.example/v1/chat/completions", "https://host.example/v1/chat/completions"),
        ("https://host.example/v1?version=2", "https://host.example/v1/chat/completions?version=2"),
    ],
)
def test_ask_url_is_completed(ask_environment, url, completed):
    ask_environment(URL=url, MODEL="qwen3", KEY="secret")
    settings = AskSettings.from_environment()
    assert settings == AskSettings(url=completed, model="qwen3", key="secret")
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({}, "No language model is configured"),
        ({"KEY": "secret"}, "No language model is configured"),
        ({"COMMAND": "cat", "URL": "http://127.0.0.1:9"}, "both set"),
        ({"COMMAND": "cat '"}, "SEMLS_ASK_COMMAND cannot be parsed"),
        ({"COMMAND": "cat \x1b"}, "unprintable"),
        ({"URL": "http://127.0.0.1:9"}, "SEMLS_ASK_MODEL is not set"),
        ({"URL": "ftp://host", "MODEL": "x"}, "SEMLS_ASK_URL must be"),
        ({"URL": "http://127.0.0.1:99999/", "MODEL": "x"}, "SEMLS_ASK_URL must be"),
        ({"URL": "http://127.0.0.1:-1", "MODEL": "x"}, "SEMLS_ASK_URL must be"),
        ({"URL": "http://127.0.0.1:abc", "MODEL": "x"}, "SEMLS_ASK_URL must be"),
        ({"URL": "http://127.0.0.1:0/v1", "MODEL": "x"}, "SEMLS_ASK_URL must be"),
        ({"URL": "http://me:pw@host", "MODEL": "x"}, "SEMLS_ASK_KEY for that"),
        ({"URL": "http://host", "MODEL": "x", "KEY": "é"}, "SEMLS_ASK_KEY"),
    ],
)
def test_invalid_ask_settings_are_explained(ask_environment, variables, text):
    ask_environment(**variables)
    with pytest.raises(UsageError, match=text):
        AskSettings.from_environment()
