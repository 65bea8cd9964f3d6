"""The ledger keeps what came, whatever happens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.vlm.ledger import Ledger, open_ledger
from baselines.vlm.records import Reply
from vid2vidmr.errors import DataError


def reply(key: str, **fields: object) -> Reply:
    return Reply(key=key, started="2026-01-01T00:00:00+00:00", **fields)


def test_what_was_appended_is_there_again(tmp_path):
    path = tmp_path / "deep" / "raw.jsonl"
    given_replies = [reply("a", text="one\n{two}"), reply("b", error="timeout")]
    with open_ledger(path) as ledger:
        for one in given_replies:
            ledger.append(one)
            assert dict(Ledger(path)) == dict(ledger)  # at once, not when it closes
    assert list(Ledger(path).values()) == given_replies
    assert not [p for p in path.parent.iterdir() if p.name.startswith(".tmp")]


def test_an_answer_counts_and_an_error_does_not(tmp_path):
    with open_ledger(tmp_path / "raw.jsonl") as ledger:
        ledger.append(reply("a", error="connection"))
        assert not ledger.is_settled("a")
        ledger.append(reply("a", text="12 - 20"))
        ledger.append(reply("a", error="timeout"))
        assert ledger.is_settled("a")
        assert ledger["a"].text == "12 - 20"
        ledger.append(reply("b", error="status 400"))
        assert ledger.is_settled("b")
        assert not ledger.is_settled("c")
    assert Ledger(tmp_path / "raw.jsonl")["a"].text == "12 - 20"
    assert len((tmp_path / "raw.jsonl").read_text().splitlines()) == 4  # the record is whole


@given(kept=st.integers(0, 3), cut=st.integers(1, 60))
def test_a_line_that_was_cut_is_asked_again(tmp_path_factory, kept, cut):
    path = tmp_path_factory.mktemp("ledger") / "raw.jsonl"
    with open_ledger(path) as ledger:
        for i in range(kept + 1):
            ledger.append(reply(f"key-{i}", text="é" * 40))
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    with open_ledger(path) as ledger:
        assert len(ledger) == kept
        ledger.append(reply("new", text="x"))
    assert list(Ledger(path)) == [*(f"key-{i}" for i in range(kept)), "new"]


def test_two_writers_and_other_files_are_refused(tmp_path):
    path = tmp_path / "raw.jsonl"
    with open_ledger(path), pytest.raises(DataError, match="Another process writes"):
        open_ledger(path).__enter__()
    path.write_text('{"key": "a"}\n')
    with pytest.raises(DataError, match="line 1 is no reply: Field required"):
        Ledger(path)
