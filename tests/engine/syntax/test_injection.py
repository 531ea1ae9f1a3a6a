"""Chunks of files that contain texts in other languages."""

import time

import pytest

from semls.engine.syntax import languages
from semls.engine.syntax.chunker import chunk
from tests.support.chunks import check_chunks, chunks_of, expected_summaries, find_chunk, summaries

HANG = 10  # seconds of CPU time; a file that takes longer is chunked by lines

VUE = """\
<template>
  <p @click="toggle">{{ text }}</p>
</template>

<script setup lang="ts">
import { computed } from 'vue'
const text = computed(() => {
  return `${position.value}`
})
// Starts or stops.
function toggle<T>(value: T) {
  audio.play()
}
const seek = (seconds: number) => 1
</script>

<style lang="scss" scoped>
.player {
  color: red;
  a { b: c }
  top: 1px;
  left: 1px;
}
@mixin centred {
  margin: 0 auto;
}
</style>
"""

OPTIONS = """\
<script>
export default {
  name: 'Grid',
  data() { return { rows: [] } },
  computed: { visible() { return this.rows } },
  methods: {
    sort(column) { this.rows.sort() },
    save: async function () { return 1 },
  },
}
</script>
"""

SVELTE = """\
<script context="module" lang='ts'>
  export async function load({ page }: Input) { return page; }
</script>
<script>
  function tick() { time += 1; }
</script>
<button on:click={tick}>Now</button>
{#snippet figure(image)}<img src={image}>{/snippet}
{#snippet caption(text)}<b>{text}</b>{/snippet}
"""

ASTRO = """\
---
interface Props { title: string }
function newest(a: Post, b: Post) { return b.date - a.date; }
---
<ul>{posts.map(p => <li>{p.title}</li>)}</ul>
<script>
  function highlight(id: string) { show(id); }
</script>
<style lang="less">
  .a { color: red; }
</style>
"""

HTML = """\
<!doctype html>
<html><head>
<script type="importmap">{"imports": {"load() {}": "x"}}</script>
<SCRIPT TYPE=module>
export function validate(form) {
  return true;
}
</SCRIPT>
<script type="text/typescript">function typed(a: number): void {}</script>
</head>
<body id="top">
<h2>Prices</h2>
<p>All prices include tax.</p>
<p>They are valid today.</p>
<script>
const menu = () => open();
class Cart { total() { return 1; } }
</script>
<script type="text/x-template"><h3>Card</h3></script>
</body></html>
"""

PHP = """\
<?php
namespace App;
function total($a) {
  return 1;
}
function page() { ?>
  <div id="wrap">
    <h1>Settings</h1>
    <p>a</p>
    <p>b</p>
    <p>c</p>
  </div>
<?php }
?>
<!doctype html>
<h1>Orders <?= $count ?></h1>
<script>
function refresh(id) {
  load(<?= $id ?>, id);
}
</script>
<?php foreach ($a as $b): ?>
<h2>Items</h2>
<p><?= $b ?></p>
<?php endforeach ?>
"""

TYPESCRIPT = """\
import { gql } from 'x'

export const LOAD_ORDERS = gql`
  query LoadOrders($id: ID!) {
    orders(id: $id) { ...OrderFields }
  }
  ${ORDER_FIELDS}
`
const typeDefs = gql`
  type User { id: ID! name: String }
  type Query { user(id: ID!): User }
`
export function useOrders() {
  return useQuery(gql`query Inner { a }`)
}
const Button = styled.button`
  color: red;
  &:hover {
    a: b;
    c: d;
    e: f;
    g: h;
  }
`
"""

ERB = """\
<h1>Orders</h1>
<% @orders.each do |order| %>
  <p><%= order.name %></p>
<% end %>
<script>
  function refresh(id) { load(<%= @id %>, id); }
</script>
"""

EJS = """\
<h1>Orders</h1>
<% function row(item) { %>
  <p><%= item.name %></p>
<% } %>
<script>
  function refresh(id) { load(<%- id %>, id); }
</script>
"""

TWIG = """\
{% extends "base" %}
{% block body %}
<h1>Orders</h1>
<script>
  function refresh(id) { load({{ id }}, id); }
</script>
{% endblock %}
"""

