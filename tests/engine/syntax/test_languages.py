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
        ("page.erb", b"", "embeddedtemplate"),
        ("page.ejs", b"", "ejs"),
        ("page.html.ejs", b"", "ejs"),
        ("page.html.twig", b"", "twig"),
        ("x.ts.j2", b"", "typescript"),
        ("x.ex.eex", b"", "elixir"),
        ("x.java.ftl", b"", "java"),
        ("X.TS.J2", b"", "typescript"),
        ("deploy.sh.tmpl", b"", "bash"),
        ("nginx.conf.erb", b"", "ini"),
        ("chart.yaml.tpl", b"", "yaml"),
        ("Dockerfile.j2", b"", "dockerfile"),
        (".bashrc.erb", b"", "bash"),
        ("Dockerfile.erb", b"", "dockerfile"),
        ("component.tsx.hbs", b"", "tsx"),
        ("motd.j2", b"", "text"),
        ("page.j2", b"{% block a %}\n  <div>\n", "html"),
        ("page.jinja2", b"{% extends 'a' %}\n<h1>{{ a }}</h1>\n", "html"),
        ("domain.xml.j2", b"<?xml version='1.0'?>\n<a>", "xml"),
        ("domain.j2", b"<?xml version='1.0'?>\n<a>", "xml"),
        ("Dockerfile.dev.j2", b"FROM x\n", "dockerfile"),
        ("analysis.ipynb", b"", "jupyter"),
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


