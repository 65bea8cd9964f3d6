"""Names of strangers in files of tables: each format shows them, none obeys them."""

import csv
import io
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from vid2vidmr.tables.escape import csv_text, markdown_text, tex_text
from vid2vidmr.tables.files import markdown_table
from vid2vidmr.text import plain

names = st.text(max_size=40) | st.text(
    st.sampled_from("\\`*_[]()<>|&~$#{}%^=+-@:/!x w.\n"), max_size=40
)


@pytest.mark.parametrize(
    "formula", ["=1+1", "+SUM(A1)", "-cmd|' /C calc'!A0", "@x", "\t=1", "\n=1"]
)
def test_a_spreadsheet_computes_nothing(formula):
    ((cell,),) = csv.reader(io.StringIO(csv_text([[formula]])))
    assert cell == f"'{formula.strip()}"


@given(st.lists(names, min_size=1, max_size=5))
def test_csv_keeps_text(row):
    text = csv_text([["", *row, -1.5, "-1.5", None]])
    ((_, *cells, a, b, c),) = csv.reader(io.StringIO(text))
    assert text.count("\n") == 1
    assert (a, b, c) == ("-1.5", "-1.5", "")
    assert [cell.removeprefix("'") for cell in cells] == [plain(x).removeprefix("'") for x in row]
    assert not [c for c in cells if re.match("[-=+@]", c) and not re.fullmatch(r"[-+][\d.]+", c)]


@given(names)
@example("[x](javascript:alert(1)) | a | b |\n\n# H")
@example("http://a.b www.a.b <b>&amp;</b> ![i](u) $x$ ~~y~~")
def test_markdown_shows_text_as_it_is(name):
    parser = MarkdownIt("gfm-like", {"linkify": False}).enable("table")
    text = "\n".join(markdown_table(["a", "b"], [["x" + markdown_text(name), "y"]], texts=2))
    cells = [token for token in parser.parse(text) if token.type == "inline"][2:]
    assert len(cells) == 2
    assert {child.type for child in cells[0].children} <= {"text", "text_special"}
    assert "".join(child.content for child in cells[0].children).strip() == "x" + plain(name)
    assert not re.search(r"(?<!\\)://|www(?<!\\)\.", markdown_text(name))


def test_tex_obeys_nothing():
    text = tex_text("\\input{/etc/passwd} $x^ ~ }%&#_[a]*\n")
    assert text == (
        r"\textbackslash{}input\{/etc/passwd\} \$x\textasciicircum{} \textasciitilde{} "
        r"\}\%\&\#\_{[}a]{*}"
    )


@given(names)
def test_tex_has_no_command_but_ours(name):
    text = re.sub(
        r"\\text(?:backslash|ascii(?:circum|tilde)|less|greater|bar)\{\}", "", tex_text(name)
    )
    text = re.sub(r"\\[&%$#_{}]|\{[\[*]\}", "", text)
    assert not re.search(r"[\\{}$&#^_%~\n]", text)
