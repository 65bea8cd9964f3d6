import gzip
import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vid2vidmr.data.protocols import Protocol
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.predictions import (
    PredictionHeader,
    read_predictions,
    write_predictions,
)
from vid2vidmr.evaluation.results import predicted_pairs
from vid2vidmr.records import Prediction

HEADER = PredictionHeader(
    method="matr",
    preset="paper",
    config={"layers": 3},
    seed=1,
    dataset="minimatch",
    dataset_fingerprint="synthetic-0123",
    split="test",
    encoder="efficientnet-lite0",
)
DATASET = SimpleNamespace(name="minimatch", fingerprint="synthetic-0123")

finite = st.floats(-1e4, 1e4)


@given(st.lists(st.lists(st.tuples(finite, finite, finite), max_size=4), max_size=4))
def test_written_predictions_are_read_back_and_written_the_same(tmp_path_factory, windows):
    folder = tmp_path_factory.mktemp("predictions")
    predictions = [Prediction(pair_id=f"é{i}", windows=w) for i, w in enumerate(windows)]
    write_predictions(folder / "a.jsonl", HEADER, predictions)
    header, read = read_predictions(folder / "a.jsonl")
    assert header == HEADER
    assert [p.pair_id for p in read] == [p.pair_id for p in predictions]
    for before, after in zip(predictions, read, strict=True):
        for one, other in zip(before.windows, after.windows, strict=True):
            assert other[:2] == pytest.approx(one[:2], abs=5.1e-5)
            assert other[2] == pytest.approx(one[2], abs=5.1e-7)
    write_predictions(folder / "b.jsonl", header, read)
    assert (folder / "a.jsonl").read_bytes() == (folder / "b.jsonl").read_bytes()


def test_lines_are_as_documented(tmp_path):
    path = tmp_path / "p.jsonl"
    write_predictions(path, HEADER, [Prediction(pair_id="x", windows=((1.23456, 2, 0.12345678),))])
    first, second = path.read_text().splitlines()
    assert json.loads(first)["header"]["method"] == "matr"
    assert json.loads(second) == {"pair_id": "x", "windows": [[1.2346, 2.0, 0.123457]]}


def test_a_failed_write_leaves_the_old_file(tmp_path):
    def broken():
        yield Prediction(pair_id="x", windows=())
        raise RuntimeError

    path = tmp_path / "p.jsonl"
    path.write_text("old")
    with pytest.raises(RuntimeError):
        write_predictions(path, HEADER, broken())
    assert [p.name for p in tmp_path.iterdir()] == ["p.jsonl"]
    assert path.read_text() == "old"


def test_form_of_qvhighlights(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"qid": 7, "vid": "v", "pred_relevant_windows": [[0, 2, 0.5], [1, 2, 0.1]]}\n')
    header, predictions = read_predictions(path)
    assert header is None
    assert predictions == [Prediction(pair_id="7", windows=((0, 2, 0.5), (1, 2, 0.1)))]


def test_nan_is_read_not_refused(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"pair_id": "x", "windows": [[NaN, 2, 0.5]]}\n')
    assert str(read_predictions(path)[1][0].windows[0][0]) == "nan"


GOOD = '{"pair_id": "x", "windows": []}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{GOOD}\n{{oops", "line 2 is not JSON"),
        ('{"pair_id": "x", "windows": [[1, 2]]}', r"line 1: windows\.0.*expected"),
        ('{"pair_id": "x", "windows": [[1, null, 3]]}', r"line 1: windows\.0\.1"),
        ('{"pair_id": "x", "windows": 3}', "line 1: windows"),
        ('{"pair_id": "x"}', "line 1: windows"),
        ('{"qid": 4}', "line 1: windows"),
        ("[1, 2]", "line 1: the line"),
        (f"\n{GOOD}\n\n{GOOD}", "line 4: the pair 'x' was already predicted in line 2"),
        (f'{GOOD}\n{{"header": {{}}}}', "line 2: the header must be the first line"),
        ('{"header": {"method": "m"}}', "line 1: dataset"),
    ],
)
def test_errors_name_file_and_line(tmp_path, text, message):
    path = tmp_path / "p.jsonl"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_predictions(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_predictions(tmp_path / "none.jsonl")


def test_compressed_files_are_the_same_each_time(tmp_path):
    path, plain = tmp_path / "p.jsonl.gz", tmp_path / "p.jsonl"
    found = []
    for _ in range(2):
        write_predictions(path, HEADER, [Prediction(pair_id="x", windows=((1, 2, 0.5),))])
        found.append(path.read_bytes())
    write_predictions(plain, *read_predictions(path))
    assert found[0] == found[1]
    assert gzip.decompress(found[0]) == plain.read_bytes()
    path.write_bytes(found[0][:-9])
    with pytest.raises(DataError, match="is damaged after line"):
        read_predictions(path)


@pytest.mark.parametrize("protocol", ["official", "recropped, wrong queries"])
def test_protocols_stand_in_files_as_text_and_seed(protocol):
    made_for = Protocol.parse(protocol, 5)
    header = HEADER.model_copy(update={"protocol": made_for})
    written = header.model_dump(mode="json")
    assert list(written)[6:9] == ["split", "protocol", "protocol_seed"]
    assert (written["protocol"], written["protocol_seed"]) == (protocol, 5)
    assert PredictionHeader.model_validate(written) == header
    for wrong in ({"protocol": "cropped"}, {"protocol": 3}, {"protocol_seed": "x"}):
        with pytest.raises(ValidationError, match="protocol"):
            PredictionHeader.model_validate(written | wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "sportsmoments"}, "data set 'sportsmoments'.*'minimatch'"),
        ({"dataset_fingerprint": "f00"}, "fingerprint 'f00'"),
    ],
)
def test_predictions_for_another_data_set_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        predicted_pairs(HEADER.model_copy(update=change), DATASET)