# Extension, language, and the starts of its files.
SHARED = [
    ("as", "actionscript", "package {\n  import flash.display.Sprite;\n  public class A extends Sprite {"),
    ("as", "asm", "  .text\n  .globl main\n"),
    ("bb", "bitbake", 'SUMMARY = "A tool"\ninherit cmake\n'),
    ("bb", "clojure", "(defn f [x] x)\n"),
    ("C", "cpp", "#include <stdio.h>\nint main() {}\n"),
    ("c", "c", "#include <stdio.h>\nint main() {}\n"),
    ("H", "cpp", "int f();\n"),
    ("cl", "c", "__kernel void add(__global float *a) {\n"),
    ("cl", "c", "// Adds.\nkernel void add(global float *a) {\n"),
    ("cl", "commonlisp", ";;; A.\n(defun f (x) x)\n"),
    ("cl", "text", "class Main inherits IO {\n"),
    ("cls", "latex", "% A class.\n\\NeedsTeXFormat{LaTeX2e}\n\\ProvidesClass{thesis}\n"),
    ("cls", "text", 'VERSION 1.0 CLASS\r\nBEGIN\r\n  MultiUse = -1\r\nEND\r\nAttribute VB_Name = "A"\r\n'),
    ("cls", "text", "USING Progress.Lang.*.\n\nCLASS acme.Order INHERITS Base:\n  METHOD PUBLIC VOID f():\n"),
    ("cls", "text", "Class Sample.Person Extends %Persistent\n{\n"),
    ("cls", "apex", "/** A. */\npublic with sharing class A {\n"),
    ("cls", "apex", "@isTest\nprivate class ATest {\n"),
    ("cls", "apex", "@RestResource(urlMapping='/a/*')\nglobal class A {\n"),
    ("config", "xml", '<?xml version="1.0"?>\n<configuration>\n'),
    ("config", "text", "port = 80\n"),
    ("cs", "csharp", "using System;\nclass A { }\n"),
    ("cs", "text", "Object subclass: #Animal\n  instanceVariableNames: ''\n"),
    ("d", "d", "import std.stdio;\nvoid main() { }\n"),
    ("d", "make", "build/main.o: src/main.c src/main.h \\\n  src/other.h\n"),
    ("d", "make", "/a/target/debug/libx.rlib: /a/src/lib.rs\n"),
    ("d", "text", "#!/usr/sbin/dtrace -s\nsyscall::open:entry\n{\n"),
    ("d", "text", "#pragma D option quiet\n"),
    ("def", "cpp", "#ifndef OPCODE\n#define OPCODE(x)\n#endif\n"),
    ("def", "latex", "\\ProvidesFile{a.def}\n"),
    ("def", "text", "LIBRARY a\nEXPORTS\n  f @1\n"),
    ("es", "erlang", "#!/usr/bin/env escript\n%% -*- erlang -*-\nmain(_) -> ok.\n"),
    ("es", "javascript", "export class A {}\n"),
    ("ex", "elixir", "defmodule A do\n  def f, do: 1\nend\n"),
    ("ex", "text", "include std/io.e\nprocedure main()\nend procedure\n"),
    ("f", "fortran", "c     comment\n      program main\n      end\n"),
    ("f", "text", "\\ Words.\n: square ( n -- n ) dup * ;\n"),
    ("for", "fortran", "      SUBROUTINE ADD(A)\n"),
    ("fs", "fsharp", "module A\n\nlet f x =\n    x\n"),
    ("fs", "fsharp", "type A =\n  { x\n    : int }\n"),
    ("fs", "glsl", "#version 330 core\nout vec4 color;\nvoid main() { }\n"),
    (
        "fs",
        "glsl",
        "precision mediump float;\nvarying vec2 uv;\nvoid main() {\n  gl_FragColor = vec4(1.0);\n}\n",
    ),
    ("fs", "text", ': hello ( -- ) ." hello" cr ;\n'),
    ("gd", "gdscript", "extends Node\nfunc _ready():\n"),
    ("gs", "javascript", "function onOpen() { return 1; }\n"),
    ("gs", "glsl", "#version 150\nlayout(triangles) in;\nvoid main() { EmitVertex(); }\n"),
    ("h", "cpp", "// -*- C++ -*-\nint f();\n"),
    ("h", "cpp", "#pragma once\nenum class Color { red };\n"),
    ("h", "objc", "@class A;\n"),
    ("hh", "hack", "<?hh // strict\nfunction f(): void {}\n"),
    ("hh", "cpp", "class A {};\n"),
    ("inc", "php", "<?php\nfunction f() {}\n"),
    ("inc", "php", "<div>\n<?= $x ?>\n"),
    ("inc", "c", "#define A 1\n"),
    ("inc", "c", "/* Table. */\nstatic const int table[] = {\n"),
    ("inc", "cpp", "template <class T>\nT f() {}\n"),
    ("inc", "pascal", "procedure Go;\nbegin\nend;\n"),
    ("inc", "asm", "%macro print 1\n  mov eax, 4\n%endmacro\n"),
    ("inc", "asm", "SCREEN equ $0400\n  lda #$00\n"),
    ("inc", "sql", "CREATE TABLE t (id int);\n"),
    ("inc", "bitbake", 'SRC_URI = "git://a"\n'),
    ("inc", "html", "<div>\n</div>\n"),
    ("inc", "fortran", "      real x(10)\n      common /a/ x\n"),
    ("inc", "text", "Hello.\n"),
    ("l", "commonlisp", "(defun f (x) x)\n"),
    ("l", "text", "%{\n#include <stdio.h>\n%}\n%%\n"),
    ("m", "objc", '// A.\n#import "A.h"\n'),
    ("m", "objc", "#include <stdio.h>\nint main() {}\n"),
    ("m", "matlab", "% A.\nfunction y = f(x)\n"),
    ("m", "text", ":- module hello.\n:- interface.\n"),
    ("m", "text", "(* ::Package:: *)\nf[x_] := x^2\n"),
    ("md", "markdown", "# A\n\n(define x)\n"),
    ("md", "text", ';; Machine.\n(define_insn "add"\n'),
    ("ml", "ocaml", "let f =\n  fun x -> x = 1\n"),
    ("ml", "text", "structure A = struct\nfun f x = x\nend\n"),
    ("mm", "objc", '#import "A.h"\n'),
    ("mm", "xml", '<map version="1.0.1">\n'),
    ("mod", "dtd", "<!-- A -->\n<!ENTITY % a 'b'>\n"),
    ("mod", "text", "MODULE Hello;\nBEGIN\nEND Hello.\n"),
    ("php", "hack", "<?hh\nfunction f(): void {}\n"),
    ("pl", "perl", "#!/usr/bin/perl\nuse strict;\nsub f { }\n"),
    ("pl", "perl", "$x = 1;\n"),
    ("pl", "text", "% Family.\nparent(a, b).\nancestor(X, Y) :- parent(X, Y).\n"),
    ("pl", "text", ":- use_module(library(lists)).\n"),
    ("plist", "xml", '<?xml version="1.0"?>\n<plist>\n'),
    ("plist", "text", "{ a = b; }\n"),
    ("pp", "puppet", "class a {\n  package { 'b': }\n}\n"),
    ("pp", "pascal", "{ A. }\nunit u;\ninterface\n"),
    ("pp", "pascal", "program p;\nuses crt;\n"),
    ("props", "xml", "<Project>\n</Project>\n"),
    ("props", "properties", "a=b\n"),
    ("r", "r", "f <- function(x) x\n"),
    ("r", "text", 'REBOL [Title: "A"]\n'),
    ("r", "text", "Red [\n]\n"),
    ("re", "text", "let add = (a, b) => a + b;\n"),
    ("re", "re2c", "int lex() {\n/*!re2c\n*/\n}\n"),
    ("rpy", "text", 'label start:\n  e "Hello"\n'),
    ("rs", "rust", "fn main() {}\n"),
    ("rs", "c", "#pragma version(1)\n#pragma rs java_package_name(a)\n"),
    ("rules", "udev", 'SUBSYSTEM=="usb", MODE="0666"\n'),
    ("rules", "text", "service cloud.firestore {\n"),
    ("sc", "scala", "import $ivy.`a`\ndef f(x: Int) = x\n"),
    ("sc", "text", "SynthDef(\\a, { |freq| Out.ar(0, SinOsc.ar(freq)) }).add;\n"),
    ("sch", "scheme", "(define (f x) x)\n"),
    ("sch", "xml", '<?xml version="1.0"?>\n<schema/>\n'),
    ("shader", "glsl", "#version 450\nvoid main() {}\n"),
    ("shader", "hlsl", 'Shader "A" {\n  SubShader { Pass { CGPROGRAM\n'),
    ("t", "perl", "use Test::More;\nok(1);\n"),
    ("t", "text", "  $ hg init\n  $ hg status\n"),
    ("tpl", "php", "<?php echo 1; ?>\n"),
    ("tpl", "html", "<div>{$name}</div>\n"),
    ("tpl", "text", '{{- define "a" }}\n'),
    ("ts", "typescript", "export const a = <T,>(x: T) => x;\n"),
    ("ts", "xml", "<!DOCTYPE TS><TS>\n"),
    ("ts", "xml", '\n<?xml version="1.0"?>\n<TS>\n'),
    ("tsx", "tsx", "export const A = () => <a/>;\n"),
    ("tsx", "xml", '<tileset name="a">\n'),
    ("v", "verilog", "`timescale 1ns/1ps\nmodule a(input b);\nendmodule\n"),
    ("v", "verilog", "module a\n  #(parameter N = 1)\n  (input b);\nendmodule\n"),
    ("v", "v", "module main\n\nfn main() {\n}\n"),
    ("v", "text", "Require Import Arith.\nTheorem a : 1 = 1.\n"),
    ("vim", "vim", "vim9cmd echo 1\nfunction! A()\nendfunction\n"),
    ("vim", "vim9script", "vim9script\n\ndef A()\nenddef\n"),
    ("vim", "vim9script", '" A comment.\nvim9script noclear\n'),
    ("vsh", "glsl", "attribute vec3 a;\nvoid main() {}\n"),
    ("vsh", "v", "#!/usr/bin/env v\nprintln('a')\n"),
    ("yy", "json", '{\n  "resourceType": "GMScript"\n}\n'),
    ("yy", "text", "%{\n%}\n%token A\n%%\n"),
]


