"""An archive grows, and tells what changed, vanished or cannot be read; nothing else is lost."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from coded_video import constant_rate, numbered_frame, write_video
from second_encoder import second_encoder

import vid2vidmr as v
from vid2vidmr.archive.search import SCAN
from vid2vidmr.archive.videos import nominal_rate, read_videos
from vid2vidmr.errors import DataError, FeatureError, UserError
from vid2vidmr.features.shards import Shard
from vid2vidmr.features.store import FeatureStore
from vid2vidmr.video.packets import Frames


def film(path: Path, seconds: int, first: int = 0) -> Path:
    frames = map(numbered_frame, range(8 * first, 8 * (first + seconds)))
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_video(path, constant_rate(8, seconds), rate=8, frames=frames)


def counting(seen: list[int]):
    """An encoder that counts the frames it is given."""
    encoder = second_encoder()

    def network(batch):
        seen.append(len(batch))
        return encoder.network(batch)

    return dataclasses.replace(encoder, network=network)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def matches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    film(tmp_path / "matches" / "a.mp4", 60)
    film(tmp_path / "matches" / "cup" / "b.mp4", 40, first=100)
    return Path("matches")


def test_what_is_there_is_kept_and_what_is_new_is_added(matches: Path) -> None:
    seen: list[int] = []
    archive = v.index(matches, "archive", counting(seen))
    assert list(archive.durations_s) == ["matches/a.mp4", "matches/cup/b.mp4"]
    assert archive.durations_s["matches/a.mp4"] == pytest.approx(60)
    assert archive.videos["matches/a.mp4"].rate == "8" and sum(seen) == 50
    before = contents(Path("archive"))
    v.index("matches", "archive", counting(seen))
    assert sum(seen) == 50 and contents(Path("archive")) == before
    film(matches / "c.mp4", 20, first=300)
    shutil.copy(matches / "a.mp4", matches / "copy of a.mp4")
    grown = v.index([matches / "c.mp4", matches / "copy of a.mp4"], "archive", counting(seen))
    assert len(grown) == 4 and sum(seen) == 60  # a copy is not encoded again
    assert grown.video_path("matches/c.mp4") == (matches / "c.mp4").resolve()
    rows = grown.features.rows("matches/copy of a.mp4")
    assert np.array_equal(rows, grown.features.rows("matches/a.mp4"))
    assert len(FeatureStore(Path("archive"))) == 3


def test_changed_vanished_damaged_and_moved(
    matches: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    film(matches / "c.mp4", 20, first=300)
    v.index(matches, "archive", second_encoder())
    film(matches / "a.mp4", 30, first=500)
    (matches / "cup" / "b.mp4").unlink()
    (matches / "broken.mp4").write_bytes((matches / "c.mp4").read_bytes()[:3000])
    capfd.readouterr()
    archive = v.index(matches, "archive", second_encoder())
    said = capfd.readouterr().err
    assert "changed, encoded again: matches/a.mp4" in said
    assert "vanished, still searched: matches/cup/b.mp4" in said
    assert "cannot be read: matches/broken.mp4" in said and said.count("broken.mp4") == 1
    assert set(archive.durations_s) == {"matches/a.mp4", "matches/cup/b.mp4", "matches/c.mp4"}
    assert archive.durations_s["matches/a.mp4"] == pytest.approx(30)
    assert archive.video_path("matches/cup/b.mp4") is None
    status = {row.video_id: row.status for row in read_videos(Path("archive"))}
    assert status == {
        "matches/a.mp4": "ok", "matches/cup/b.mp4": "vanished", "matches/c.mp4": "ok",
        "matches/broken.mp4": "damaged",
    }  # fmt: skip
    shutil.copy(matches / "c.mp4", matches / "broken.mp4")  # mended
    film(matches / "cup" / "b.mp4", 40, first=100)  # back
    archive = v.index(matches, "archive", second_encoder())
    assert {row.status for row in archive.videos.values()} == {"ok"} and len(archive) == 4


def test_what_a_stopped_run_left_is_told(matches: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def stopped(batch):
        raise KeyboardInterrupt

    v.index(matches / "a.mp4", "archive", second_encoder())
    with pytest.raises(KeyboardInterrupt):
        v.index(matches, "archive", dataclasses.replace(second_encoder(), network=stopped))
    capfd.readouterr()
    v.index(matches, "archive", second_encoder())
    assert "2 videos: 1 still to be encoded." in capfd.readouterr().err


ON_RAY = """
import os
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import ray
import vid2vidmr as v
from vid2vidmr.archive.on_ray import scan_on_ray
ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
asked = ("matches/a.mp4@20-32", "archive", "scan")
here = v.search(*asked, min_score=0, top=30)
assert len(here.windows) > 5 and here == v.search(*asked, min_score=0, top=30, engine=scan_on_ray)
archive = v.open_archive("archive")
object.__setattr__(archive.sketch, "name", "another")
try:
    v.search(asked[0], archive, "scan", engine=scan_on_ray)
except v.UserError as error:
    assert "finds another archive" in str(error)
else:
    raise AssertionError
