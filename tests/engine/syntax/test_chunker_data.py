"""Chunks of data, markup, style sheets and build files."""

import json
import time

import pytest

from tests.conftest import HANG
from tests.support.chunks import check_chunks, chunks_of, expected_summaries, find_chunk, summaries

HTML = """\
<!DOCTYPE html>
<html>
<head>
  <title>Shop</title>
  <script src="cart.js"></script>
  <script>
    function total(items) {
      let sum = 0;
      for (const item of items) sum += item.price;
      return sum;
    }
  </script>
</head>
<body>
<!-- Where to go. -->
<nav aria-label="Main">
  <a href="/">Home</a>
</nav>
<h1>The <em>shop</em> &amp; more</h1>
<p>Welcome.</p>
<h2>Goods</h2>
<ul id="goods">
  <li>Apples</li>
  <li>Pears</li>
  <li id="plums">Plums</li>
  <li>Cherries</li>
</ul>
<H2>Contact</H2>
<form name="contact">
  <input id="address">
</form>
</body>
</html>
"""

CSS = """\
@import "base.css";
a { color: red; }
b { color: blue; }

/* The bar on top. */
.navbar,
.navbar > ul {
  display: flex;
  height: 3rem;
}

@media (max-width: 600px) {
  .navbar { display: none; }
  a { color: black; }
}

@keyframes spin {
  from { rotate: 0deg; }
  to { rotate: 360deg; }
}

@font-face {
  font-family: "Shop";
  src: url(shop.woff2);
}
"""

SCSS = """\
@use "sass:math";
$gap: 8px;

// Puts it into the middle.
@mixin centred($axis) {
  display: flex;
  align-items: center;
}

@function double($size) { @return $size * 2; }

.card {
  @include centred(x);
  padding: double($gap);
  &:hover { opacity: 1; }

  .title { font-weight: bold; }
}

@layer base {
  a { color: red; }
  b { color: blue; }
}
"""

JSON = """\
{
  "name": "shop",
  "version": "1.0.0",
  "private": true,
  "files": ["dist"],
  "repository": {
    "type": "git",
    "url": "https://example.org/shop.git"
  },
  "scripts": {
    "build": "vite build",
    "test": "vitest run",
    "lint": "eslint src",
    "publish": "npm publish --access public"
  },
  "sideEffects": false,
  "dependencies": {
    "react": "^19.0.0",
    "react-dom": "^19.0.0",
    "redux": "^5.0.1",
    "zod": "^4.0.0"
  },
  "description": "%s"
}
""" % ("A long story. " * 50)

YAML = """\
name: CI
permissions: read-all

on:
  push:
    branches: [main]
  pull_request:
    branches: [main]
  workflow_dispatch:

# What runs.
jobs:
  # Tries it out.
  test:
    runs-on: ubuntu-latest
    steps:
      - run: make test

  # Sends the package to the registry.
  publish:
    needs: test
    steps:
      - run: make publish
# How loud it is.
logging:
  level: info
  to: stderr
  colour: true
  time: false
  size: 10
"""

MANIFESTS = """\
# The way in.
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  ports:
    - port: 80
---
# What runs.
apiVersion: apps/v1
kind: Deployment
metadata:
  labels: {app: web}
  name: web-server
spec:
  replicas: 3
---
- name: Install nginx
  apt:
    name: nginx
- name: Start nginx
  service: {name: nginx}
"""

TOML = """\
title = "shop"

[build-system]
requires = ["hatchling"]

# Who we are.
[project]
name = "shop"
version = "1.0"
description = "Sells things."
dependencies = ["rich"]

[project.scripts]
shop = "shop:main"

# How it looks.
[tool.ruff.lint]
select = ["ALL"]
ignore = ["D"]
preview = true

[[bin]]
name = "shop"
"""

DOCKERFILE = """\
# syntax=docker/dockerfile:1
ARG NODE=22

# Builds the frontend.
FROM node:${NODE} AS frontend
WORKDIR /app
RUN npm ci && \\
    npm run build

# Serves it.
FROM nginx:alpine
COPY --from=frontend /app/dist /srv
CMD ["nginx"]
"""