EXPECTED = {
    "javascript with languages in comments": (
        """\
const load = /* GraphQL */ `
  query LoadOrders { orders { id } }
`;
const tables = /* sql */ `CREATE TABLE orders (id INT);`;
run(/* gql */ `mutation Save { save }`);
const note = /* a note */ `query None { a }`;
""",
        """
        Module - 0 0
        Function LoadOrders 1 1
        Class orders 3 3
        Function Save 4 4
        Module - 5 5
        """,
    ),
    "vue": (
        VUE,
        """
        Module template 0 2
        Module script 4 5
        Variable text 6 8
        Function toggle 9 12
        Function seek 13 13
        Class .player 17 22
        Function centred 23 25
        """,
    ),
    "vue options": (
        OPTIONS,
        """
        Module script 0 2
        Method data 3 3
        Method visible 4 4
        Module script 4 5
        Method sort 6 6
        Method save 7 7
        """,
    ),
    "svelte": (
        SVELTE,
        """
        Function load 1 1
        Function tick 4 4
        Module - 6 6
        Function figure 7 7
        Function caption 8 8
        """,
    ),
    "astro": (
        ASTRO,
        """
        Interface Props 1 1
        Function newest 2 2
        Module - 4 4
        Function highlight 6 6
        Module style 8 10
        """,
    ),
    "html": (
        HTML,
        """
        Module - 0 3
        Function validate 4 6
        Function typed 8 8
        Object top 10 14
        Function menu 15 15
        Class Cart 16 16
        Method Cart.total 16 16
        Module Card 18 18
        """,
    ),
    "php": (
        PHP,
        """
        Module - 0 0
        Function App.total 2 4
        Function App.page 5 12
        Module App 13 14
        Module Orders 15 16
        Function refresh 17 19
        Module Orders 20 21
        Module Orders.Items 22 23
        Module App 24 24
        """,
    ),
    "typescript": (
        TYPESCRIPT,
        """
        Module - 0 0
        Constant LOAD_ORDERS 2 2
        Function LoadOrders 3 5
        Constant LOAD_ORDERS 6 7
        Constant typeDefs 8 8
        Class User 9 9
        Class Query 10 10
        Function useOrders 12 14
        Constant Button 15 23
        """,
    ),
    "embeddedtemplate": (
        ERB,
        """
        Module Orders 0 4
        Function refresh 5 5
        """,
    ),
    "ejs": (
        EJS,
        """
        Module Orders 0 0
        Function row 1 3
        Module Orders 4 4
        Function refresh 5 5
        """,
    ),
    "twig": (
        TWIG,
        """
        Module - 0 0
        Module body 1 1
        Module Orders 2 3
        Function refresh 4 4
        """,
    ),
}


@pytest.mark.parametrize("case", EXPECTED)
def test_chunk_of_host_returns_definitions_of_injected_texts(case):
    source, expected = EXPECTED[case]
    assert summaries(chunks_of(source, case.split()[0])) == expected_summaries(expected)


