"""Extract the text of documentation from comments and string literals."""

import inspect
import re

_STRING_LITERAL = re.compile(r"^[@A-Za-z ~]*(\"\"\"|'''|\"|')(.*)\1$", re.DOTALL)
_COMMENT_START = re.compile(
    r"/\*+!?|//+!?|\*+/?|#+['!|]?|--+ ?[|^]?|;+|%+|\(\*+|\{-+ ?[|^]?|<!--+|<#|!+[<>]?(?=\s)|[\"'](?=\s)|'''"
)
# Tags and phrases of JSDoc, TSDoc, PHPDoc and Doxygen comments that document the file, configure a compiler,
# or describe something that has no code of its own; and headings between rules.
_NOT_OF_DEFINITION = re.compile(
    r"""(?:^|[\s*/])[@\\](?:
        (?:file|fileoverview|overview|module|packageDocumentation|license|licence|copyright|preserve|mainpage
          |page|dir|defgroup|addtogroup|name|typedef|callback|event|external|import
          |jsx\w*|(?:no)?flow|ts-(?:no)?check|\w+-environment)\b
        | [{}]
    ) | ^/\*\*\#@ | ^//?[/*\s]*[-=~*\#_]{4}
      | \bcopyright\b.{0,40}\b\d{4}\b | \(c\)\s*\d{4}\b | \blicensed\ under\b
      | \ball\ rights\ reserved\b | \bSPDX-License""",
    re.IGNORECASE | re.VERBOSE,
)
_TEMPLATE_COMMENT = re.compile(r"\{#-?(.*?)-?#\}|\{\{[-~]?\s*/\*(.*?)\*/\s*[-~]?\}\}", re.DOTALL)
_COMMENT_ENDS = ("**/", "*/", "-}", "*)", "-->", "#>", "|#")


def comment_text(comment: str) -> str:
    """Return the text of a comment without comment markers and common indentation."""
    if template_comment := _TEMPLATE_COMMENT.fullmatch(comment):
        comment = template_comment[1] or template_comment[2] or ""
    elif re.fullmatch(r"\{[^-].*[^-]\}", comment, re.DOTALL):  # Pascal
        comment = comment[1:-1]
    lines = (_strip_markers(line.strip()) for line in comment.splitlines())
    return inspect.cleandoc("\n".join(lines)).strip()


def documents_next_definition(comment: str) -> bool:
    """Return whether a documenting comment belongs to the next definition, and not to the file."""
    return not _NOT_OF_DEFINITION.search(comment)


def docstring_text(node_text: str) -> str:
    """Return the text of a node that documents a definition: a string literal or a comment."""
    text = string_text(node_text)
    return comment_text(node_text) if text == node_text else text


def string_text(literal: str) -> str:
    """Return the content of a string literal; a text that is not one is returned unchanged."""
    match = _STRING_LITERAL.match(literal)
    return inspect.cleandoc(match[2]).strip() if match else literal


def _strip_markers(line: str) -> str:
    start = _COMMENT_START.match(line)
    text = line[start.end() :] if start else line
    for end in _COMMENT_ENDS:
        text = text.removesuffix(end)
    return text.removeprefix(" ").rstrip()
