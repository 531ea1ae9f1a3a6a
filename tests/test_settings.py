import pytest

from semls.settings import EngineSettings, Settings


def test_wrong_options_keep_their_defaults_and_are_named():
    settings, problems = Settings.read({"model": 3, "revision": "abc", "colour": "red"})
    assert settings == Settings(revision="abc")
    assert len(problems) == 2
    assert any("'colour'" in problem for problem in problems)
    assert any("'model'" in problem for problem in problems)


def test_empty_options_are_defaults():
    assert Settings.read({"model": "", "revision": None}) == (Settings(), [])


def test_the_environment_sets_them(monkeypatch):
    monkeypatch.setenv("SEMLS_MODEL", " nomic-ai/CodeRankEmbed ")
    assert Settings.from_environment() == Settings(model="nomic-ai/CodeRankEmbed")


@pytest.mark.parametrize(("text", "minutes"), [("2.5", 2.5), ("soon", 15.0), ("", 15.0)])
def test_the_engine_reads_its_own_from_the_environment(monkeypatch, tmp_path, text, minutes):
    monkeypatch.setenv("SEMLS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SEMLS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("SEMLS_IDLE_MINUTES", text)
    assert EngineSettings.from_environment() == EngineSettings(
        tmp_path / "cache", tmp_path / "state", minutes
    )
