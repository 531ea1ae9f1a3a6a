"""editors/README.md names every method that the server adds to the Language Server Protocol."""

import re

from semls.lsp import server
from tests.support.documents import ROOT


def test_readme_of_editors_names_every_own_method():
    readme = (ROOT / "editors/README.md").read_text("utf-8")
    own = {name for name in (*server._FEATURES, *server._COMMANDS) if name.startswith("semls")}
    assert own <= set(re.findall(r"`(semls[\w/.]+)`", readme))
