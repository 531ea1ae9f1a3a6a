"""Decoding of files: byte order marks, declarations, EditorConfig, guesses and hostile input."""
# ruff: noqa: RUF001

import codecs
import time
from pathlib import Path

import pytest

from semls.decoding import to_utf8

# The comments of a program, and the encodings in which editors save it.
TEXTS = {
    "japanese": ("# 注文の合計を計算する\n# エラーが発生した場合は再試行します\n", "cp932 euc_jp iso2022_jp"),
    "chinese": ("# 发送确认邮件给客户，如果失败则重试\n", "gbk gb18030"),
    "taiwanese": ("# 發送確認郵件給客戶，如果失敗則重試\n", "big5 cp950"),
    "korean": ("# 주문 합계를 계산합니다\n# 오류가 발생하면 다시 시도한다\n", "euc_kr cp949"),
    "russian": ("# Вычисляет сумму заказа с налогом\n", "cp1251 koi8_r cp866"),
    "german": ("# Berechnet die Größe für Käufer\n", "cp1252 iso8859_1"),
    "french": ("# Calcule le montant réglé à la livraison, où ça\n", "cp1252 iso8859_15"),
    "spanish": ("# Envía un correo al cliente, ¿está listo? ¡Sí!\n", "cp1252"),
    "polish": ("# Oblicza wartość zamówienia, łącznie z podatkiem\n", "iso8859_2 cp1250"),
    "czech": ("# Vypočítá součet, příliš žluťoučký kůň\n", "iso8859_2 cp1250"),
    "greek": ("# Υπολογίζει το σύνολο της παραγγελίας\n", "cp1253"),
    "turkish": ("# Siparişin toplam tutarını müşteriye gönderir, ığüşöç\n", "cp1254"),
    "arabic": ("# يحسب مجموع الطلب\n", "cp1256"),
    "punctuation": ("# don\u2019t \u201cquote\u201d \u2026 \xa9 2020\n", "cp1252"),
}
CODE = "import os\ndef total(order):\n    return sum(order)\n"
ENCODED = [(text, encoding) for text, encodings in TEXTS.values() for encoding in encodings.split()]


def decoded(content: bytes, file: Path = Path("/nowhere/a.py")) -> str:
    return to_utf8(file, content).decode()


@pytest.mark.parametrize(("text", "encoding"), ENCODED)
def test_to_utf8_of_comments_among_code_finds_encoding(text, encoding):
    for program in (text, CODE + text, (CODE * 10 + text) * 200, text.replace("\n", " ") * 200):
        assert decoded(program.encode(encoding)) == program


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
    ],
)
def test_to_utf8_of_utf16_and_utf32_decodes_them(mark, encoding, end):
    text = f"class Printer {{ }}{end}// größe 漢字 😋{end}" + f"int x;{end}" * 5000
    assert decoded(mark + text.encode(encoding)) == text


@pytest.mark.parametrize("content", [b"", b"abc\n", "größe\n".encode(), b"\xef\xbb\xbfx", "\ufffd".encode()])
def test_to_utf8_of_utf8_returns_it_unchanged(content):
    assert to_utf8(Path("/nowhere/a.py"), content) is content


@pytest.mark.parametrize(
    "content", [b"\x7fELF\0\1\2\3" * 9, bytes(range(256)) * 9, b"\0", b"a\0b\0" * 4, b"\1\0\2\0" * 99]
)
def test_to_utf8_of_binary_content_returns_it_unchanged(content):
    assert to_utf8(Path("/nowhere/a.bin"), content) is content


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("größe".encode() + b" \xe9", "größe \ufffd"),
        (b"\xef\xbb\xbf" + "größe".encode() + b" \xff", "\ufeffgröße \ufffd"),
        ("# größe 漢字\n".encode() + "é\n".encode("latin-1"), "# größe 漢字\n\ufffd\n"),
        ("漢字".encode()[:-1], "漢\ufffd"),
        (
            "# coding: latin-1\n# größe Käufer\n".encode() + b"\xff",
            "# coding: latin-1\n# größe Käufer\n\ufffd",
        ),
        (b"caf\xe9 = 1\n", "café = 1\n"),
        (
            "# 发送确认邮件给客户\n# 失败则重试三次\n# 错误：无法连接服务器\n# 关闭\n".encode("gbk")
            + b"\xff\n",
            "# 发送确认邮件给客户\n# 失败则重试三次\n# 错误：无法连接服务器\n# 关闭\n\ufffd\n",
        ),
    ],
)
def test_to_utf8_with_invalid_bytes_keeps_the_rest(content, text):
    assert decoded(content) == text