MAKE = """\
CC = gcc
SOURCES = a.c b.c

.PHONY: all
# Everything.
all: build test

build: $(SOURCES)
\t$(CC) -o shop $^

a.o: a.c a.h
b.o: b.c b.h

%.o: %.c
\t$(CC) -c $<

define greet
echo "Hello $(1)"
endef

ifdef CI
report: build
\t./report
endif
"""

CMAKE = """\
cmake_minimum_required(VERSION 3.20)
project(shop)

# Finds the version.
function(find_version out)
  set(${out} 1.0 PARENT_SCOPE)
endfunction()

macro(twice command)
  message(STATUS ${command})
endmacro()

if(WITH_STORE)
  # Keeps goods.
  add_library(store STATIC
    store.cpp)
endif()
add_library(shop::store ALIAS store)
target_include_directories(store PUBLIC include)

shop_cc_test(
  NAME
    store_test
  SRCS
    "store_test.cpp")
add_executable(shop main.cpp)
"""

TERRAFORM = """\
terraform {
  required_version = ">= 1.5"
}

provider "aws" { region = var.region }

# Where to.
variable "region" {
  default = "eu-central-1"
}

locals { name = "shop" }

# Keeps the logs of the load balancer.
resource "aws_s3_bucket" "logs" {
  bucket = "logs"
  dynamic "rule" { content {} }
}

data "aws_ami" "ubuntu" { most_recent = true }
module "vpc" {
  source = "./vpc"
}
output "url" { value = module.vpc.url }
"""

HCL = """\
# The shop.
job "shop" {
  group "web" {
    task "server" { driver = "docker" }
  }
}

log_level = "info"
"""

XML = """\
<?xml version="1.0"?>
<!-- How it is built. -->
<project>
  <artifactId>shop</artifactId>
  <version>1.0</version>

  <!-- What it needs. -->
  <dependencies>
    <dependency>
      <groupId>junit</groupId>
      <version>4.13</version>
    </dependency>
  </dependencies>
</project>
"""

PRISMA = """\
datasource db { provider = "sqlite" }

// Who buys.
model Customer {
  id   Int @id
  name String
}

enum State { OPEN PAID }
"""

VUE = """\
<script setup lang="ts">
const count = ref(0)
</script>

<template>
  <Card><template #title>Shop</template></Card>
</template>

<!-- How it looks. -->
<style scoped>
a { color: red; }
</style>
"""

SVELTE = """\
<script>
  let count = 0;
</script>

<button>{count}</button>

<style>
  button { color: red; }
</style>
"""

ASTRO = """\
---
const title = "Shop";
---
<h1>{title}</h1>
<style>
  h1 { color: red; }
</style>
"""

