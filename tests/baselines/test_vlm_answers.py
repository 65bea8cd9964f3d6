"""The parser of answers: a table of answers with what they mean, and anything at all."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.vlm.answers import MAX_CHARACTERS, REASONS, parse_answer


def read(name):
    path = Path(__file__).parent / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


TABLE = read("vlm_answers")
FRAMES = [i / 2 for i in range(240)]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row['of']}-{(row['raw'] or '')[:40]}")
def test_table(row):
    """A row's `expected` is a window or a reason; 120 s with a frame each 0.5 s if not said."""
    frames = [i * row["step"] for i in range(60)] if "step" in row else FRAMES
    answer = parse_answer(
        row["raw"],
        row.get("duration", 120.0),
        frames if row.get("frames", True) else None,
        finish=row.get("finish"),
        example=row.get("example"),
        query_first=row.get("query_first", True),
    )
    if isinstance(row["expected"], str):
        assert (answer.status, answer.reason) == ("failed", row["expected"])
        assert not answer.strict
    else:
        assert answer.status == "ok", answer.reason
        assert [answer.start_s, answer.end_s] == pytest.approx(row["expected"], abs=1e-9)
        assert answer.strict == (not row.get("flags"))
    assert sorted(answer.flags) == sorted(row.get("flags", []))


def test_table_has_every_reason():
    assert {row["expected"] for row in TABLE if isinstance(row["expected"], str)} == {*REASONS} - {
        "too_long"
    }
    assert sum(row["of"] == "own" for row in TABLE) >= 100


@pytest.mark.parametrize(("name", "right"), [("vlm_answers_new", 99), ("vlm_answers_last", 59)])
def test_answers_written_before_the_parser(name, right):
    """What was never the parser's to see: it may fail, it invents no window."""
    read_right, invented = 0, []
    for row in read(name):
        frames = [
            i * row["frame_step_s"] for i in range(int(row["duration_s"] / row["frame_step_s"]))
        ]
        answer = parse_answer(row["text"], row["duration_s"], frames)
        window = None if answer.status == "failed" else [answer.start_s, answer.end_s]
        same = window == (row["window"] and pytest.approx(row["window"], abs=0.051))
        read_right += same
        invented += [row["text"]] if window and not same else []
    assert not invented
    assert read_right >= right


def check(answer, duration):
    if answer.status == "ok":
        assert 0 <= answer.start_s < answer.end_s <= duration
        assert answer.reason is None
        assert answer.ranges >= 1
        assert answer.strict == (answer.flags == ())
    else:
        assert answer.reason in REASONS
        assert answer.start_s is None and answer.end_s is None
        assert not answer.strict


WORDS = (
    "12 20.5 12:05 1:02:03.5 12,5 .5 99999999 -3 % s seconds ms minutes frame frames start end: "
    "begins ends lasts to - – — ~ and between from until in the query target video [ ] [[ ]] ( ) { "
    "} < > , ; : . .. \" ' null nan inf sorry cannot <think> </think> <answer> </answer> \\boxed{ "
    "``` json \n * ** 第 秒 到 ١٢ １２ st th answer: 2024-11-05 2-1 - - # ' \" 0 00:00 "
    '{"start_ms": {"end": null | |start|end| |---|---| \n not but query video wait'
)
words = st.sampled_from(WORDS.split(" "))
durations = st.floats(1e-3, 1e6)


@given(st.lists(words, max_size=30), st.sampled_from(["", " "]), durations, st.booleans())
def test_any_words(parts, joint, duration, frames):
    text = joint.join(parts)
    check(parse_answer(text, duration, FRAMES if frames else None, example="a - b"), duration)


@given(st.text(max_size=200) | st.none(), durations, st.text(max_size=5) | st.none())
def test_any_text(text, duration, finish):
    check(parse_answer(text, duration, FRAMES, finish=finish, example=text), duration)


STYLES = {
    "bare": "{0:.2f} - {1:.2f}",
    "seconds": "The given query happens in {0:.2f} - {1:.2f} seconds.",
    "from": "From {0:.2f}s to {1:.2f}s",
    "between": "between {0:.2f} and {1:.2f} seconds",
    "labels": "Start: {0:.2f}\nEnd: {1:.2f}",
    "sentence": "It starts at {0:.2f} seconds and ends at {1:.2f} seconds.",
    "list": "[{0:.2f}, {1:.2f}]",
    "json": '{{"start": {0:.2f}, "end": {1:.2f}}}',
    "quoted": '{{"start": "{2}", "end": "{3}"}}',
    "clock": "{2} - {3}",
    "windows": '{{"relevant_windows": [["{2}", "{3}"]]}}',
    "minutes": "{4} to {5}",
    "answer": "<think>from 1 to 2</think><answer>{0:.2f} - {1:.2f}</answer>",
    "comma": "{6} bis {7} Sekunden",
}


def clock(hundredths):
    minutes, rest = divmod(hundredths, 6000)
    return f"{minutes:02d}:{rest // 100:02d}.{rest % 100:02d}"


def minutes(hundredths):
    return f"{hundredths // 6000} min {hundredths % 6000 / 100:.2f} s"


@pytest.mark.parametrize("style", STYLES)
@given(st.integers(0, 59998), st.integers(1, 60000))
def test_round_trip(style, start, length):
    end = min(start + length, 59999)
    numbers = (start / 100, end / 100)
    decimals = (f"{x:.2f}".replace(".", ",") for x in numbers)
    text = STYLES[style].format(
        *numbers, clock(start), clock(end), minutes(start), minutes(end), *decimals
    )
    answer = parse_answer(text, 600.0)
    assert answer.strict, (text, answer)
    assert (answer.start_s, answer.end_s) == pytest.approx(numbers, abs=1e-6)


@pytest.mark.parametrize("size", [MAX_CHARACTERS, 1_000_000])
@pytest.mark.parametrize(
    "unit",
    [
        *("1", "-", "[", "(", "{", "12 - ", "12, ", "[12, ", "1:", "1-", "1.", ".", ",", " ", "\n"),
        *(
            "a",
            "*",
            "<",
            '{"a": [',
            "query ",
            "start 1 ",
            "end ",
            "<think>",
            "<answer>",
            "\\boxed{",
        ),
        *("answer: ", "no ", "١", "from 1 to ", "the ", "1 minute ", "1 (2)", "\u0301\u0316"),
        *("(0-5s)[0.0,", "İ", "ﷺ", "is n't ", "\\", "'", "| 1 ", "1 m", "\\text{", "does not be "),
    ],
)
def test_long_text_returns(unit, size):
    text = (unit * (size // len(unit) + 1))[:size]
    for answer in (parse_answer(text, 120.0, FRAMES), parse_answer(text + " 2.0 - 3.5 s", 120.0)):
        check(answer, 120.0)
        if size > MAX_CHARACTERS and not unit.startswith("<"):
            assert answer.reason in ("too_long", "empty")


def test_long_reasoning_is_cut_off_first():
    text = "<think>" + "from 1 to 2, " * 100_000 + "</think>12.0 - 20.5"
    assert parse_answer(text, 120.0).start_s == 12.0


def test_float_durations_keep_the_order():
    duration = math.nextafter(20.5, 0)
    answer = parse_answer("12.0 - 20.5", duration)
    assert (answer.end_s, answer.flags) == (duration, ())