@pytest.mark.parametrize(
    ("declaration", "encoding"),
    [
        ("# -*- coding: gbk -*-", "gbk"),
        ("#!/usr/bin/python\n# coding=gb2312", "gb2312"),
        ("# vim: set fileencoding=euc-kr :", "euc_kr"),
        ("// vim: fenc=cp1251", "cp1251"),
        ("/* -*- mode: c; coding: koi8-r; -*- */", "koi8_r"),
        ('<?xml version="1.0" encoding="windows-1251"?>', "cp1251"),
        ("<?xml version='1.0' encoding='Shift_JIS'?>", "cp932"),
        ('@charset "iso-8859-2";', "iso8859_2"),
        ('<meta charset="euc-jp">', "euc_jp"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=big5">', "big5"),
        (r"\usepackage[latin2]{inputenc}", "iso8859_2"),
        ("% !TeX encoding = cp1250\n% coding: cp1250", "cp1250"),
        ("# encoding: Windows-31J", "cp932"),
        ("=encoding euc-jp", "euc_jp"),
        ("use encoding 'cp1251';", "cp1251"),
        ("# encoding: iso-8859-5", "iso8859_5"),
        ("# coding: mac-cyrillic", "mac_cyrillic"),
    ],
)
def test_to_utf8_with_declaration_uses_it(declaration, encoding):
    word = next(w for w in ("邮件", "郵件", "合計", "합계", "žluť", "дом") if _can_encode(w, encoding))
    for text in (f"{declaration}\n{word}\n", f"{word}\n" + "x = 1\n" * 999 + declaration):
        assert decoded(text.encode(encoding)) == text


def _can_encode(text, encoding):
    return text.encode(encoding, "ignore").decode(encoding) == text


@pytest.mark.parametrize(
    "name", ["punycode", "unicode_escape", "rot13", "hex", "no-such", "utf-7", "..", "x" * 400]
)
def test_to_utf8_with_other_codec_of_python_ignores_it(name):
    assert decoded(f"# coding: {name}\n# für Käufer\n".encode("cp1252")).endswith("# für Käufer\n")


@pytest.mark.parametrize(
    ("section", "charset", "path", "applies"),
    [
        ("*", "latin1", "a.txt", True),
        ("*", "latin1", "src/deep/a.txt", True),
        ("*.py", "latin1", "a.txt", False),
        ("*.{py,txt}", "latin1", "src/a.txt", True),
        ("{a,b}.txt", "latin1", "c.txt", False),
        ("src/**.txt", "latin1", "src/deep/a.txt", True),
        ("src/*.txt", "latin1", "src/deep/a.txt", False),
        ("/src/**", "latin1", "src/deep/a.txt", True),
        ("a[12].txt", "latin1", "a2.txt", True),
        ("a{1..3}.txt", "latin1", "a2.txt", True),
        ("a{1..3}.txt", "latin1", "a4.txt", False),
        ("{a}.txt", "latin1", "{a}.txt", True),
        ("*", "unset", "a.txt", False),
        ("*", "LATIN1", "a.txt", True),
        ("*", "utf-8", "a.txt", False),
    ],
)
def test_to_utf8_with_editorconfig_uses_its_charset(tmp_path, section, charset, path, applies):
    (tmp_path / ".editorconfig").write_text(f"root = true\n[{section}]\n; Old.\ncharset = {charset}\n")
    russian = "вычисляет сумму заказа".encode("cp1251")
    assert (decoded(russian, tmp_path / path) == russian.decode("cp1252")) == applies


def test_to_utf8_prefers_nearest_editorconfig_below_root(tmp_path):
    content, russian = "сумма заказа".encode("cp1251"), "сумма заказа"
    (tmp_path / ".editorconfig").write_text("root = true\n[*]\ncharset = latin1\n")
    assert decoded(content, tmp_path / "a/b/c.txt") == content.decode("cp1252")
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/.editorconfig").write_text("[*]\ncharset = unset\n")
    assert decoded(content, tmp_path / "a/b/c.txt") == russian
    (tmp_path / "a/.editorconfig").write_text("root = true\n")
    assert decoded(content, tmp_path / "a/b/c.txt") == russian


def test_to_utf8_with_editorconfig_decodes_utf16_without_mark(tmp_path):
    (tmp_path / ".editorconfig").write_text("[*.rc]\ncharset = utf-16le\n")
    text = "größe 漢字\n"
    assert decoded(text.encode("utf-16-le"), tmp_path / "a.rc") == text


@pytest.mark.parametrize(
    "config",
    [
        "[" + "{a,b}" * 200 + "]\ncharset = latin1\n",
        "[" + "{" * 500 + "a,b" + "}" * 500 + "]\ncharset = latin1\n",
        "[" + "*a" * 500 + "]\ncharset = latin1\n",
        "[" + "**/" * 300 + "]\ncharset = latin1\n",
        "[{1..999999999}]\ncharset = latin1\n" * 2000,
        "[*{a,b,c,d}{a,b,c,d}*]\ncharset = latin1\n" * 2000,
        "[" * 65_536,
        "=" * 100_000,
        "\n" * 100_000,
    ],
)
def test_to_utf8_with_hostile_editorconfig_is_fast(tmp_path, config):
    (tmp_path / ".editorconfig").write_text(config)
    began = time.monotonic()
    assert "é" in decoded("é".encode("latin-1"), tmp_path / ("a" * 200) / ("a" * 200))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "content",
    [
        b"\xff" * 1_000_000,
        b"\xe9 " * 500_000,
        "ж".encode("cp1251") * 1_000_000,
        b"\xe9\n" * 500_000,
        b"\x81" * 1_000_001,
        b"coding=" * 150_000 + b"\xff",
        b"\x1b$B" * 300_000,
        bytes(byte % 255 + 1 for byte in range(1_000_000)),
    ],
)
def test_to_utf8_of_hostile_content_is_fast(content):
    began = time.monotonic()
    decoded(content)
    assert time.monotonic() - began < 5
