"""Tables that a user gives: what is read, and one line for what is not."""

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from builders.custom.table import read_moments
from builders.kinetics import read_list
from builders.rows import MomentError, numbers, read_rows
from vid2vidmr.errors import DataError, UserError

HEAD = "video,label,start,end"


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "m.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (f"{HEAD}\na,goal, left foot,1,3\nb,goal, left foot,2,4\n", ["row 2", "row 3"]),
        (f"{HEAD}\na,goal,1,3,0.9\n", ["row 2"]),
        ("label,video,start,end\njump, high,a.mp4,1,3\nkick,b.mp4,1,3\n", ["row 2"]),
        (f"\n{HEAD}\na,x,1,3\n\n\nb,x,2,4,5\n", ["row 6"]),
        (f'{HEAD}\na,"two\nlines",1,3\nb,x,2,4,5\n', ["row 4"]),
    ],
)
def test_rows_with_more_fields_than_the_header_are_named(tmp_path, text, faults):
    with pytest.raises(MomentError) as error:
        read_moments(written(tmp_path, text))
    assert [fault.partition(":")[0] for fault in error.value.faults] == faults
    assert "put quotes around a text with a comma in it" in error.value.faults[0]


def test_a_list_of_kinetics_is_read_by_the_same_reader(tmp_path):
    head = "label,youtube_id,time_start,time_end,split"
    with pytest.raises(MomentError, match="row 2: it has 6 fields, the header 5"):
        read_list(written(tmp_path, f"{head}\njump, high,abcdefghijk,1,11,train\n"))
    rows = "riding,abcdefghijk,1,11,train,\nriding,abcdefghijk,1.0,11,train,\n"
    moments, unusable = read_list(written(tmp_path, f"{head}\n{rows}"))
    assert (moments["end_s"].tolist(), unusable) == ([10.0], 1)


@pytest.mark.parametrize("end", [",", ", ,", ""])
@pytest.mark.parametrize("of_head", [",", ""])
def test_commas_behind_rows_are_nothing(tmp_path, end, of_head):
    table = read_moments(written(tmp_path, f"{HEAD}{of_head}\na,goal,1,3{end}\nb,goal,2,4{end}\n"))
    assert table["end_s"].tolist() == [3.0, 4.0]


def test_faults_are_told_with_the_line_that_an_editor_shows(tmp_path):
    with pytest.raises(MomentError, match="row 5: start is 'x', expected seconds"):
        read_moments(written(tmp_path, f"{HEAD}\na,goal,1,3\n\n\nb,goal,x,4\n"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("sign", "one"), [(",", "1.5"), (";", "1,5"), ("\t", "1,5"), (",", '"1,5"')]
)
def test_encodings_delimiters_and_decimal_commas(tmp_path, encoding, sign, one):
    text = f"{HEAD}\ntor.mp4,Größe,ONE,3\n".replace(",", sign).replace("ONE", one)
    row = read_moments(written(tmp_path, text, encoding)).iloc[0]
    assert (row["video"], row["label"], row["start_s"], row["row"]) == ("tor.mp4", "Größe", 1.5, 2)


@pytest.mark.parametrize(
    ("text", "encoding", "message"),
    [
        (f"{HEAD}\na,Größe,1,3\n", "latin-1", r"not a CSV file in UTF-8 \(row 2\): save it"),
        (f"{HEAD}\na,x,1,3\n", "utf-16-le", "it has NUL"),
        ("", "utf-8", "it is empty"),
        ("\n\n,,\n", "utf-8", "it is empty"),
        ("video,video,label,start,end\n", "utf-8", "the column 'video' more than once"),
        (f'{HEAD}\na,"x,1,3\n', "utf-8", "not a CSV file: row 2: unexpected end"),
        (f'{HEAD}\na,x,"1,234",3\n', "utf-8", "row 2: start is '1,234', expected seconds"),
    ],
)
def test_what_cannot_be_read_safely_is_one_line(tmp_path, text, encoding, message):
    with pytest.raises(DataError, match=message):
        read_moments(written(tmp_path, text, encoding))


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=12)


@given(
    st.lists(st.lists(cells, min_size=3, max_size=3), max_size=6),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
)
@example([["a,b", 'c"d', "e\nf"]], ",", "\n")
def test_what_csv_writes_comes_back(tmp_path_factory, rows, sign, end):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=sign, lineterminator=end).writerows([["A", " b", "c"], *rows])
    path = written(tmp_path_factory.mktemp("csv"), out.getvalue())
    stripped = [[cell.strip() for cell in row] for row in rows]
    table = read_rows(path, "a table")
    assert table.columns.tolist() == ["a", "b", "c"]
    assert table.to_numpy().tolist() == [row for row in stripped if any(row)]


@given(
    st.binary(max_size=300) | st.text(st.sampled_from('a,;\t"\n\r 1'), max_size=80).map(str.encode)
)
@example(b"\xff\xfe\x00")
@example(b"\xef\xbb\xbf")
def test_any_bytes_are_a_table_or_one_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("csv") / "m.csv"
    for head in (b"", f"{HEAD}\n".encode()):
        path.write_bytes(head + data)
        for read in (read_moments, read_list):
            try:
                read(path)
            except UserError as error:
                assert len(str(error)) < 1000


def test_numbers():
    found = numbers(pd.Series(["1.5", "1,5", "1,500", "-2", "", "x", "1e3"], dtype="str"))
    assert found.fillna(-9).tolist() == [1.5, 1.5, -9.0, -2.0, -9.0, -9.0, 1000.0]
