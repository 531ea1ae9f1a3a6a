"""A language server of another kind, for beside: it knows one symbol."""

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("other", "1")


@server.feature(types.TEXT_DOCUMENT_HOVER)
def hover(params):
    return types.Hover(f"line {params.position.line}, says the other server")


server.start_io()