EXPECTED = {
    "html": (
        HTML,
        """
        Module - 0 4
        Function total 6 10
        Module - 12 13
        Object Main 14 17
        Module The shop & more 18 19
        Module The shop & more.Goods 20 20
        Object The shop & more.Goods.goods 21 26
        Module The shop & more.Contact 27 27
        Object The shop & more.Contact.contact 28 30
        """,
    ),
    "css": (
        CSS,
        """
        Module - 0 2
        Class .navbar 4 9
        Module (max-width: 600px) 11 14
        Function spin 16 19
        Module @font-face 21 24
        """,
    ),
    "scss": (
        SCSS,
        """
        Module - 0 1
        Function centred 3 7
        Function double 9 9
        Class .card 11 17
        Module base 19 22
        """,
    ),
    "json": (
        JSON,
        """
        Module - 0 8
        Key scripts 9 14
        Module - 15 15
        Key dependencies 16 21
        Module - 22 23
        """,
    ),
    "yaml": (
        YAML,
        """
        Module - 0 1
        Key on 3 8
        Module jobs 10 11
        Key jobs.test 12 16
        Key jobs.publish 18 22
        Key logging 23 29
        """,
    ),
    "yml": (
        MANIFESTS,
        """
        Object web 0 7
        Object web-server 8 16
        Object - 17 22
        """,
    ),
    "toml": (
        TOML,
        """
        Module - 0 3
        Object project 5 10
        Module - 12 13
        Object tool.ruff.lint 15 19
        Module - 21 22
        """,
    ),
    "dockerfile": (
        DOCKERFILE,
        """
        Module - 0 1
        Module frontend 3 7
        Module nginx 9 12
        """,
    ),
    "make": (
        MAKE,
        """
        Module - 0 1
        Function all 3 5
        Function build 7 8
        Module - 10 11
        Function %.o 13 14
        Function greet 16 18
        Module - 20 20
        Function report 21 22
        Module - 23 23
        """,
    ),
    "cmake": (
        CMAKE,
        """
        Module - 0 1
        Function find_version 3 6
        Function twice 8 10
        Module - 12 12
        Object store 13 15
        Module - 16 18
        Object store_test 20 24
        Object shop 25 25
        """,
    ),
    "terraform": (
        TERRAFORM,
        """
        Object terraform 0 2
        Object provider.aws 4 4
        Object variable.region 6 9
        Object locals 11 11
        Object aws_s3_bucket.logs 13 17
        Object aws_ami.ubuntu 19 19
        Object module.vpc 20 22
        Object output.url 23 23
        """,
    ),
    "hcl": (
        HCL,
        """
        Object job.shop 0 5
        Module - 7 7
        """,
    ),
    "xml": (
        XML,
        """
        Module - 0 4
        Object dependencies 6 12
        """,
    ),
    "prisma": (
        PRISMA,
        """
        Module - 0 0
        Class Customer 2 6
        Enum State 8 8
        """,
    ),
    "vue": (
        VUE,
        """
        Module script 0 2
        Module template 4 6
        Module style 8 11
        """,
    ),
    "svelte": (
        SVELTE,
        """
        Module script 0 2
        Module - 4 4
        Module style 6 8
        """,
    ),
    "astro": (
        ASTRO,
        """
        Module - 0 2
        Module - 3 3
        Module style 4 6
        """,
    ),
}


def check(source: bytes, name: str) -> None:
    check_chunks(source, name, is_data=True)


@pytest.mark.parametrize("name", EXPECTED)
def test_chunk_of_data_file_returns_definitions(name):
    source, expected = EXPECTED[name]
    assert summaries(chunks_of(source, name)) == expected_summaries(expected)


@pytest.mark.parametrize("name", EXPECTED)
def test_chunk_of_data_file_is_complete_and_disjoint(name):
    check(EXPECTED[name][0].encode(), name)
    check(EXPECTED[name][0].replace("\n", "\r\n").encode(), name)


