"""From what a model wrote to a moment: `parse_answer` reads free text, and says how it did."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from baselines.vlm.ranges import Range, find_ranges, of_target
from baselines.vlm.times import Time, find_times, normalise

REASONS = (
    "empty",  # no text, or none after the reasoning
    "length",  # cut at the maximum of tokens
    "too_long",  # more than `MAX_CHARACTERS` after the reasoning
    "truncated_reasoning",  # reasoning that was opened and never closed
    "echo",  # the example of the prompt
    "refusal",  # says that it cannot, or that there is none
    "null",  # null, none, n/a or an empty list instead of times
    "not_finite",  # nan or infinity
    "single_number",  # one time
    "no_number",  # no time at all
    "no_range",  # several numbers that are not said to be a start and an end
    "no_frame_map",  # frame numbers, and the times of the frames were not given
    "mixed_units",  # one frame number or percentage with one time in seconds
    "zero_length",  # start equals end
    "out_of_video",  # starts after the video or ends before it
)
MAX_CHARACTERS = 50_000
ROUNDING_S = 0.05
"""A window may pass the end of the video by this and is not called clipped: durations and frame
times are shown with one decimal."""

_THOUGHT = r"(?:think|thinking|thought|reasoning|analysis)"
_REASONING_END = re.compile(rf"</{_THOUGHT}>|◁/think▷", re.IGNORECASE)
_REASONING = re.compile(rf"<{_THOUGHT}>|◁think▷", re.IGNORECASE)
_NEVER = re.compile(r"(?!)")
_BOXES = (
    (re.compile("<answer>", re.IGNORECASE), re.compile("</answer>", re.IGNORECASE)),
    (re.compile(r"<\|begin_of_box\|>"), re.compile(r"<\|end_of_box\|>")),
    (re.compile(r"\\boxed\{"), _NEVER),
    (re.compile(r"\banswer(?:\s?\([^()\n]{0,20}\))?\W{0,3}(?::|\bis\b)", re.IGNORECASE), _NEVER),
)
_REFUSAL = re.compile(
    r"sorry|cannot|can ?not|can't|could ?n[o']t|unable|not able|not possible|impossible"
    r"|(?:does|do|did|is|are|was|were) ?n(?:o|')t (?:\w{1,12} )?"
    r"(?:occur|appear|happen|contain|show|exist|present|visible|found|shown|depict|match|include"
    r"|take|see|seem)"
    r"|not (?:present|visible|found|shown|contained|in the)"
    r"|no (?:such|matching|match|corresponding|relevant|similar|moment|event|segment|clear)"
    r"|there (?:is|are) no|as an ai|i don't|i do not|无法|没有|抱歉|不存在"
)
_NULL = re.compile(
    r"(?<![a-z])(?:null|none|n/a|undefined|unknown)(?![a-z])|\[\s{0,3}\]|\{\s{0,3}\}"
)
_NOT_FINITE = re.compile(r"(?<![a-z])(?:nan|inf|infinity)(?![a-z])|∞")
_NEGATIVE = re.compile(r"(?:^|[\[({<:,]|(?<![a-z])(?:from|between|at|to))\s?-\Z")


@dataclass(frozen=True)
class Answer:
    """What an answer says.

    Attributes
    ----------
    start_s, end_s : float or None
        Seconds in the target, ``0 <= start_s < end_s <= duration``; None if failed.
    status : str
        ``ok`` or ``failed``.
    reason : str or None
        Of a failure, one of `REASONS`.
    ranges : int
        Different ranges found.
    flags : tuple of str
        What had to be done to read it: ``swapped``, ``clipped``, ``percent``, ``frames``,
        ``duration`` (a start and how long), ``first_of_2``.
    """

    start_s: float | None
    end_s: float | None
    status: Literal["ok", "failed"]
    reason: str | None
    ranges: int
    flags: tuple[str, ...] = ()

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
    """
    if finish == "length":
        return _failed("length")
    answer = _after_reasoning(text or "")
    if isinstance(answer, Answer):
        return answer
    clean = normalise(answer)
    if example and _letters(clean) == _letters(normalise(example)):
        return _failed("echo")
    found: list[Range] = []
    for part in (*_marked(answer), answer):
        clean = normalise(part)
        times = find_times(clean)
        ranges = find_ranges(clean, times)
        found = of_target(clean, ranges)
        if found:
            break
        if ranges and not _REFUSAL.search(clean):
            found = ranges
            break
    if not found:
        return _failed(_why(clean, times, example))
    return _window(clean, found, duration_s, frame_times_s)


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