@pytest.mark.parametrize("case", EXPECTED)
def test_chunk_of_host_is_complete_and_disjoint(case):
    source, name = EXPECTED[case][0].encode(), case.split()[0]
    check_chunks(source, name, is_data=True)
    check_chunks(b"\xef\xbb\xbf" + source.replace(b"\n", b"\r\n"), name, is_data=True)
    for broken in (source[: len(source) // 2], source[len(source) // 2 :], source.replace(b"}", b"")):
        check_chunks(broken, name, is_data=True)
    check_chunks(source.replace(b"</", b"<"), name, is_data=True)


def test_chunk_of_host_names_language_of_injected_definitions():
    found = chunks_of(VUE, "vue")
    assert find_chunk(found, "toggle").language == "typescript"
    assert find_chunk(found, "toggle").doc == "Starts or stops."
    assert find_chunk(found, "centred").language == "scss"
    assert find_chunk(found, "template").language == ""


MANY = 5_000
HUGE = {
    "scripts": ("html", "<script>function f(a) { return a; }</script>\n" * MANY),
    "short scripts": ("html", "<script>f()</script>\n" * MANY),
    "styles": ("vue", "<style>a{b:c}</style>\n" * MANY),
    "nested macros": ("rust", "m!{" * MANY),
    "pages": ("php", "<h2>a</h2><?= $a ?>\n" * MANY),
    "tags": ("embeddedtemplate", "<p><% if a %></p>\n" * MANY),
    "templates": ("typescript", "const a = gql`query B { c }`\n" * MANY),
    "macros": ("rust", "m!{ fn f() {} }\n" * MANY),
}


@pytest.mark.parametrize("case", HUGE)
def test_chunk_of_many_injected_texts_is_fast(case):
    name, source = HUGE[case]
    began = time.process_time()
    chunks_of(source, name)
    assert time.process_time() - began < HANG


def test_chunk_of_template_parses_text_around_tags():
    source = """\
{% if orders %}
export class {{ name }}Service {
  {# Loads. #}
  load(id: number) {
    {%- if cache %}
    return this.get({{ url | tojson }})
    {% endif %}
  }
}
{% endif %}
"""
    found = chunk(source.encode(), languages.of_file("service.ts.j2", "typescript"))
    assert [one.name for one in found if one.name] == ["{{ name }}Service", "load"]
    assert "{{ url | tojson }}" in find_chunk(found, "{{ name }}Service.load").text


@pytest.mark.parametrize(
    ("path", "name", "source"),
    [
        ("a.sh.tmpl", "bash", "{{- if .A }}\nbuild() {\n  echo {{ .B }}\n}\n{{- end }}\n"),
        ("a.py.erb", "python", "<% if a %>\ndef build(<%= b %>):\n    return <%= c %>\n<% end %>\n"),
        ("a.html", "html", "<script>\n{% if a %}\nfunction build() {}\n{% endif %}\n</script>\n"),
        ("a.sql", "sql", "{{ config(a='b') }}\nCREATE TABLE build (id {{ c }});\n"),
        ("a.blade.php", "php", "@if ($a)\n<script>function build() { {{ $b }} }</script>\n@endif\n"),
    ],
)
def test_chunk_of_template_returns_definition(path, name, source):
    found = chunk(source.encode(), languages.of_file(path, name))
    assert "build" in [one.name for one in found]


BLOCKS = {
    "forms.html.twig": (
        """\
{% extends "base.html.twig" %}
{# A field. #}
{% macro input(name, value = {}) %}
  <input name="{{ name }}">
{% endmacro %}
{% block title 'Cart' %}
{% block content %}
  <div id="cart">
    <script>
    function addToCart(id) { return id; }
    </script>
  </div>
{% endblock content %}
""",
        """
        Module - 0 0
        Function input 1 4
        Module - 5 5
        Module content 6 8
        Function addToCart 9 9
        """,
    ),
    "page.html": (
        "{% load a %}\n{% block a %}b{% endblock %}\n{% block content %}\n<ul>\n</ul>\n{% endblock %}\n",
        "Module - 0 1\nModule content 2 5",
    ),
    "macros.jinja2": (
        "{% block a %}\n{% block b scoped %}\n<div>\n</div>\n{% endblock %}\n{% endblock %}\n",
        "Module a 0 0\nModule a.b 1 4",
    ),
    "orders.sql": (
        """\
{% macro cents(column) %}
  ({{ column }} / 100)
{% endmacro %}
{%- test is_positive(model) -%}
select 1
{%- endtest -%}
{% snapshot orders %}select 1{% endsnapshot %}
""",
        "Function cents 0 2\nFunction is_positive 3 5\nFunction orders 6 6",
    ),
    "cart.blade.php": (
        """\
@extends('app')
@section('title', 'Cart')
@section('content')
  <p>{{ $x }}</p>
  @component('alert', ['a' => 1])
    <p>Low</p>
  @endcomponent
@endsection
@section('footer')
  <p></p>
@show
""",
        "Module - 0 1\nModule content 2 3\nModule content.alert 4 6\nModule footer 8 10",
    ),
    "list.hbs": (
        '{{#*inline "row"}}\n<tr></tr>\n{{/inline}}\n{{#if a}}\n<p>{{> row}}</p>\n{{/if}}\n',
        "Function row 0 2\nModule - 3 5",
    ),
    "page.tmpl": (
        """\
{{define "header"}}<h1>{{.Title}}</h1>{{end}}
{{ block "cart" . }}
<ul>{{if .A}}{{range .Items}}<li>{{.}}</li>{{end}}{{end}}</ul>
{{ end }}
<p>{{ template "header" }}</p>
""",
        "Function header 0 0\nModule cart 1 3\nModule - 4 4",
    ),
    "templates/_helpers.tpl": (
        '{{/*\nThe name.\n*/}}\n{{- define "shop.name" -}}\n{{- with .A }}{{ . }}{{ end }}\n{{- end }}\n',
        "Function shop.name 0 5",
    ),
}


@pytest.mark.parametrize("path", BLOCKS)
def test_chunk_of_template_returns_named_parts(path):
    source, expected = BLOCKS[path]
    language = languages.of_file(path, languages.detect(path, source.encode()).name)
    assert summaries(chunk(source.encode(), language)) == expected_summaries(expected)


@pytest.mark.parametrize(
    ("path", "name", "doc"),
    [
        ("forms.html.twig", "input", "A field."),
        ("templates/_helpers.tpl", "shop.name", "The name."),
    ],
)
def test_chunk_of_template_reads_comment_above_named_part(path, name, doc):
    source = BLOCKS[path][0].encode()
    found = chunk(source, languages.of_file(path, languages.detect(path, source).name))
    assert next(one.doc for one in found if one.name == name) == doc


def test_chunk_of_function_around_page_keeps_its_head():
    rows = "<p>A row of the page.</p>\n" * 100
    source = f"<?php\nfunction render($x) {{ ?>\n<div id='cart'>\n{rows}</div>\n<?php }}\n"
    assert find_chunk(chunks_of(source, "php"), "render").text.startswith("function render($x)")


def test_chunk_of_page_with_brackets_far_apart_hides_nothing():
    source = "<script>a = {{\n" + "call(1)\n" * 300 + "function build() {}\n}}</script>"
    assert "build" in [one.name for one in chunk(source.encode(), languages.of_file("a.html", "html"))]


def test_chunk_of_code_with_braces_hides_nothing():
    source = "const a = {b: {c: 1}};\nfunction build() { return <p style={{color: c}}>{{ d }}</p> }\n"
    assert languages.of_file("a.js", "javascript") == languages.by_name("javascript")
    assert "build" in [one.name for one in chunks_of(source, "javascript")]


@pytest.mark.parametrize(
    "tag", ["{{ a", "{% a %}", "<% ", "{{ a }} {% ", "{#", "{{/*", "{%block a%}", "{%if", "@section"]
)
def test_chunk_of_many_tags_is_fast(tag):
    began = time.process_time()
    chunk((tag * 100_000).encode(), languages.of_file("a.txt.j2", "text"))
    chunk((tag * 10_000).encode(), languages.of_file("a.html", "html"))
    assert time.process_time() - began < HANG


@pytest.mark.parametrize(
    ("tag", "chunk_language"),
    [
        ("<script>", "javascript"),
        ("<script lang=ts>", "typescript"),
        ("<script setup lang='tsx'>", "tsx"),
        ('<script TYPE="text/javascript; charset=utf-8">', "javascript"),
        ('<script type="">', "javascript"),
        ('<script type="module" lang="ts">', "typescript"),
        ('<script lang="ts" type="module">', "typescript"),
        ('<script type="text/babel">', "javascript"),
        ('<script type="application/json">', ""),
        ('<script type="importmap">', ""),
        ('<script lang="no such language">', ""),
    ],
)
@pytest.mark.parametrize("host", ["html", "vue", "svelte"])
def test_chunk_of_script_uses_language_of_its_tag(tag, chunk_language, host):
    found = chunks_of(f"<p>a</p>\n{tag}\nfunction total(a) {{ return 1 }}\n</script>\n", host)
    assert [one.language for one in found if one.name == "total"] == [chunk_language] * bool(chunk_language)


def test_chunk_of_long_script_splits_it_at_its_statements():
    statement = "if (a) {\n  call(b,\n    c)\n\n  more()\n}\n"
    found = chunks_of(f"<script>\n{statement * 100}</script>\n", "html")
    assert len(found) > 1
    assert all(one.text.startswith(("<script>", "if (a)")) for one in found)


RAZOR = """\
@model Shop.Order
@{
    ViewData["Title"] = "Order";
}
<h1>Order @Model.Id</h1>
@functions {
    public string FormatPrice(List<decimal> prices) { return "}" + prices; }
    string Other() => "x";
}
@section Scripts {
<script>
  function submitOrder() { post('@Url.Action("x")'); }
</script>
}
"""

JSP = """\
<%@ page language="java" %>
<%! int total(int a) { return a; } %>
<h1>Orders</h1>
<script>function refresh() { load(<%= id %>); }</script>
"""

ASPX = """\
<%@ Page Language="C#" %>
<script runat="server">
  protected void Page_Load(object sender, EventArgs e) { Label1.Text = "a"; }
</script>
<h1>Hi</h1>
"""


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (RAZOR, ["", "Order @Model.Id", "FormatPrice", "Other", "", "submitOrder"]),
        (JSP, ["", "total", "Orders", "refresh"]),
        (ASPX, ["", "Page_Load", "Hi"]),
        ("@code {\n  int Total() { return 1; }\n}", ["", "Total"]),
        ("<p>a</p>\n@code {\n  int Total() { return 1; }", ["", "Total"]),
        ("<%! int total() { return 1; }", ["total"]),
        ("<%!%>\n@code {}", [""]),
    ],
)
def test_chunk_of_page_returns_members_of_its_code(source, names):
    assert [one.name for one in chunks_of(source, "html")] == names
    check_chunks(source.encode(), "html", is_data=True)


@pytest.mark.parametrize("start", ["@code {\n", "<%! ", "@code {\n}\n", '@code { "\n'])
def test_chunk_of_many_blocks_is_fast(start):
    began = time.process_time()
    chunks_of(start * 20_000, "html")
    assert time.process_time() - began < HANG
