"""Edits of TOML files."""

import sys

import pytest

from semls.agents import toml_table

SECTION = "mcp_servers"
needs_parser = pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no parser of TOML")
TABLE = {"command": "/bin/é", "args": ["mcp"]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "a = 1",
        "a = 1\n",
        "a = 1\n\n",
        "a = 1\r\n",
        "a = 1\r\nb = 2",
        "# comment",
        "[mcp_servers]\n",
        "[mcp_servers.x]\ncommand = 'y'\n",
        'a = """\n[mcp_servers.semls]\n"""\n',
        "a = '''\n[mcp_servers.semls]\n''''\n",
        'a = "\\"[mcp_servers.semls]" # "\n',
        "a = [\n[1],\n]\n",
    ],
)
def test_insert_and_remove_restore_the_text(text):
    edited = toml_table.insert(text, SECTION, "semls", TABLE)
    assert toml_table.find(edited, SECTION, "semls") == [TABLE]
    assert toml_table.find(text, SECTION, "semls") == []
    assert edited.count("\n") == edited.count("\r\n") or "\r" not in text
    assert toml_table.remove(edited, SECTION, "semls") == text


def test_replace_keeps_comments_and_other_values():
    text = """a = 1
[mcp_servers.semls] # code search
# do not move
  command = '/old/#"é' # the program
args = ["x", "y"]
startup_timeout_sec = 20

[b]
command = "/old"
"""
    table = {"command": "C:\\new\\semls.exe", "args": ["-m", "semls"]}
    wanted = text.replace("""'/old/#"é'""", '"C:\\\\new\\\\semls.exe"').replace('"x", "y"', '"-m", "semls"')
    assert toml_table.replace(text, SECTION, "semls", table) == wanted


@pytest.mark.parametrize(
    "text",
    [
        '[mcp_servers.semls]\ncommand = """/old"""\n',
        '[mcp_servers.semls]\ncommand = "/bin/é"\nargs = [\n"x"\n]\n',
        '[mcp_servers]\nsemls = {command = "/old", args = []}\n',
        '[mcp_servers.semls]\ncommand = "/old"\n',
    ],
)
@needs_parser
def test_replace_refuses_other_layouts(text):
    with pytest.raises(ValueError, match="is not written with a value in each line"):
        toml_table.replace(text, SECTION, "semls", TABLE)


def test_remove_recognises_the_file_that_insert_has_made():
    edited = toml_table.insert(None, SECTION, "semls", TABLE)
    assert toml_table.find(edited, SECTION, "semls") == [TABLE]
    assert toml_table.remove(edited, SECTION, "semls") is None


def test_remove_keeps_the_tables_around_and_their_comments():
    edited = toml_table.insert("a = 1\n", SECTION, "semls", TABLE)
    after = "\n# the database\n[mcp_servers.db]\ncommand = 'db'\n"
    assert toml_table.remove(edited + after, SECTION, "semls") == f"a = 1\n{after}"


@needs_parser
@pytest.mark.parametrize(
    "text", ["mcp_servers = {x = {command = 'y'}}\n", "mcp_servers = 1", "[[mcp_servers]]"]
)
def test_section_that_cannot_be_extended_is_refused(text):
    with pytest.raises(
        ValueError, match=r"^'mcp_servers' is not written as tables such as \[mcp_servers.NAME\]$"
    ):
        toml_table.insert(text, SECTION, "semls", TABLE)


@needs_parser
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mcp_servers.semls.command = '/bin/semls'\n", "is not written as a table"),
        ("[mcp_servers.semls]\ncommand = 'a'\n[mcp_servers.semls.env]\nA = 'b'\n", "has tables of its own"),
    ],
)
def test_table_that_can_only_be_removed_in_parts_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        toml_table.remove(text, SECTION, "semls")