def _why(text: str, times: list[Time], example: str | None) -> str:
    """Reason for no range."""
    if example and _letters(normalise(example)) in _letters(text):
        return "echo"
    if _REFUSAL.search(text):
        return "refusal"
    if _NULL.search(text) and len(times) < 2:
        return "null"
    if _NOT_FINITE.search(text):
        return "not_finite"
    numbers = sum(time.unit != "junk" for time in times)
    return ("no_number", "single_number", "no_range")[min(numbers, 2)]


def _window(
    text: str, found: list[Range], duration_s: float, frame_times_s: Sequence[float] | None
) -> Answer:
    """Take the first range, in seconds and inside the video."""
    windows: list[tuple[float, float]] = []
    flags: list[str] = []
    for i, one in enumerate(found):
        window, how = _seconds(text, one, duration_s, frame_times_s)
        if isinstance(window, str):
            if i == 0:
                return _failed(window, len(found))
            continue
        if i == 0:
            flags += how
        windows.append(window)
    n = len(dict.fromkeys((round(min(w), 2), round(max(w), 2)) for w in windows))
    start, end = windows[0]
    if n > 1:
        flags.append(f"first_of_{n}")
    if start == end:
        return _failed("zero_length", n, tuple(flags))
    if start > end:
        start, end = end, start
        flags.insert(0, "swapped")
    if start >= duration_s or end <= 0:
        return _failed("out_of_video", n, tuple(flags))
    if start <= 0 and end >= duration_s - ROUNDING_S and _REFUSAL.search(text):
        return _failed("refusal", n)  # "does not occur between 0 and 120 seconds"
    if start < 0 or end > duration_s + ROUNDING_S:
        flags.append("clipped")
    return Answer(max(start, 0.0), min(end, duration_s), "ok", None, n, tuple(flags))


def _seconds(
    text: str, found: Range, duration_s: float, frame_times_s: Sequence[float] | None
) -> tuple[tuple[float, float], list[str]] | tuple[str, list[str]]:
    """Both times of a range in seconds, or the reason why not."""
    first, last = found.first, found.last
    units = {first.unit, last.unit} - {""}
    if units == {"frame", "s"} and last.unit == "s" and first.whole:
        units = {"s"}  # "in the frames: 12 - 20 seconds"
    if len(units - {"clock"} | ({"s"} if "clock" in units else set())) > 1:
        return "mixed_units", []
    values = [_signed(text, first), _signed(text, last)]
    flags: list[str] = []
    if units == {"%"}:
        values = [value * duration_s / 100 for value in values]
        flags.append("percent")
    elif units == {"frame"}:
        if frame_times_s is None or len(frame_times_s) == 0:
            return "no_frame_map", []
        n = len(frame_times_s)
        values = [  # beyond the last frame is beyond the video, before the first before it
            float(frame_times_s[int(v)]) if 0 <= v < n else v + (duration_s + 1 if v >= n else 0)
            for v in values
        ]
        flags.append("frames")
    elif not first.unit:
        values[0] *= last.scale  # "2 to 3 minutes"
    if found.lasting:
        values[1] += values[0]
        flags.append("duration")
    return (values[0], values[1]), flags


def _signed(text: str, time: Time) -> float:
    before = text[max(0, time.start - 12) : time.start]
    return -time.value if _NEGATIVE.search(before) else time.value
