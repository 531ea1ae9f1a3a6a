"""Descriptions of a collection that run code when chromadb builds what they name."""

import json


class EmbeddingFunction:
    """An embedding function of chromadb that runs code from a model's folder where it is built."""

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
        """As Chroma writes it: only the vectors' index names the function."""
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