@pytest.mark.parametrize(("extension", "name", "content"), SHARED)
def test_detect_with_shared_extension_uses_content(extension, name, content):
    for text in (content, content.replace("\n", "\r\n"), "\ufeff" + content):
        assert languages.detect(f"a.{extension}", text.encode()).name == name


@pytest.mark.parametrize(
    ("paths", "name"),
    [
        ("a.less a.sass a.scss", "scss"),
        ("page.ets a.svelte.ts", "typescript"),
        ("a.Rmd a.qmd a.livemd", "markdown"),
        ("a.jsp a.cshtml a.razor a.hbs a.aspx", "html"),
        ("a.metal a.tcc a.cppm a.ixx config.hpp.in", "cpp"),
        ("a.usf a.cginc a.slang", "hlsl"),
        ("a.gdshader a.fsh a.rgen", "glsl"),
        ("a.cu.h a.cuh", "cuda"),
        ("a.pyx a.sage a.gyp a.pyi.in setup.py.in settings.py.example Snakefile", "python"),
        ("a.rbi a.podspec a.gemspec a.ru Dangerfile", "ruby"),
        ("a.topojson a.jsonld a.avsc a.tf.json a.sarif", "json"),
        ("config.yml.example a.cff a.sublime-syntax", "yaml"),
        ("a.vcxproj a.wxs a.plist.in", "xml"),
        ("a.zsh-theme a.ksh a.bats a.sh.in", "bash"),
        ("a.nf a.jenkinsfile", "groovy"),
        (".env.example prod.env", "properties"),
        ("BUCK a.bzl", "starlark"),
        ("config.php.dist a.ctp", "php"),
        ("old.c.bak a.C.orig", "c"),
    ],
)
def test_detect_with_related_extension_returns_language(paths, name):
    content = b'<?xml version="1.0"?>\n' if name == "xml" else b""
    assert {path: languages.detect(path, content).name for path in paths.split()} == dict.fromkeys(
        paths.split(), name
    )


