import time

import pytest

from semls.engine.syntax import languages
from tests.support.chunks import language


@pytest.mark.parametrize(
    ("path", "content", "name"),
    [
        ("a/b.py", b"", "python"),
        ("A.PY", b"", "python"),
        ("stubs.pyi", b"", "python"),
        ("x.d.ts", b"", "typescript"),
        ("x.test.jsx", b"", "javascript"),
        ("x.tsx", b"", "tsx"),
        ("x.h", b"// std lib\n#include <stdio.h>\nint f(void);\n", "c"),
        ("x.h", b"#pragma once\nnamespace a {\nint f();\n}\n", "cpp"),
        ("x.h", b"#include <string>\n", "cpp"),
        ("x.h", b"class A final : public B {\n", "cpp"),
        ("x.h", b"int f(std::string);\n", "cpp"),
        ("x.h", b"#import <Foundation/Foundation.h>\n@interface A\n@end\n", "objc"),
        ("x.m", b"@implementation A\n@end\n", "objc"),
        ("x.m", b"function y = f(x)\n", "matlab"),
        ("x.mm", b"", "objc"),
        ("docker/Dockerfile", b"", "dockerfile"),
        ("CMakeLists.txt", b"", "cmake"),
        ("requirements.txt", b"", "requirements"),
        ("notes.txt", b"", "text"),
        (".bashrc", b"", "bash"),
        ("Rakefile", b"", "ruby"),
        ("go.mod", b"", "gomod"),
        ("page.html.erb", b"", "embeddedtemplate"),
        ("run", b"#!/bin/sh\n", "bash"),
        ("run", b"#!/usr/bin/env -S python3 -u\n", "python"),
        ("run", b"#! /usr/bin/env FOO=1 node\n", "javascript"),
        ("run", b"#!/usr/local/bin/python3.12\n", "python"),
        ("run", b"\x7fELF", "text"),
        ("run", b"#!", "text"),
        ("", b"", "text"),
    ],
)
def test_detect_with_name_and_content_returns_language(path, content, name):
    assert languages.detect(path, content).name == name


@pytest.mark.parametrize(
    ("path", "content", "name"),
    [
        ("a.h", b"namespace a\n" * 80_000, "c"),
        ("a.h", b"inline namespace\n" * 60_000, "c"),
        ("run", b"#!" + b"/" * 1_000_000, "text"),
    ],
)
def test_detect_with_hostile_content_is_fast(path, content, name):
    began = time.monotonic()
    assert languages.detect(path, content).name == name
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("alias", "name"),
    [("Python", "python"), ("c++", "cpp"), ("C#", "csharp"), ("golang", "go"), ("typescriptreact", "tsx")],
)
def test_by_name_with_alias_returns_language(alias, name):
    assert language(alias).name == name
    assert languages.by_name("no such language") is None


def test_names_and_aliases_are_unique():
    names = [(alias, name) for name in languages.NAMES for alias in {name, *language(name).aliases}]
    assert len({alias for alias, _ in names}) == len(names)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Dockerfile", "dockerfile"),
        ("docker/Dockerfile.dev", "dockerfile"),
        ("web.Dockerfile", "dockerfile"),
        ("Makefile", "make"),
        ("Makefile.linux", "make"),
        ("rules.mk", "make"),
        ("src/CMakeLists.txt", "cmake"),
        ("main.tf", "terraform"),
        ("prod.tfvars", "terraform"),
        ("job.nomad", "hcl"),
        (".github/workflows/ci.yml", "yaml"),
        ("App.vue", "vue"),
        ("build.gradle.py", "python"),
        ("Dockerfile.py", "python"),
        ("notes", "text"),
    ],
)
def test_detect_with_file_name_returns_language(path, name):
    assert languages.detect(path, b"").name == name