"""


def test_a_scan_on_ray_finds_the_same(matches: Path) -> None:
    pytest.importorskip("ray")
    for number in range(3):
        film(matches / f"{number}.mp4", 60, first=number * 7)
    v.index(matches, "archive", second_encoder())
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    run = [sys.executable, "-c", ON_RAY]
    ran = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_the_bytes_do_not_depend_on_how_often_it_ran(matches: Path) -> None:
    v.index([matches / "a.mp4"], "twice", second_encoder())
    v.index(matches, "twice", second_encoder())
    v.index(matches, "once", second_encoder())
    assert contents(Path("twice")) == contents(Path("once"))


def test_shards_make_the_same_archive(matches: Path) -> None:
    v.index(matches, "once", second_encoder())
    assert v.index(matches, "parts", second_encoder(), shard=Shard(1, 2)) is None
    archive = v.index(matches, "parts", second_encoder(), shard=Shard(2, 2))
    assert archive is not None and contents(Path("parts")) == contents(Path("once"))


def test_an_archive_is_a_feature_store(matches: Path) -> None:
    archive = v.index(matches, "archive", second_encoder())
    store = FeatureStore(Path("archive"))
    assert store.contract == archive.contract == second_encoder().contract
    assert sum(store.durations_s.values()) == 100


def test_a_built_data_set(tiny: Path) -> None:
    from conftest import ENCODER

    archive = v.index("minimatch", "archive", ENCODER)
    dataset = v.load_dataset("minimatch")
    assert sorted(archive.durations_s) == sorted(dataset.videos["video_id"])
    video = next(iter(archive.durations_s))
    stored = v.open_features(dataset, ENCODER).rows(video)
    assert np.allclose(archive.features.rows(video), stored, atol=1e-2)


def test_what_a_user_can_mend(
    matches: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match="There is no nothing: expected video files"):
        v.index("nothing", "archive", second_encoder())
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").touch()
    with pytest.raises(UserError, match="no video file in what was named"):
        v.index("empty", "archive", second_encoder())
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    capfd.readouterr()
    with pytest.raises(FeatureError, match=r"None of the 1 videos can be read: bad\.mp4"):
        v.index("bad.mp4", "archive", second_encoder())
    assert "bad.mp4" not in capfd.readouterr().err  # once, by the error
    shutil.copy("bad.mp4", "worse.mp4")
    with pytest.raises(FeatureError, match="None of the 2 videos can be read, as said above"):
        v.index(["bad.mp4", "worse.mp4"], "archive", second_encoder())
    assert "cannot be read: worse.mp4" in capfd.readouterr().err
    assert not Path("archive").exists()
    with pytest.raises(DataError, match=r"no archive in nowhere: run `vid2vidmr index"):
        v.open_archive("nowhere")
    v.index(matches, "made", second_encoder())
    with pytest.raises(UserError, match="an archive of second features"):
        v.index(matches, "made", "efficientnet-lite0")


def test_files_that_do_not_belong_together_are_refused(
    matches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    v.index(matches, "archive", second_encoder())
    sketch = Path("archive/scan/sketch.json")
    good = json.loads(sketch.read_text())
    bad = [
        {**good, "videos": {**good["videos"], "matches/a.mp4": [31, 0.5]}},
        {**good, "videos": []},
        {**good, "name": "other"},
        {**good, "width": 1},
    ]
    for value in bad:
        sketch.write_text(json.dumps(value))
        with pytest.raises(DataError, match="run `vid2vidmr index"):
            v.open_archive("archive")
    sketch.unlink()
    with pytest.raises(DataError, match="no archive that can be searched yet"):
        v.open_archive("archive")
    archive = v.index(matches, "archive", second_encoder())
    before, whole = archive.sketch.name, archive.sketch.rows.max()
    next(Path("archive/scan").glob("rows-*")).write_bytes(b"")
    v.index(matches, "archive", second_encoder())  # as it says
    monkeypatch.setattr("vid2vidmr.archive.sketch.SCALE", 100.0)  # another version's form
    renewed = v.index(matches, "archive", second_encoder()).sketch
    assert renewed.name != before and renewed.rows.max() < whole
    assert len(list(Path("archive/scan").iterdir())) == 3
    table = Path("archive/videos.jsonl")
    table.write_text(table.read_text().replace('"8"', '"x"'))
    with pytest.raises(DataError, match="line 1"):
        v.open_archive("archive")


def test_a_part_of_the_archive_as_a_query(matches: Path) -> None:
    shutil.copy(matches / "a.mp4", matches / "z.mp4")
    with (matches / "z.mp4").open("ab") as file:  # another file with the same pictures
        file.write(b"\0" * 8)
    archive = v.index(matches, "archive", second_encoder())
    found = v.search("matches/a.mp4@0:20-0:32", archive, SCAN, min_score=0)
    best = found.windows[0]
    assert (best.video, best.start_s, best.end_s) == ("matches/z.mp4", 20, 32)
    assert best.score > 0.5 and found.archive == "archive"
    same = v.search(f"{Path.cwd()}/matches/a.mp4@20-32", "archive", SCAN, min_score=0)
    assert same.windows == found.windows
    with pytest.raises(UserError, match="begins behind the end of its video, which lasts 1:00"):
        v.search("matches/a.mp4@1:20-1:32", archive, SCAN)
    with pytest.raises(UserError, match="ends behind the end of its video, which lasts 1:00"):
        v.search("matches/a.mp4@0:20-1:32", archive, SCAN)


@pytest.mark.parametrize(
    ("rate", "name", "count"),
    [("24000/1001", 24, 200), ("30000/1001", 30, 200), ("25", 25, 40), ("10", 10, 40)],
)
def test_nominal_rates(tmp_path: Path, rate: str, name: int, count: int) -> None:
    from fractions import Fraction

    times = [round(Fraction(i) / Fraction(rate) * 1000) for i in range(count)]  # as in Matroska
    file = write_video(
        tmp_path / f"{name}.mkv", [Fraction(t, 1000) for t in times], rate=Fraction(rate),
        time_base=Fraction(1, 1000),
    )  # fmt: skip
    assert str(nominal_rate(Frames.of(file))) == rate
