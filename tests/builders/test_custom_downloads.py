"""Data sets of one's own moments whose videos are fetched: from matches, and of YouTube."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bad_server import BadServer
from test_custom import moments_csv, videos  # noqa: F401 (a fixture)

from builders.rows import MomentError
from vid2vidmr.data.availability import read_manifest
from vid2vidmr.data.builder import build_dataset
from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.downloads import DownloadOptions

QUICK = DownloadOptions(pause_s=0.0, parallel=4, attempts=1, timeout_s=20.0)

MATCHES = ("mo3H qusvxI", "iFYm_ogzmdA", "iGGElV40TcU")


@pytest.fixture
def server(videos: Path) -> Iterator[BadServer]:  # noqa: F811
    started = BadServer((videos / "a.mp4").read_bytes())
    yield started
    started.stop()


def matches_csv(path: Path, *more: str) -> Path:
    lines = [
        f"{match},{label},{start},{start + 4}"
        for match in MATCHES
        for label, start in (("1", 5), ("goal kick", 15), ("5", 25), ("3", 35), ("1", 45))
    ]
    return moments_csv(path, [*lines, *more], "youtube_id,class,start,end")


def test_sportsmoments_is_constructed_from_matches(
    cli, server: BadServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    path, out = matches_csv(tmp_path / "m.csv"), tmp_path / "own"
    build = [
        "build", "sportsmoments", path, "--out", out, "--margin", 10, "--download", "--mirror",
        server.mirror, "--pause", 0,
    ]  # fmt: skip
    ran = cli(*build, "--cut")
    assert ran.code == 0, ran.err
    assert "mo3H qusvxI of vids.txt is mo3H_qusvxI." in ran.out
    assert "qEgOfHT MnI of vids.txt is damaged" in ran.out
    built = load_dataset(out)
    assert built.name == "sportsmoments-own"
    assert set(built.videos["video_id"]) == {"mo3H_qusvxI", "iFYm_ogzmdA", "iGGElV40TcU"}
    assert set(built.videos["status"]) == {"ok"}
    by_split = built.moments.groupby("split")["label"].unique().map(set).to_dict()
    assert by_split["val"] == {"lbw", "goal kick"} and by_split["test"] == {"run out"}
    assert built.counts["pairs"] == {"train": 6, "val": 30 + 6, "test": 6}
    row = built.moments.set_index("moment_id").loc["mo3H_qusvxI__5_4"]
    assert row[["clip_start_s", "clip_end_s", "start_s", "end_s"]].tolist() == [15, 39, 10, 14]

    clips = pd.read_parquet(out / "clips.parquet")
    assert len(clips) == 15 and (out / clips["path"][0]).exists()
    assert (clips["cut_end_s"] - clips["clip_end_s"]).abs().max() < 0.5
    manifest = read_manifest(out / "availability.json", built)
    assert len(manifest.available) == 3

    server.requests.clear()
    assert cli(*build).code == 0
    assert not server.requests
    assert load_dataset(out).fingerprint == built.fingerprint


def test_videos_of_youtube_and_what_is_known_without_them(
    server: BadServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        f"{video},jump,{start},{start + 4}" for video in ("ok-1", "gone-1") for start in (1, 9)
    ]
    path = moments_csv(tmp_path / "m.csv", lines)
    options = {"moments": path, "download": replace(QUICK, mirror=server.mirror)}
    built = build_dataset("custom", tmp_path / "out", options)
    # The target of the last moment ends where its video does: who knows?
    assert built.moments["video_id"].tolist() == ["ok-1", "ok-1", "gone-1"]
    assert "1 moments" in capsys.readouterr().out
    assert read_manifest(tmp_path / "out" / "availability.json", built).available == {"ok-1"}
    offline = build_dataset("custom", tmp_path / "out", {"moments": path})
    assert offline.fingerprint == built.fingerprint
    assert offline.videos["status"].tolist() == ["ok", "removed"]
    near = build_dataset("custom", tmp_path / "3", {"moments": path, "margin": 5.0})
    assert len(near.moments) == 4


def test_rows_of_other_matches_and_classes(tmp_path: Path) -> None:
    path = matches_csv(tmp_path / "m.csv", "abcdefghijk,1,5,9", "iGGElV40TcU,99,50,54")
    with pytest.raises(MomentError) as error:
        build_dataset("sportsmoments", tmp_path / "out", {"moments": path})
    assert error.value.faults == (
        "row 17: 'abcdefghijk' is none of the 80 matches",
        "row 18: there is no class '99': expected a number or name of the release",
    )


def test_without_videos_the_length_comes_from_the_file(tmp_path: Path) -> None:
    lines = [f"iGGElV40TcU,1,{s},{s + 4},100" for s in (5, 80)] + ["iFYm_ogzmdA,1,5,9,"]
    path = moments_csv(tmp_path / "m.csv", lines, "video,class,start,end,duration")
    built = build_dataset("sportsmoments", tmp_path / "out", {"moments": path})
    assert built.moments["clip_end_s"].tolist() == [55.0, 100.0, 55.0]
    assert np.isnan(built.videos["duration_s"][1])
    assert set(built.videos["status"]) == {"missing"}
    options = {"moments": path, "max_pairs_per_class": 2}
    limited = build_dataset("sportsmoments", tmp_path / "limited", options)
    assert (built.counts["pairs"], limited.counts["pairs"]) == ({"val": 6}, {"val": 2})


def test_a_damaged_id_that_moments_explain(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    lines = ["qEgOfHT-MnI,1,5,9", "qEgOfHT-MnI,1,50,54"]
    path = moments_csv(tmp_path / "m.csv", lines)
    build_dataset("sportsmoments", tmp_path / "out", {"moments": path})
    assert "qEgOfHT MnI of vids.txt is qEgOfHT-MnI." in capsys.readouterr().out


def test_activitynet_videos_arrive_and_change_no_fingerprint(
    cli, server: BadServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    """Of three videos one is there, one is gone, one is of another length."""
    import builders.activitynet_vrl.tables as tables

    released = tables.read_released()
    monkeypatch.setattr(tables, "read_released", lambda: released)
    build = ["build", "activitynet-vrl", "--out", tmp_path]
    ran = cli(*build)
    assert ran.code == 0, ran.err
    before = load_dataset(tmp_path)

    ids = before.videos["video_id"].tolist()
    lengths = released.lengths.set_index("video_id")["duration_s"]
    good, other = next(i for i in ids if abs(lengths[i] - 60) < 2), ids[0]

    import vid2vidmr.downloads.dataset as module

    real = module.download

    def few(wanted, folder, options):  # type: ignore[no-untyped-def]
        server_of = {good: f"ok-{good}", other: f"ok-{other}", ids[1]: "gone-1"}
        chosen = [
            w._replace(url=server.mirror.replace("{id}", server_of[w.video_id]))
            for w in wanted
            if w.video_id in server_of
        ]
        assert {w.video_id: w.duration_s for w in chosen}[good] == lengths[good]
        return real(chosen, folder, replace(options, attempts=1))

    monkeypatch.setattr(module, "download", few)
    ran = cli(*build, "--download", "--pause", 0)
    assert ran.code == 0, ran.err
    after = load_dataset(tmp_path)
    assert after.fingerprint == before.fingerprint
    table = after.videos.set_index("video_id")
    assert table.loc[[good, other, ids[1]], "status"].tolist() == ["ok", "another video", "removed"]
    assert table["path"][good] == f"videos/{good}.mp4"
    assert table["duration_s"].equals(before.videos.set_index("video_id")["duration_s"])

    shown = cli("build", "activitynet-vrl", "--out", tmp_path, "--status").out
    assert "not asked for" in shown and "4,726" in shown and "removed" in shown
    rows = json.loads(cli("build", "activitynet-vrl", "--out", tmp_path, "--status", "--json").out)
    assert {(r["state"], r["reason"]): r["videos"] for r in rows} == {
        ("here", ""): 1, ("failed", "another video"): 1, ("failed", "removed"): 1,
        ("not asked for", ""): 4726,
    }  # fmt: skip
    ran = cli(*build)  # offline again: what is known stays
    assert load_dataset(tmp_path).videos.equals(after.videos)


def test_options_of_downloads_need_download(cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ran = cli("build", "activitynet-vrl", "--out", tmp_path, "--proxy", "http://x")
    assert ran.code == 2
    assert "--proxy http://x is of --download: add that" in ran.err
    ran = cli("build", "minimatch", "--download", "--out", tmp_path)
    assert ran.code == 2
    assert "--download does not apply to minimatch: leave it out" in ran.err
    ran = cli("build", "minimatch", "--videos", "some", "--out", tmp_path)
    assert ran.code == 2 and "--videos some: input should be a valid integer" in ran.err
    assert not list(tmp_path.iterdir())
