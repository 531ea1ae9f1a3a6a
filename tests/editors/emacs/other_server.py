"""Another language server, which runs at the same time as semls. It only answers hover requests."""

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("other", "1")


@server.feature(types.TEXT_DOCUMENT_HOVER)
def hover(params):
    return types.Hover(f"other server: line {params.position.line}")


server.start_io()
