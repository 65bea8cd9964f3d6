"""What was found leaves for other programs with its times, to half a frame, and its labels."""

import csv
import json
import re
import xml.etree.ElementTree as ET
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_archive import made_archive

from vid2vidmr.archive.export import export
from vid2vidmr.archive.search import Found, FoundWindow
from vid2vidmr.archive.store import Archive
from vid2vidmr.archive.videos import ArchivedVideo
from vid2vidmr.errors import UserError

RATES = ("24000/1001", "25", "30000/1001", "50", "60000/1001")
VIDEO = "cups/détail & <b>.mp4"
MADE = made_archive(videos=1, rows=10)
WINDOWS = [(0.3, 5.3), (59.99, 72.29), (3599.2, 3609.9), (6000.123, 6011.233)]


def archive_at(*rates: str) -> Archive:
    rows = {
        VIDEO + str(i) * i: ArchivedVideo(
            video_id=VIDEO + str(i) * i, path="/nowhere/a.mp4", sha256="0", size=1, mtime_us=1,
            duration_s=7200.0, rate=rate,
        )
        for i, rate in enumerate(rates)
    }  # fmt: skip
    return Archive(None, MADE.features, MADE.sketch, dict.fromkeys(rows, 7200.0), rows)


def found_at(windows: list[tuple[float, float]], *videos: str) -> Found:
    videos = videos or (VIDEO,)
    return Found(
        queries=("goal <1>.mp4@0:03-0:09",), archive=None, method="align_refine", encoder="made",
        videos=1, hours=2.0, best=0.9,
        windows=tuple(
            FoundWindow(video=videos[i % len(videos)], start_s=s, end_s=e, score=0.875)
            for i, (s, e) in enumerate(windows)
        ),
    )  # fmt: skip


def read_timeline(path: Path, rate: str) -> list[tuple[float, float]]:
    otio = pytest.importorskip("opentimelineio")
    options = {"rate": float(Fraction(rate))} if path.suffix == ".edl" else {}
    read = otio.adapters.read_from_file(str(path), **options)
    spans = [clip.source_range for clip in read.find_clips()]
    return [(s.start_time.to_seconds(), s.end_time_exclusive().to_seconds()) for s in spans]


def read_fcpxml(path: Path, rate: str) -> list[tuple[float, float]]:
    """By its own fractions: the adapter's reader cuts them to whole frames of 29 a second."""
    root = ET.parse(path).getroot()
    duration = Fraction(str(root.find(".//format").get("frameDuration")).rstrip("s"))
    assert duration == 1 / Fraction(rate)
    clips = [
        [Fraction(clip.get(name, "0s").rstrip("s")) for name in ("start", "duration")]
        for clip in root.iter("clip")
    ]
    return [(float(start), float(start + length)) for start, length in clips]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("ending", [".edl", ".otio", ".fcpxml"])
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    more=st.lists(
        st.tuples(st.floats(0, 7000), st.floats(0.5, 100)).map(lambda w: (w[0], w[0] + w[1])),
        max_size=3,
    )
)
def test_times_survive_to_half_a_frame(tmp_path: Path, ending: str, rate: str, more) -> None:
    pytest.importorskip("opentimelineio")
    windows = WINDOWS + more
    file = tmp_path / f"a{ending}"
    assert export(found_at(windows), archive_at(rate), file) == [file]
    read = (read_fcpxml if ending == ".fcpxml" else read_timeline)(file, rate)
    assert len(read) == len(windows)
    half = 0.5 / float(Fraction(rate)) + 1e-6
    for (start, end), (start_s, end_s) in zip(read, windows, strict=True):
        assert abs(start - start_s) <= half and abs(end - end_s) <= half


def test_drop_frame_time_code_at_29_97_and_59_94(tmp_path: Path) -> None:
    pytest.importorskip("opentimelineio")
    for rate in ("30000/1001", "60000/1001"):
        export(found_at(WINDOWS), archive_at(rate), tmp_path / "a.edl")
        assert "01:40:00;" in (tmp_path / "a.edl").read_text()  # 6000.1 s by the clock
    export(found_at(WINDOWS), archive_at("25"), tmp_path / "a.edl")
    assert ";" not in re.sub(r"\*.*", "", (tmp_path / "a.edl").read_text())


