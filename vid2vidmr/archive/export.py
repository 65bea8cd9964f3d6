"""What was found, for other programs: tables, captions, code rows, edit lists.

Query, score and method travel along as labels. The ending of a file says its form:

========  ==========================================================================
.csv      a row a window
.json     as `vid2vidmr search --json`
.vtt      WebVTT, a file a video
.xml      Sportscode XML, by kloppy
.edl      CMX 3600, by OpenTimelineIO, a file a frame rate; drop-frame time code at 29.97
          and 59.94
.fcpxml   Final Cut Pro X
.otio     OpenTimelineIO
========  ==========================================================================
"""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Callable, Mapping
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

from vid2vidmr.archive.search import Found, FoundWindow
from vid2vidmr.archive.store import Archive, open_archive
from vid2vidmr.archive.timeline import labels, rate_of, timecode_rate, timeline
from vid2vidmr.errors import UserError
from vid2vidmr.files import file_name, replacing, write_json, write_text

ENDINGS = (".csv", ".json", ".vtt", ".xml", ".edl", ".fcpxml", ".otio")
NEEDS = {".xml": "kloppy", **dict.fromkeys((".edl", ".fcpxml", ".otio"), "opentimelineio")}
"""Packages of the extra ``export``."""


def require_form(file: Path) -> None:
    """Refuse a file whose ending names no form, or one that needs what is not installed."""
    ending = file.suffix.lower()
    if ending not in ENDINGS:
        raise UserError(f"{file} has the ending of no form: expected one of {', '.join(ENDINGS)}.")
    if ending in NEEDS and importlib.util.find_spec(NEEDS[ending]) is None:
        raise UserError(f'{ending} needs `pip install "vid2vidmr[export]"`.')


def export(found: Found, archive: str | Path | Archive, file: str | Path) -> list[Path]:
    """Write what was found in the form that the ending of `file` says.

    Returns
    -------
    list of Path
        What was written: `file`, or for ``.vtt`` a file a video and for ``.edl`` one a frame rate,
        where there are several; nothing of a timeline without windows.

    Raises
    ------
    UserError
        If there is no such form, or the extra ``export`` is not installed.
    """
    archive, file = open_archive(archive), Path(file)
    writers: dict[str, Callable[[Found, Archive, Path], list[Path]]] = {
        ".csv": _csv, ".json": _json, ".vtt": _vtt, ".xml": _sportscode,
        ".edl": _timeline, ".fcpxml": _timeline, ".otio": _timeline,
    }  # fmt: skip
    require_form(file)
    return writers[file.suffix.lower()](found, archive, file)


def _csv(found: Found, archive: Archive, file: Path) -> list[Path]:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["video", "start_s", "end_s", "score", "query", "method"])
    for window in found.windows:
        said = labels(found, window)
        times = f"{window.start_s:.3f}", f"{window.end_s:.3f}"
        table.writerow([said["video"], *times, said["score"], said["query"], said["method"]])
    write_text(file, text.getvalue())
    return [file]


def _json(found: Found, archive: Archive, file: Path) -> list[Path]:
    write_json(file, found.model_dump(mode="json"))
    return [file]


def _vtt(found: Found, archive: Archive, file: Path) -> list[Path]:
    by_video: dict[str, list[FoundWindow]] = {}
    for window in sorted(found.windows, key=lambda w: w.start_s):
        by_video.setdefault(window.video, []).append(window)
    written = []
    for video, windows in by_video.items() or [("", [])]:
        cues = ["WEBVTT", f"NOTE {_cue(video)}"]
        for window in windows:
            said = labels(found, window)
            times = f"{_vtt_time(window.start_s)} --> {_vtt_time(window.end_s)}"
            cues.append(f"{times}\n{_cue(said['query'])}\n{said['method']} {said['score']}")
        name = f"{file.stem}-{file_name(video)}{file.suffix}" if len(by_video) > 1 else file.name
        write_text(file.with_name(name), "\n\n".join(cues) + "\n")
        written.append(file.with_name(name))
    return written


def _cue(text: str) -> str:
    for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, escaped)
    return text


def _vtt_time(at_s: float) -> str:
    whole, thousandths = divmod(round(1000 * at_s), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{thousandths:03}"


def _sportscode(found: Found, archive: Archive, file: Path) -> list[Path]:
    from kloppy import domain, sportscode

    zero = timedelta(0)
    period = domain.Period(id=1, start_timestamp=zero, end_timestamp=zero)
    codes = [
        domain.Code(
            period=period, code_id=str(number), code=found.method,
            timestamp=timedelta(seconds=window.start_s),
            end_timestamp=timedelta(seconds=window.end_s), labels=labels(found, window),
            ball_state=None, ball_owning_team=None, statistics=[],
        )
        for number, window in enumerate(found.windows, start=1)
    ]  # fmt: skip
    nothing = ~(domain.DatasetFlag.BALL_OWNING_TEAM | domain.DatasetFlag.BALL_STATE)
    metadata = domain.Metadata(
        teams=[], periods=[period], pitch_dimensions=None, score=domain.Score(0, 0),
        frame_rate=0.0, orientation=domain.Orientation.NOT_SET, flags=nothing,
        provider=domain.Provider.OTHER, coordinate_system=None,
    )  # fmt: skip
    with replacing(file) as temporary:
        sportscode.save(domain.CodeDataset(metadata=metadata, records=codes), str(temporary))
        # Some tools read nothing but ASCII.
        text = temporary.read_text("utf-8")
        temporary.write_bytes(text.encode("ascii", "xmlcharrefreplace"))
    return [file]


def _timeline(found: Found, archive: Archive, file: Path) -> list[Path]:
    import opentimelineio as otio

    adapter = {".edl": "cmx_3600", ".fcpxml": "fcpx_xml", ".otio": "otio_json"}[file.suffix.lower()]
    if not found.windows:  # a list without an edit is none
        return []
    rates = {w.video: rate_of(archive, w.video) for w in found.windows}
    if adapter == "cmx_3600":
        return _edls(found, archive, file, rates)
    with replacing(file) as temporary:
        made = timeline(found, archive, rates)
        otio.adapters.write_to_file(made, str(temporary), adapter_name=adapter)
        if adapter == "fcpx_xml":  # it knows 29.97, not 30000/1001
            _name_rates(temporary, list(rates.values()))
    return [file]


def _edls(found: Found, archive: Archive, file: Path, rates: Mapping[str, Fraction]) -> list[Path]:
    """Write an EDL a frame rate: it has one."""
    import opentimelineio as otio

    by_rate: dict[Fraction, dict[str, Fraction]] = {}
    for video, own in rates.items():
        rate = timecode_rate(own)
        by_rate.setdefault(rate, {})[video] = rate
    written = []
    for rate, of_videos in sorted(by_rate.items()):
        name = f"{file.stem}-{float(rate):.5g}{file.suffix}" if len(by_rate) > 1 else file.name
        made = timeline(found, archive, of_videos)
        with replacing(file.with_name(name)) as temporary:
            otio.adapters.write_to_file(made, str(temporary), adapter_name="cmx_3600")
        written.append(file.with_name(name))
    return written


def _name_rates(file: Path, rates: list[Fraction]) -> None:
    """Say how long a frame is in those formats of an FCPXML file that lack it, in their order."""
    text = file.read_text("utf-8")
    for rate in dict.fromkeys(rates):
        if rate not in (24, 25, 30, 50, 60):
            known = f'frameDuration="{rate.denominator}/{rate.numerator}s"'
            text = text.replace('frameDuration=""', known, 1)
    file.write_text(text, "utf-8")
