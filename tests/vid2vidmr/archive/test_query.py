"""Queries are named as people name parts of films; clips are cut to the frame."""

from dataclasses import replace

import numpy as np
import pytest
from coded_video import constant_rate, numbered_frame, read_number, write_video
from hypothesis import given
from hypothesis import strategies as st
from made_archive import made_archive, moment
from second_encoder import TABLE, second_encoder

import vid2vidmr as v
from vid2vidmr.archive.clips import cut_clips
from vid2vidmr.archive.feedback import ask_again
from vid2vidmr.archive.query import Query, clock, query_place, query_rows, seconds
from vid2vidmr.archive.search import SCAN, Searcher
from vid2vidmr.errors import UserError, VideoError
from vid2vidmr.features import cached
from vid2vidmr.features.cached import CachedEncoder
from vid2vidmr.video.sample import sample_frames


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("goal.mp4", Query("goal.mp4")),
        ("a b/match.mp4@12:03-12:15", Query("a b/match.mp4", 723.0, 735.0)),
        ("m.mkv@1:00:00.5-1:00:04", Query("m.mkv", 3600.5, 3604.0)),
        ("m.mkv@3-9.25", Query("m.mkv", 3.0, 9.25)),
        ("me@home.mp4", Query("me@home.mp4")),
        ("me@home.mp4@0:01-0:02", Query("me@home.mp4", 1.0, 2.0)),
        ("m.mp4@1:2:3:4-5", Query("m.mp4@1:2:3:4-5")),
    ],
)
def test_parts_of_files(text: str, expected: Query) -> None:
    assert Query.parse(text) == expected


def test_a_part_that_ends_before_it_begins() -> None:
    with pytest.raises(UserError, match="ends before it begins"):
        Query.parse("m.mp4@0:09-0:03")
    with pytest.raises(UserError, match=r"'m\.mp4@5-5' is empty: expected FILE@START-END"):
        Query.parse("m.mp4@5-5")