def test_labels_of_an_edit_list(tmp_path: Path) -> None:
    otio = pytest.importorskip("opentimelineio")
    export(found_at(WINDOWS[:1]), archive_at("25"), tmp_path / "a.otio")
    clip = next(iter(otio.adapters.read_from_file(str(tmp_path / "a.otio")).find_clips()))
    said = {
        "query": "goal <1>.mp4@0:03-0:09", "score": "0.875", "method": "align_refine",
        "video": VIDEO,
    }  # fmt: skip
    assert dict(clip.metadata["vid2vidmr"]) == said
    assert "0.875" in clip.markers[0].name
    export(found_at(WINDOWS[:1]), archive_at("25"), tmp_path / "a.edl")
    assert "* SCORE: 0.875" in (tmp_path / "a.edl").read_text()


def test_an_edl_has_one_rate(tmp_path: Path) -> None:
    pytest.importorskip("opentimelineio")
    archive = archive_at("25", "50")
    found = found_at(WINDOWS, *archive.videos)
    written = export(found, archive, tmp_path / "a.edl")
    assert written == [tmp_path / "a-25.edl", tmp_path / "a-50.edl"]
    for first, (file, rate) in enumerate(zip(written, ("25", "50"), strict=True)):
        clips = read_timeline(file, rate)
        for read, asked in zip(clips, WINDOWS[first::2], strict=True):
            assert read == pytest.approx(asked, abs=0.5 / int(rate) + 1e-6)
        assert f"{first + 1:03} " in file.read_text()  # the rank among all that was found
    assert export(found, archive, tmp_path / "a.otio") == [tmp_path / "a.otio"]
    export(found_at(WINDOWS), archive_at("5"), tmp_path / "a.edl")  # no time code counts 5
    assert read_timeline(tmp_path / "a.edl", "25")[1] == pytest.approx(WINDOWS[1], abs=0.02)
    export(found_at(WINDOWS), archive_at("10"), tmp_path / "a.edl")  # 30 has all its frames
    assert read_timeline(tmp_path / "a.edl", "30")[0] == pytest.approx(WINDOWS[0], abs=1e-6)


def test_sportscode(tmp_path: Path) -> None:
    sportscode = pytest.importorskip("kloppy.sportscode")
    export(found_at(WINDOWS), archive_at("25"), tmp_path / "a.xml")
    assert (tmp_path / "a.xml").read_bytes().isascii()
    codes = sportscode.load(str(tmp_path / "a.xml")).codes
    for code, (start_s, end_s) in zip(codes, WINDOWS, strict=True):
        assert code.start_timestamp.total_seconds() == pytest.approx(start_s, abs=1e-6)
        assert code.end_timestamp.total_seconds() == pytest.approx(end_s, abs=1e-6)
        assert code.code == "align_refine" and code.labels["video"] == VIDEO
        assert code.labels["score"] == 0.875 and code.labels["query"] == "goal <1>.mp4@0:03-0:09"


def test_tables_and_captions(tmp_path: Path) -> None:
    archive = archive_at("25", "25")
    found = found_at(WINDOWS, *archive.videos)
    export(found, archive, tmp_path / "a.csv")
    rows = list(csv.DictReader((tmp_path / "a.csv").open(encoding="utf-8")))
    assert [float(row["start_s"]) for row in rows] == [s for s, _ in WINDOWS]
    assert rows[0]["video"] == VIDEO and rows[0]["method"] == "align_refine"
    export(found, archive, tmp_path / "a.json")
    assert Found.model_validate(json.loads((tmp_path / "a.json").read_text())) == found
    written = export(found, archive, tmp_path / "a.vtt")
    assert len(written) == 2  # a file a video
    text = written[0].read_text(encoding="utf-8")
    assert text.startswith("WEBVTT\n\n") and "00:00:00.300 --> 00:00:05.300" in text
    assert "goal &lt;1&gt;.mp4" in text
    assert export(found_at(WINDOWS), archive, tmp_path / "b.vtt") == [tmp_path / "b.vtt"]


@pytest.mark.parametrize("ending", [".csv", ".json", ".vtt", ".xml", ".edl", ".otio", ".fcpxml"])
def test_nothing_found_is_written_too_but_no_empty_edit_list(tmp_path: Path, ending: str) -> None:
    if ending == ".xml":
        pytest.importorskip("kloppy")
    pytest.importorskip("opentimelineio")
    file = tmp_path / f"a{ending}"
    written = export(found_at([]), archive_at("25"), file)
    assert written == ([] if ending in (".edl", ".otio", ".fcpxml") else [file])


def test_a_form_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected one of \.csv, \.json"):
        export(found_at(WINDOWS), archive_at("25"), tmp_path / "a.doc")
