"""A hostile Chroma server, and collection configurations that run code when chromadb builds them."""

import json
import threading
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class EmbeddingFunction:
    """An embedding function whose description makes chromadb run code from a model directory."""

    def __init__(self, directory):
        self.ran = directory / "ran"
        model = directory / "hostile-model"
        model.mkdir()
        automatic = {"AutoConfig": "hostile.Config", "AutoModel": "hostile.Model"}
        (model / "config.json").write_text(json.dumps({"model_type": "hostile", "auto_map": automatic}))
        (model / "hostile.py").write_text(f"open({str(self.ran)!r}, 'w')")
        options = {"model_name": str(model), "device": "cpu", "normalize_embeddings": False}
        self.described = {
            "type": "known",
            "name": "sentence_transformer",
            "config": {**options, "kwargs": {"trust_remote_code": True}},
        }

    @property
    def configuration(self):
        return {"hnsw": {"space": "cosine"}, "embedding_function": self.described}

    @property
    def schema(self):
        """The schema as Chroma writes it: only the vector index names the function."""
        off, on = {"enabled": False, "config": {}}, {"enabled": True, "config": {}}
        return {
            "defaults": {
                "string": {"fts_index": off, "string_inverted_index": on},
                "float_list": self._vectors(enabled=False),
                "sparse_vector": {"sparse_vector_index": off},
                "int": {"int_inverted_index": on},
                "float": {"float_inverted_index": on},
                "bool": {"bool_inverted_index": on},
            },
            "keys": {
                "#document": {"string": {"fts_index": on, "string_inverted_index": off}},
                "#embedding": {"float_list": self._vectors(enabled=True)},
            },
        }

    def _vectors(self, *, enabled):
        source = "#document" if enabled else None
        config = {"space": "cosine", "source_key": source, "embedding_function": self.described, "hnsw": {}}
        return {"vector_index": {"enabled": enabled, "config": config}}


class Chroma(BaseHTTPRequestHandler):
    """A server with one empty collection, whose responses can be replaced.

    `answers` maps the last part of a path to its response: an object to send as JSON, bytes, or a function
    that takes the handler and writes the whole response.
    """

    protocol_version = "HTTP/1.1"
    answers: dict[str, object]
    requests: list[str]
    collection: dict[str, object]
    port: int
    url: str

    def do_GET(self):
        self._answer(None)

    def do_POST(self):
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, request):
        self.requests.append(self.path)
        end = self.path.rpartition("/")[2]
        found = self.answers.get(end, self._default(end, request))
        if callable(found):
            self.close_connection = True
            found(self)
        else:
            content = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

    def _default(self, end, request):
        if end == "collections":
            return {**self._described(request["name"], request["metadata"]), **self.collection}
        empty: dict[str, object] = {"ids": [], "embeddings": []}
        return {"get": empty, "query": {"ids": [[]], "distances": [[]]}, "version": "1.0.0"}.get(end, {})

    def _described(self, name, metadata):
        return {
            "id": str(uuid.uuid4()),
            "name": name,
            "metadata": metadata,
            "configuration_json": {"hnsw": {"space": "cosine"}, "spann": None, "embedding_function": None},
            "schema": None,
            "dimension": None,
            "tenant": "default_tenant",
            "database": "default_database",
            "version": 0,
            "log_position": 0,
        }

    def log_message(self, *_):
        pass


@contextmanager
def chroma(answers=None, **collection):
    """Run a hostile server. Yield its handler class, which records the requests."""

    class Handler(Chroma):
        """The handler of this server only."""

    Handler.answers, Handler.requests, Handler.collection = answers or {}, [], collection
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        Handler.port, Handler.url = server.server_port, f"http://127.0.0.1:{server.server_port}"
        try:
            yield Handler
        finally:
            server.shutdown()
            thread.join()
