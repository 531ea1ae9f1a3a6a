"""Edits of JSON with comments."""

import json

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
        "",
        "\n",
        "\n\n",
        "\ufeff",
        "{}",
        "{}\n",
        "{ }\n",
        "{\n}\n",
        "{\r\n}\r\n",
        "\ufeff{}",
        "{ /* none */ }",
        "{\n  // none yet\n}\n",
        '{"servers": {}}',
        '{"servers": { }}',
        '{\n  "servers": {}\n}\n',
        '{\n  "servers": {\n  }\n}\n',
        '{\n  "servers": {\n    // none yet\n  }\n}\n',
        '{"servers": {/* none */ }, "b": 1}',
    ],
)
def test_insert_and_remove_restore_the_text(text):
    value = {"command": "/bin/é", "args": ["mcp"]}
    edited = jsonc.insert(text, SECTION, "semls", value)
    assert jsonc.find(edited, SECTION, "semls") == [value]
    assert jsonc.find(text, SECTION, "semls") == []
    assert jsonc.find(edited, SECTION, "a") == jsonc.find(text, SECTION, "a")
    assert edited.count("\n") == edited.count("\r\n") or "\r" not in text
    assert jsonc.remove(edited, SECTION, "semls") == text


def test_replace_keeps_comments_and_other_values():
    text = """{ // mine
      "servers": {
        /* code search */ "semls": {
          "command": ["/old", /* reads only */ "mcp"], // the program
          "enabled": true,
          // nothing secret
          "env": {}
        }
      }
    }"""
    value = {"command": ["/bin/é", "mcp"], "enabled": True}
    edited = jsonc.replace(text, SECTION, "semls", value)
    assert edited == text.replace("/old", "/bin/é")
    value = {"type": "local", "command": "/bin/é", "args": ["-m", "semls"]}
    edited = jsonc.replace(text, SECTION, "semls", value)
    assert jsonc.find(edited, SECTION, "semls") == [{"enabled": True, "env": {}, **value}]
    assert all(comment in edited for comment in ("mine", "code search", "the program", "nothing secret"))


def test_remove_recognises_the_file_that_insert_has_made():
    edited = jsonc.insert(None, SECTION, "semls", {"command": "/bin/é"})
    assert json.loads(edited) == {SECTION: {"semls": {"command": "/bin/é"}}}
    assert jsonc.remove(edited, SECTION, "semls") is None


def test_null_is_a_value():
    assert jsonc.find('{"servers": {"semls": null}}', SECTION, "semls") == [None]


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
