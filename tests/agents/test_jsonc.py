"""Edits of JSON with comments."""

import pytest

from semls.agents import jsonc

SECTION = "servers"


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"a": 1,}',
        '{"servers": {"a": 1}}',
        '{"servers": {"a": 1,}, "b": [1, 2,]}',
        '{\n\t"servers": {\n\t\t"a": 1 // one\n\t}\n}\n',
        '{\n    "servers": {\n        "a": 1, // one\n        // end\n    }, /* more */\n}',
        '{\r\n  "servers": {\r\n    "a": "}//"\r\n  }\r\n}\r\n',
        '\ufeff// head\n{ "servers": { "a": 1 } } // tail',
        '{"servers": {/* none */ "a": {}}}',
    ],
)
def test_insert_and_remove_restore_the_text(text):
    value = {"command": "/bin/é", "args": ["mcp"]}
    edited = jsonc.insert(text, SECTION, "semls", value)
    assert jsonc.read(edited, SECTION, "semls") == value
    assert jsonc.read(text, SECTION, "semls") is None
    assert jsonc.read(edited, SECTION, "a") == jsonc.read(text, SECTION, "a")
    assert edited.count("\n") == edited.count("\r\n") or "\r" not in text
    assert jsonc.remove(edited, SECTION, "semls") == text


@pytest.mark.parametrize("text", ["", "\n", "{}", '{"servers": {}}', '{"servers": { }}'])
def test_remove_of_the_only_member_leaves_an_empty_object(text):
    edited = jsonc.insert(text, SECTION, "semls", 1)
    assert jsonc.remove(edited, SECTION, "semls").strip() == "{}"


def test_comments_in_an_empty_object_stay():
    text = '{\n  "servers": {\n    // none yet\n  }\n}\n'
    edited = jsonc.insert(text, SECTION, "semls", 1)
    assert edited == '{\n  "servers": {\n    // none yet\n    "semls": 1\n  }\n}\n'
    assert jsonc.remove(edited, SECTION, "semls") == text


def test_remove_of_a_member_between_others():
    text = '{"servers": {\n  "a": 1,\n  "semls": {"x": []}, // ours\n  "b": 2\n}}'
    assert jsonc.remove(text, SECTION, "semls") == '{"servers": {\n  "a": 1, // ours\n  "b": 2\n}}'


@pytest.mark.parametrize(
    "text", ["[]", "{", "{}}", '{"a" 1}', '{"a": 1 "b": 2}', '{"a": b}', '{"a": "\n"}', "{/*", "{a: 1}", "'"]
)
def test_invalid_json_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        jsonc.insert(text, SECTION, "semls", 1)
