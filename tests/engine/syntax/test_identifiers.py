import pytest

from semls.engine.syntax import identifiers


@pytest.mark.parametrize(
    ("name", "parts"),
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
def test_an_identifier_is_split_at_humps_digits_and_underscores(name, parts):
    assert identifiers.split(name) == parts


def test_only_camel_case_is_split_in_a_text():
    assert identifiers.split_camel_case("call parseHeader in plain_words") == "parse Header"
