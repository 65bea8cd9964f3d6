"""WebVTT: cues of the video that has the file's name; the text of a cue is its class."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from builders.formats import MAX_BYTES, Entry, Fault, Found
from vid2vidmr.errors import DataError
from vid2vidmr.files import decode, read_bytes

_TIME = r"(?:(\d+):)?([0-5]?\d):([0-5]?\d\.\d{3})"
_CUE = re.compile(rf"{_TIME}[ \t]+-->[ \t]+{_TIME}(?:[ \t].*)?")
_TAG = re.compile(r"<[^>]*>")


def read(path: Path, name: str) -> Iterator[Found]:
    """Yield the cues; notes, styles and regions are passed over."""
    data = read_bytes(path, MAX_BYTES)
    lines = decode(data.removeprefix(b"\xef\xbb\xbf"), path).splitlines()
    if not lines or not re.fullmatch(r"WEBVTT(?:[ \t].*)?", lines[0]):
        raise DataError(f"{path} is not WebVTT: its first line is not WEBVTT.")
    for number, line in enumerate(lines, 1):
        if "-->" not in line:
            continue
        found = _CUE.fullmatch(line.strip())
        if found is None:
            yield Fault(f"line {number}", f"{line[:60]!r} is no time, as 01:02.500 --> 01:04.000")
            continue
        text = []
        for below in lines[number:]:
            if not below.strip():
                break
            text.append(_TAG.sub("", below).strip())
        start, end = (_seconds(*found.groups()[k : k + 3]) for k in (0, 3))
        yield Entry(f"line {number}", name, " ".join(filter(None, text)), start, end)


def _seconds(hours: str | None, minutes: str, seconds: str) -> float:
    return 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds)
