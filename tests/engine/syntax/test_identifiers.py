import pytest

from semls.engine.syntax import identifiers


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("parseHTTPHeader", ["parse", "HTTP", "Header"]),
        ("parse_http_header", ["parse", "http", "header"]),
        ("utf8Decoder2", ["utf", "8", "Decoder", "2"]),
        ("IOError", ["IO", "Error"]),
        ("größe", ["größe"]),
        ("größeÄndern", ["größeÄndern"]),
        ("x", ["x"]),
        ("___", []),
    ],
)
def test_split_identifier_returns_words(name, words):
    assert identifiers.split(name) == words


def test_split_camel_case_with_other_words_returns_only_parts_of_camel_case():
    assert identifiers.split_camel_case("call parseHeader in plain_words") == "parse Header"
