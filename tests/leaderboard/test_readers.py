"""Whatever bytes strangers send: a value, or one line that says what is wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made_submissions import add_submission, made_dataset

from leaderboard.store import FILE, board_dataset, read_submission, rescore
from leaderboard.strict import parse_header, parse_predictions
from leaderboard.submit import TEMPLATE, read_card
from vid2vidmr.errors import UserError
from vid2vidmr.evaluation.predictions import read_predictions
from vid2vidmr.evaluation.results import predicted_pairs

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["pair-0", "official", "test", "\ud800", "<b>", "2026-01-01", "x" * 3000]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=5)
            | st.sampled_from(
                ["header", "pair_id", "windows", "name", "title", "kind", "runs", "id"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
anything = st.binary(max_size=200) | json_values.map(json.dumps).map(str.encode)


def answered(read, *given):
    """Read; give the value, or None where one line says what is wrong."""
    try:
        return read(*given)
    except UserError as error:
        assert str(error) and "\n" not in str(error)
        return None


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VID2VIDMR_DATA", str(folder / "data"))
        dataset = made_dataset(folder / "data", 12)
        yield add_submission(folder / "root", dataset, "good", protocols=("official",))


@st.composite
def mutated(draw, text: bytes) -> bytes:
    """Bytes of a good file with a few of them changed, cut out or put in."""
    data = bytearray(text)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        cut = draw(st.integers(0, 30))
        data[start : start + cut] = draw(anything)[:40]
    return bytes(data)


@given(anything | mutated(TEMPLATE.encode()))
@example(b"? ")
@example(b"a: &a [*a]")
@example(b"%YAML 9.9\n---\n")
@example(b"name: 2026-01-01\n")
@example(b"!!binary x")
def test_cards(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "card.yaml"
    path.write_bytes(data)
    card = answered(read_card, path)
    assert card is None or card.name


@given(st.data())
def test_records(made, tmp_path_factory, data):
    record = (made / FILE).read_bytes()
    folder = tmp_path_factory.getbasetemp() / "made" / "good"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(data.draw(anything | mutated(record)))
    found = answered(read_submission, folder)
    if found is not None:  # it can be shown and written
        json.dumps(found.model_dump(mode="json"), ensure_ascii=False, allow_nan=False).encode()


@given(st.data())
def test_one_value_of_a_record(made, tmp_path_factory, data):
    record = json.loads((made / FILE).read_text())
    place = record
    while data.draw(st.booleans()) or place is record:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else [0]))
        if not (isinstance(place[key], dict | list) and place[key]):
            break
        place = place[key]
    key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else [0]))
    place[key] = data.draw(json_values)
    folder = tmp_path_factory.getbasetemp() / "made" / "good"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps(record))
    (folder / "official-seed0.jsonl.gz").write_bytes(
        (made / "official-seed0.jsonl.gz").read_bytes()
    )
    found = answered(read_submission, folder)
    if found is not None:
        dataset = answered(board_dataset, found.header.dataset, found.header.dataset_fingerprint)
        for run in found.runs if dataset else ():
            answered(rescore, run, folder, lambda header: predicted_pairs(header, dataset))


@given(st.data())
def test_predictions(made, tmp_path_factory, data):
    good = gzip.decompress((made / "official-seed0.jsonl.gz").read_bytes())
    sent = data.draw(anything | mutated(good))
    known = {f"pair-{i}" for i in range(12)}
    answered(parse_header, sent, Path("p.jsonl"))
    found = answered(parse_predictions, sent, Path("p.jsonl"), known)
    assert found is None or {prediction.pair_id for prediction in found} <= known
    for name, packed in {"p.jsonl": sent, "p.jsonl.gz": gzip.compress(sent, 1)}.items():
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(packed)
        answered(read_predictions, path, known)
    path.write_bytes(sent)  # that is no gzip
    answered(read_predictions, path, known)
