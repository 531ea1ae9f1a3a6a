"""Find what the content of a file says about its language, whatever the file's name is."""

import re

_MAX_SHEBANG_BYTES = 256  # as in Linux; matching takes quadratic time
_MAX_SEARCHED = 1000  # bytes at the start and the end that may hold a declaration for an editor

_SHEBANG = re.compile(rb"#![ \t]*(?:\S*/)?(?:env[ \t]+(?:-\S+[ \t]+|\w+=\S*[ \t]+)*)?(?:\S*/)?([^\s\d./-]+)")
_EMACS = re.compile(rb"-\*-[ \t]*(?:[^\n]{0,200}?\bmode:[ \t]*)?([\w+#-]+)[ \t]*(?:;[^\n]{0,200}?)?-\*-")
_VIM = re.compile(rb"\b(?:vim?|ex):[^\n]{0,200}?\b(?:ft|filetype|syntax|syn)=([\w+#-]+)")
_SIGNATURE = re.compile(rb"\s*<(?:\?(php|xml|hh)\b|!doctype[ ]+(html)\b)", re.IGNORECASE)


def interpreter(content: bytes) -> str:
    """Return the interpreter in the first line, "" if there is none."""
    match = _SHEBANG.match(content[:_MAX_SHEBANG_BYTES])
    return match[1].decode("latin-1") if match else ""


def editor_mode(content: bytes) -> str:
    """Return the language that a file declares for Emacs or Vim, "" if there is none."""
    for text in (content[:_MAX_SEARCHED], content[_MAX_SEARCHED:][-_MAX_SEARCHED:]):
        match = _EMACS.search(text) or _VIM.search(text)
        if match:
            return match[1].decode()
    return ""


def signature(content: bytes) -> str:
    """Return the name of the language that begins with a tag like that at the start of a file, or ""."""
    match = _SIGNATURE.match(content[:_MAX_SEARCHED])
    return next(filter(None, match.groups())).decode().lower() if match else ""
