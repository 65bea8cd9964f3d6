"""From what a model wrote to a moment: `parse_answer` reads free text, and says how it did."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from baselines.vlm.ranges import Range, find_ranges
from baselines.vlm.structured import find_structured
from baselines.vlm.words import normalise, tokens

REASONS = (
    "empty", "length", "too_long", "truncated_reasoning", "echo", "refusal", "null", "not_finite",
    "single_number", "no_number", "of_query", "ambiguous", "no_range", "no_frame_map",
    "mixed_units", "zero_length", "out_of_video",
)  # fmt: skip
"""Why there is no window; what each means stands in the README of this folder."""
MAX_CHARACTERS = 50_000
ROUNDING_S = 0.05
"""A window may pass the end of the video by this and is not called clipped: durations and frame
times are shown with one decimal."""

_THOUGHT = r"(?:think|thinking|thought|reasoning|analysis)"
_REASONING_END = re.compile(rf"(?i)</{_THOUGHT}>|◁/think▷")
_REASONING = re.compile(rf"(?i)<{_THOUGHT}>|◁think▷")
_BOXES = [
    (re.compile(opening), re.compile(closing))
    for opening, closing in (
        ("(?i)<answer>", "(?i)</answer>"),
        (r"<\|begin_of_box\|>", r"<\|end_of_box\|>"),
        (r"\\boxed\{", "(?!)"),
        (r"(?i)\banswer(?:\s?\([^()\n]{0,20}\))?\W{0,3}(?::|\bis\b)", "(?!)"),
    )
]
_NULL = re.compile(
    r"(?<![a-z])(?:null|none|n/a|undefined|unknown|false)(?![a-z])|\[\s{0,3}\]|\{\s{0,3}\}"
)
_NOT_FINITE = re.compile(r"(?<![a-z])(?:nan|inf|infinity)(?![a-z])|∞")


@dataclass(frozen=True)
class Answer:
    """What an answer says: a window in the target, or why there is none."""

    start_s: float | None  # 0 <= start_s < end_s <= duration
    end_s: float | None
    status: Literal["ok", "failed"]
    reason: str | None  # one of `REASONS`
    ranges: int  # different ones
    flags: tuple[str, ...] = ()  # what had to be done to read it, see the README

    @property
    def strict(self) -> bool:
        """Was read as it stands."""
        return self.status == "ok" and not self.flags


def parse_answer(
    text: str | None,
    duration_s: float,
    frame_times_s: Sequence[float] | None = None,
    *,
    finish: str | None = None,
    example: str | None = None,
    query_first: bool = True,
) -> Answer:
    """Read the start and the end out of an answer. Never raises, whatever the text is.

    Parameters
    ----------
    text : str or None
        As the model wrote it.
    duration_s : float
        Of the target.
    frame_times_s : sequence of float, optional
        When the target's frames are shown, for answers in frame numbers (the first is 0).
    finish : str, optional
        Why the model stopped; ``length`` is a failure whatever was written until then.
    example : str, optional
        The example of the prompt, which is no answer.
    query_first : bool
        Whether "the first video" is the query.
    """
    if finish == "length":
        return _failed("length")
    answer = _after_reasoning(text or "")
    if isinstance(answer, Answer):
        return answer
    clean = normalise(answer)
    if example and _letters(clean) == _letters(normalise(example)):
        return _failed("echo")
    for part in (*_marked(answer), answer):
        clean = normalise(part)
        data = find_structured(part)
        if data is not None:
            found, kinds = data, "".join(token.kind for token in tokens(clean))
        else:
            found, kinds = find_ranges(clean, query_first)
        said = [one for one in found if one.subject in ("", "target")]
        if said:
            break
    else:
        return _failed(_why(clean, kinds, len(found), example))
    return _window(said, kinds, duration_s, frame_times_s, data is not None)


def _failed(reason: str, ranges: int = 0, flags: tuple[str, ...] = ()) -> Answer:
    return Answer(None, None, "failed", reason, ranges, flags)


def _after_reasoning(text: str) -> str | Answer:
    """Cut the reasoning before the answer off."""
    ends = [m.end() for m in _REASONING_END.finditer(text)]
    text = text[ends[-1] :] if ends else text
    opened = _REASONING.search(text)
    if opened and not _BOXES[0][0].search(text, opened.end()):
        return _failed("truncated_reasoning")
    if not text.strip():
        return _failed("empty")
    return text if len(text) <= MAX_CHARACTERS else _failed("too_long")


def _marked(text: str) -> list[str]:
    """Find what is marked as the answer, the plainest mark first."""
    parts = []
    for opening, closing in _BOXES:
        ends = [m.end() for m in opening.finditer(text)]
        if ends:
            parts.append(closing.split(text[ends[-1] :], maxsplit=1)[0])
    return parts


def _letters(text: str) -> str:
    return "".join(c for c in text if c.isalnum())


def _why(text: str, kinds: str, ranges: int, example: str | None) -> str:
    """Reason for no range."""
    if example and _letters(normalise(example)) in _letters(text):
        return "echo"
    if "N" in kinds and not _NULL.fullmatch(text.strip()):
        return "refusal"
    if ranges:
        return "of_query"
    numbers = kinds.count("T") + kinds.count("n")
    if _NULL.search(text) and numbers < 2:
        return "null"
    if _NOT_FINITE.search(text):
        return "not_finite"
    return ("no_number", "single_number", "no_range")[min(numbers, 2)]


def _window(
    found: list[Range],
    kinds: str,
    duration_s: float,
    frame_times_s: Sequence[float] | None,
    is_data: bool,
) -> Answer:
    """Take the first range, in seconds and inside the video."""
    last_s = min(duration_s - ROUNDING_S, frame_times_s[-1] if frame_times_s else duration_s)
    read = [(one, *_seconds(one, duration_s, frame_times_s)) for one in found]
    parts = [w for w in read if isinstance(w[1], str) or w[1][0] > 0 or w[1][1] < last_s]
    if "N" in kinds and not parts:
        return _failed("refusal", 1)  # "does not occur between 0 and 120 seconds"
    read = parts or read  # rather than the whole video
    read = [w for w in read if w[0].subject == "target"] or read
    read = [w for w in read if w[0].sure] or read
    window, flags = read[0][1:]
    if isinstance(window, str):
        return _failed(window, len(read))
    start, end = min(window), max(window)
    different = {(round(min(w), 2), round(max(w), 2)) for _, w, _ in read if not isinstance(w, str)}
    n = len(different)
    touching = {a for a, _ in different} & {b for _, b in different}
    steps = not is_data and (bool(touching) or "O" in kinds)
    if n > 1 and (steps or any(w[0].apart for w in read[1:])):  # what happens, step by step
        return _failed("ambiguous", n)
    flags = ["swapped"] * (window[0] > window[1]) + flags + [f"first_of_{n}"] * (n > 1)
    if start == end or start >= duration_s or end <= 0:
        return _failed("zero_length" if start == end else "out_of_video", n, tuple(flags))
    flags += ["clipped"] * (start < 0 or end > duration_s + ROUNDING_S)
    return Answer(max(start, 0.0), min(end, duration_s), "ok", None, n, tuple(flags))


def _seconds(
    found: Range, duration_s: float, frame_times_s: Sequence[float] | None
) -> tuple[tuple[float, float] | str, list[str]]:
    """Both times of a range in seconds, or the reason why not."""
    both = found.first, found.last
    units = {time.unit or "s" for time in both if time.kind not in "AZ"}
    if len(units) > 1:
        return "mixed_units", []
    values = [min(time.value, duration_s) if time.kind == "Z" else time.value for time in both]
    flags = ["open"] * any(time.kind in "AZ" for time in both)
    flags += ["percent"] * ("percent" in units) + ["frames"] * ("frame" in units)
    if "frame" in units and not frame_times_s:
        return "no_frame_map", []
    for i, time in enumerate(both):
        if time.unit == "percent":
            values[i] *= duration_s / 100
        elif time.unit == "frame" and frame_times_s:
            n = len(frame_times_s)  # beyond the last frame is beyond the video
            inside = 0 <= time.value < n
            beyond = time.value + (time.value >= n) * (duration_s + 1)
            values[i] = frame_times_s[int(time.value)] if inside else beyond
    if found.lasting:
        values[1] += values[0]
        flags.append("duration")
    return (values[0], values[1]), flags
