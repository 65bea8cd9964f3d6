"""JSON of anybody: a value within bounds, or one line that says what is wrong."""

import gzip
import json
import os
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vid2vidmr.errors import DataError
from vid2vidmr.files import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_LINE,
    parse_json,
    read_json,
    read_jsonl,
    write_json,
)

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(allow_nan=False,
    allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)  # fmt: skip


def refused(read, *given):
    with pytest.raises(DataError) as caught:
        read(*given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@given(plain)
def test_json_is_read_as_python_reads_it(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "value.json"
    text = json.dumps(value)
    if "\\u0000" not in text:
        path.write_text(text)
        assert read_json(path) == value


@given(st.binary() | st.text().map(str.encode) | plain.map(json.dumps).map(str.encode))
@example(b"[" * 100_000)
@example(b"1" * 5000)
@example(b'"\\ud800"')
@example(b"1e999")
def test_bytes_of_anybody_are_a_value_or_one_line(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "value.json"
    path.write_bytes(data)
    lines = tmp_path_factory.getbasetemp() / "value.jsonl"
    lines.write_bytes(data)
    for read in (read_json, lambda path: list(read_jsonl(path))):
        try:
            value = read(path if read is read_json else lines)
        except DataError as error:
            assert "\n" not in str(error)
        else:
            json.dumps(value, ensure_ascii=False).encode()  # it can be written


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 900 + "]" * 900, "nested too deeply"),
        ("[" * 99_999, "nested too deeply"),
        ('{"a": ' * 70 + "1" + "}" * 70, "nested too deeply"),
        ('{"a": "\\ud800b"}', "surrogate"),
        ('{"\\uDFFF": 1}', "surrogate"),
        ("9" * 19, "too large"),
        ("-1e999", "too large"),
        ("[NaN]", "NaN is not a number"),
        ('{"a": 1, "a": 2}', "twice"),
        ("{\n\n  oops", "not JSON: Expecting property name enclosed in double quotes at line 3, "
         "column 3"),
        ("", "not JSON"),
    ],
)  # fmt: skip
def test_what_is_refused(text, said):
    assert said in refused(parse_json, text, "the text")


@pytest.mark.parametrize("value", [10**18, -(10**18), {1: 0, "1": 0}, {"a": [10**18]}])
def test_what_would_be_refused_is_not_written(tmp_path, value):
    path = tmp_path / "value.json"
    write_json(path, 1 - 10**18)
    refused(write_json, path, value)
    assert read_json(path) == 1 - 10**18


def test_what_only_looks_like_it():
    deep = [[]]
    for _ in range(MAX_DEPTH - 2):
        deep = [deep]
    assert parse_json(json.dumps(deep), "it") == deep
    assert "nested" in refused(parse_json, json.dumps([deep]), "it")
    assert parse_json(json.dumps("[" * 500), "it") == "[" * 500
    assert parse_json(json.dumps([[]] * 500), "it") == [[]] * 500
    assert parse_json('"\\ud83d\\ude00"', "it") == "\U0001f600"
    assert parse_json("9" * 18, "it") == 10**18 - 1
    assert parse_json("-" + "9" * 18, "it") == 1 - 10**18
    assert parse_json("[NaN, -Infinity]", "it", nan=True)[1] == float("-inf")


def test_what_is_too_large_is_not_read(tmp_path):
    large, lines, bomb = (tmp_path / name for name in ("a.json", "a.jsonl", "b.jsonl.gz"))
    with large.open("wb") as file:
        file.truncate(2**30)  # sparse
    lines.write_bytes(b"\n1\n" + b" " * (MAX_LINE + 1))
    bomb.write_bytes(gzip.compress(bytes(2**26)))
    tracemalloc.start()
    assert f"at most {MAX_BYTES:,}" in refused(read_json, large)
    assert "line 3 has more than" in refused(lambda: list(read_jsonl(lines)))
    assert "line 1 has more than" in refused(lambda: list(read_jsonl(bomb)))
    assert tracemalloc.get_traced_memory()[1] < 2**23
    tracemalloc.stop()


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for read in (read_json, lambda path: list(read_jsonl(path))):
        assert "not a regular file" in refused(read, tmp_path)
        assert "not a regular file" in refused(read, tmp_path / "pipe")
        assert "does not exist" in refused(read, tmp_path / "none")
        assert "cannot be read" in refused(read, tmp_path / "circle")
        assert "cannot be read" in refused(read, tmp_path / ("x" * 300))
    (tmp_path / "file").write_text("[1]")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_json(tmp_path / "link") == [1]  # as in the cache of the Hub