def test_a_file_of_such_a_name_is_a_file(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.mp4@3-9").touch()
    assert Query.parse("m.mp4@3-9") == Query("m.mp4@3-9")


@given(st.integers(0, 10**8), st.integers(1, 10**6))
def test_what_is_written_is_read_again(start_ms: int, length_ms: int) -> None:
    query = Query("m.mp4", start_ms / 1000, (start_ms + length_ms) / 1000)
    again = Query.parse(str(query))
    assert (again.start_s, again.end_s) == pytest.approx((query.start_s, query.end_s), abs=1e-6)
    assert seconds(clock(start_ms / 1000)) == pytest.approx(start_ms / 1000, abs=1e-6)


@pytest.fixture
def film(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "a.mp4", constant_rate(8, 60), rate=8)
    again = [*map(numbered_frame, range(8 * 30, 8 * 60)), *map(numbered_frame, range(8 * 20))]
    write_video(tmp_path / "b.mp4", constant_rate(8, 50), rate=8, frames=again)
    return v.index(["a.mp4", "b.mp4"], "archive", second_encoder())


def test_a_part_of_a_file_is_sampled_from_its_own_start(film, monkeypatch) -> None:
    encoder = CachedEncoder(film.contract, second_encoder)
    rows = encoder.rows(film.video_path("a.mp4"), 21.5, 27.0)
    expected = TABLE[[21, 23, 25]].numpy().astype("float16")
    assert rows.tolist() == expected.tolist()
    again = CachedEncoder(film.contract, lambda: pytest.fail("it was encoded before"))
    assert again.rows(film.video_path("a.mp4"), 21.5, 27.0).tolist() == rows.tolist()
    with monkeypatch.context() as patch:
        patch.setattr(cached, "FeatureStore", lambda _: pytest.fail("it was opened before"))
        assert again.rows(film.video_path("a.mp4"), 21.5, 27.0).tolist() == rows.tolist()
    with pytest.raises(UserError, match="ends before 70 s"):
        encoder.rows(film.video_path("a.mp4"), 70.0, 72.0)
    with pytest.raises(VideoError, match=r"nothing\.mp4 does not exist"):
        encoder.rows(film.video_path("a.mp4").with_name("nothing.mp4"))


def test_clips_are_cut_to_the_frame(film) -> None:
    found = v.search("a.mp4@0:34-0:44", film, SCAN, min_score=0, top=1)
    (best,) = found.windows
    assert (best.video, best.start_s, best.end_s) == ("b.mp4", 4.0, 14.0)
    (clip,), failed = cut_clips(found, film, "clips", lead_s=1.0, lag_s=2.0)
    assert clip.name == "001-b-0.04.mp4" and not failed
    numbers = [read_number(frame) for _, frame in sample_frames(clip, 0.125)]
    assert numbers == list(range(8 * 33, 8 * 46))
    early, _ = cut_clips(found, film, "more", lead_s=100.0, lag_s=100.0)
    assert len(list(sample_frames(early[0], 0.125))) == 8 * 50  # as far as there is film
    film.video_path("b.mp4").unlink()
    nothing, failed = cut_clips(found, film, "clips")
    assert nothing == [] and "not there any more" in failed["001-b-0.04.mp4"]


def test_nothing_here_is_an_answer() -> None:
    archive = made_archive(seed=3)
    found = Searcher(archive, SCAN).candidates([moment(np.random.default_rng(9))])
    said = Searcher(archive, SCAN).found(found, ("goal.mp4",))
    assert said.windows == () and 0 <= said.best < 0.2
    assert str(said).startswith("Nothing in 0.9 hours of 8 videos is like the query")


def test_what_is_wrong_with_a_query_is_said(film, tmp_path) -> None:
    (tmp_path / "folder").mkdir()
    for text, wrong in (
        ("a.mp4@0:10", r"'0:10' is no part of a\.mp4: expected a video file or a part"),
        (f"{tmp_path}/b.mp4@abc", "'abc' is no part of"),
        (".mp4@0:01-0:02", r"^\.mp4 does not exist, nor is .* \(they are called like a\.mp4\)"),
        ("folder", "folder is a folder: expected a video file or a part of one"),
    ):
        with pytest.raises(UserError, match=wrong):
            v.search(text, film, SCAN)
    whole = v.search("a.mp4", v.index("a.mp4", "own", second_encoder()), SCAN, min_score=0)
    assert str(whole) == "Nothing in 0.0 hours of 1 video is like the query."


def test_the_end_of_a_name_will_do_where_it_is_alone() -> None:
    archive = made_archive(videos=1)
    ends = {"m/cup/a.mp4": "v0", "m/a.mp4": "v0", "m/b.mp4": "v0"}
    several = replace(archive, durations_s=dict.fromkeys(ends, 400.0))
    assert query_place(Query.parse("b.mp4@2-8"), several) == ("m/b.mp4", 2.0, 8.0)
    assert query_place(Query.parse("cup/a.mp4"), several) == ("m/cup/a.mp4", 0.0, 400.0)
    with pytest.raises(UserError, match=r"end of 2 videos .*\(m/cup/a.mp4, m/a.mp4\): name one"):
        query_place(Query.parse("a.mp4@2-8"), several)
    assert query_place(Query.parse(".mp4"), several) is None
    with pytest.raises(UserError, match=r"'0:10' is no part of b\.mp4"):
        query_rows(Query.parse("b.mp4@0:10"), several, None)


def test_feedback(film) -> None:
    searcher = Searcher(film, SCAN)
    asked = "a.mp4@0:02-0:10"
    first = searcher.ask(asked, min_score=0, top=5).windows
    wanted = next(w for w in first if w.video == "b.mp4" and abs(w.start_s - 32) <= 1)
    refused = [w for w in first if w != wanted][:2]
    again = ask_again(searcher, asked, [wanted], refused, min_score=0)
    assert again.windows[0] == wanted.model_copy(update={"score": 1.0})
    places = {(w.video, w.start_s) for w in again.windows}
    assert not places & {(w.video, w.start_s) for w in refused}
    same = ask_again(searcher, asked, [], [], min_score=0, top=5)
    assert same.windows == first