@pytest.mark.parametrize(
    ("path", "content", "name"),
    [
        ("block.module", "<?php\nfunction f() {}\n", "php"),
        ("a.install", "<?php\n", "php"),
        ("a.module", "Hello.\n", "text"),
        ("a.unknown", '<?xml version="1.0"?>\n<a/>\n', "xml"),
        ("a.unknown", "<!DOCTYPE html>\n", "html"),
        ("a.unknown", "#!/usr/bin/env node\n", "javascript"),
        ("a.unknown", "# -*- mode: ruby -*-\n# vi: set ft=ruby :\n", "ruby"),
        ("a.unknown", "x\n" * 2000 + "# vim: ts=4 filetype=python :\n", "python"),
        ("vector", "// -*- C++ -*-\n", "cpp"),
        ("a.unknown", "// -*- mode: c; tab-width: 4 -*-\n", "c"),
        ("a.unknown", "-*- no-such-mode -*-\n", "text"),
        ("a.inc", "; -*- mode: fortran -*-\n", "fortran"),
        ("a.py", "# vim: ft=ruby\n", "python"),
    ],
)
def test_detect_with_declaration_in_content_uses_it(path, content, name):
    assert languages.detect(path, content.encode()).name == name


HOSTILE = "a|.|(|<|{|:|((a|a(|x[|@a(|a=|a:b:|-*- |vim:|a.o |: |a |![ |public |class a|module a |fun a|using a"


@pytest.mark.parametrize("unit", [*HOSTILE.split("|"), " ", "\t", "\n", " \n"])
def test_detect_with_shared_extension_and_hostile_content_is_fast(unit):
    content = unit.encode() * (1_000_000 // len(unit))
    for extension in {extension for extension, _, _ in SHARED}:
        began = time.process_time()
        languages.detect(f"a.{extension}", content)
        assert time.process_time() - began < 1


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