@pytest.mark.parametrize("name", EXPECTED)
def test_chunk_of_broken_data_file_is_complete_and_disjoint(name):
    source = EXPECTED[name][0].encode()
    assert chunks_of("", name) == []
    for broken in (source[: len(source) // 2], source[len(source) // 2 :], source.replace(b"}", b"")):
        check(broken, name)
    check(source.replace(b":", b" {{ ").replace(b"=", b" <").replace(b">", b""), name)


@pytest.mark.parametrize(
    ("name", "qualified_name", "doc"),
    [
        ("html", "Main", "Where to go."),
        ("css", ".navbar", "The bar on top."),
        ("scss", "centred", "Puts it into the middle."),
        ("yaml", "jobs.publish", "Sends the package to the registry."),
        ("yaml", "logging", "How loud it is."),
        ("yml", "web-server", ""),
        ("toml", "project", "Who we are."),
        ("dockerfile", "frontend", "Builds the frontend."),
        ("dockerfile", "nginx", "Serves it."),
        ("make", "all", "Everything."),
        ("cmake", "store", "Keeps goods."),
        ("terraform", "aws_s3_bucket.logs", "Keeps the logs of the load balancer."),
        ("xml", "dependencies", "What it needs."),
        ("prisma", "Customer", "Who buys."),
    ],
)
def test_chunk_with_comment_above_has_documentation(name, qualified_name, doc):
    assert find_chunk(chunks_of(EXPECTED[name][0], name), qualified_name).doc == doc


def test_chunk_of_small_data_file_returns_one_chunk():
    assert len(chunks_of(json.dumps({"a": {"b": [1, 2, 3]}, "c": ["d"] * 20}, indent=2), "json")) == 1
    assert len(chunks_of("a: 1\nb:\n  c: 2\nd: [3]\n" * 10, "yaml")) == 1
    assert len(chunks_of("[a]\nb = 1\n\n[c]\nd = 2\n", "toml")) == 1
    assert len(chunks_of("a { b: c }\nd {\n  e: f;\n}\n" * 10, "css")) == 1


def test_chunk_of_large_value_splits_it_into_parts_with_its_name():
    found = chunks_of(json.dumps({"packages": [{"name": f"n{n}"} for n in range(500)]}, indent=2), "json")
    assert 2 < len(found) < 20
    assert {one.name for one in found[1:]} == {"packages"}


def test_chunk_of_nested_blocks_splits_only_long_ones():
    task = 'task "t%d" {\n' + '  driver = "docker"\n' * 60 + "}\n"
    assert [one.qualified_name for one in chunks_of(f'job "a" {{\n{task % 1}}}', "hcl")] == ["job.a"]
    long = chunks_of(f'job "a" {{\n{task % 1}{task % 2}{task % 3}}}', "hcl")
    assert [one.qualified_name for one in long] == ["job.a", *(f"job.a.task.t{n}" for n in (1, 2, 3))]


RECORD = {"id": 1, "tags": ["a", "b", "c"], "text": "x" * 20, "size": 3, "kind": "k", "seen": False}
RECORDS = {f"key{number}": RECORD for number in range(3_000)}

HUGE = {
    "minified": ("json", json.dumps(RECORDS, separators=(",", ":"))),
    "indented": ("json", json.dumps(RECORDS, indent=2)),
    "numbers": ("json", "[" + "1," * 100_000 + "1]"),
    "nested objects": ("json", '{"a":\n' * 900 + "1" + "}\n" * 900),
    "open objects": ("json", '{"a": [' * 3_000),
    "tiny keys": ("yaml", "".join(f"key{number}: {number}\n" for number in range(5_000))),
    "records": ("yaml", "".join(f"key{n}:\n" + "  a: 1\n" * 6 for n in range(1_000))),
    "documents": ("yaml", "---\na: 1\nb: 2\nc: 3\nd: 4\n" * 1_000),
    "nested keys": ("yaml", "".join(" " * depth + "k:\n" for depth in range(150))),
    "templates": ("yaml", "a: [\n{{ b }}\n- c: }\n" * 1_000),
    "tables": ("toml", "".join(f"[[t]]\na = {n}\nb = 1\nc = 1\n\n" for n in range(2_000))),
    "nested elements": ("html", '<div id="x">\n' * 500 + "a" + "</div>\n" * 500),
    "open elements": ("html", "<p id=a>x\n" * 5_000),
    "open headings": ("html", "<h2>a\n" * 2_000),
    "line breaks": ("html", "<div>" + "a <br> " * 20_000 + "</div>"),
    "minified rules": ("css", ".a,.b>c{color:red;top:1px}" * 10_000),
    "short rules": ("css", "a { b: c }\n" * 10_000),
    "open rules": ("scss", "a {\n" * 3_000),
    "dependencies": ("make", "a.o: b.c d.h\n" * 10_000),
    "commands": ("cmake", "set(a b)\n" * 10_000),
    "comments": ("toml", "[a]\nb = 1" + "\n#" * 60_000),
    "nested blocks": ("hcl", 'a "b" {\n' * 500 + "}\n" * 500),
    "small elements": ("xml", "<r>" + "<a>1</a>\n" * 10_000 + "</r>"),
    "rows": ("xml", "<r>" + "<a>\n<b/>\n<b/>\n<b/>\n</a>\n" * 2_000 + "</r>"),
    "steps": ("dockerfile", "FROM a AS b\nRUN x" + " && \\\n  y" * 5_000),
    "script": ("vue", "<script>\n" + "let a = 1;\n" * 10_000 + "</script>"),
}


@pytest.mark.parametrize("case", HUGE)
def test_chunk_of_huge_data_file_is_fast_and_returns_few_chunks(case):
    name, source = HUGE[case]
    begin = time.monotonic()
    found = chunks_of(source, name)
    assert time.monotonic() - begin < HANG
    assert len(found) < 120 + len(source) // 1_000
    check(source.encode(), name)
