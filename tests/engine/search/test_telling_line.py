import pytest

from semls.engine.search.telling_line import telling_row, without_markers

METHOD = ["@cached", "def total(self) -> int:", '    """', "    Sum the prices.", '    """', "    return 1"]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("    /// Removes visitors.", "Removes visitors."),
        ("/* Removes visitors. */", "Removes visitors."),
        (" * @param limit seconds", "@param limit seconds"),
        ('    r"""Remove visitors."""', "Remove visitors."),
        ("## Visitors", "Visitors"),
        ("-- removes visitors", "removes visitors"),
        (";; Removes visitors.", "Removes visitors."),
        ("#include <visitors.h>", "#include <visitors.h>"),
        ("*visitors = 0;", "*visitors = 0;"),
        ("--visitors;", "--visitors;"),
        ("    visitors = 0  # none", "visitors = 0  # none"),
    ],
)
def test_without_markers_keeps_the_text_of_comments_and_code(row, text):
    assert without_markers(row) == text


@pytest.mark.parametrize(
    ("rows", "best", "header", "told"),
    [
        (METHOD, 5, 1, 5),  # a row of the body
        (METHOD, 1, 1, 3),  # the header: the docstring says more
        (["/// Sum the prices.", "fn total() {", "}"], 1, 1, 0),  # documentation above the header
        (["fn total() {", "    let sum = 0;", "    // round it", "}"], 0, 0, 2),
        (["fn total() {", "    42", "}"], 0, 0, 0),  # no other row has words
        (["{", "  total: 1", "}"], 0, None, 1),  # the best row of code without a name has no words
        (["def a(): pass"], 0, 0, 0),
    ],
)
def test_telling_row_prefers_words_to_the_header(rows, best, header, told):
    assert telling_row(rows, best, header) == told
