"""The released files of SportsMoments from a hub whose layout nobody promised."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from coded_video import constant_rate, write_video
from local_hub import LocalHub

from builders.sportsmoments import SportsMoments
from builders.sportsmoments.hub import HubConfig
from builders.sportsmoments.tables import read_released
from vid2vidmr.data.availability import read_manifest
from vid2vidmr.data.builder import build_dataset
from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.downloads import DownloadOptions, read_states, status
from vid2vidmr.errors import DataError, HubError, UserError
from vid2vidmr.files import read_json

REPOSITORY = "/datasets/yogeshiitj/SportsMoment/resolve/main/"
OPTIONS = DownloadOptions(parallel=2)
TRAIN = [f"abcdefghij{c}__3_{i}" for i, c in enumerate("klm")]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Two clips of val, two of test, and three of train, as long as they should be."""
    folder = tmp_path_factory.mktemp("clips")
    moments = read_released().moments
    chosen = moments[moments["clip_end_s"].notna()].groupby("split").head(2)
    lengths = dict(zip(chosen["moment_id"], chosen["clip_end_s"], strict=True))
    lengths |= dict.fromkeys(TRAIN, 60.0)
    return {
        clip_id: write_video(
            folder / f"{clip_id}.mp4", constant_rate(1, round(s)), rate=1, faststart=True
        ).read_bytes()
        for clip_id, s in lengths.items()
    }  # fmt: skip


def train_csv() -> bytes:
    rows = [
        (f"{a}.mp4", f"{b}.mp4", 10.0, 20.0 + k, 3, 60.300000000000004)
        for k, (a, b) in enumerate([TRAIN[:2], TRAIN[1:], (TRAIN[2], TRAIN[0])])
    ]
    rows.append((f"{TRAIN[0]}.mp4", f"{TRAIN[1]}.mp4", 50.0, 70.0, 3, 60.3))  # outside
    rows.append(("qEgOfHT_MnI__4_1.mp4", f"{TRAIN[1]}.mp4", 10.0, 20.0, 3, 60.3))  # class
    columns = [
        "query_id", "reference_id", "reference_segment_start", "reference_segment_end",
        "action_class", "reference_duration",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).to_csv(index=False).encode()


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        link = tarfile.TarInfo("link__________.mp4")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def filled(hub: LocalHub, clips: dict[str, bytes]) -> LocalHub:
    """Clips in a folder, a zip and a tar, two of whose members point out of the folder."""
    val, test = (
        [c for c in clips if c.split("__")[1].split("_")[0] in numbers]
        for numbers in (("1", "2", "7", "25"), ("5", "9", "11", "16", "18", "20", "21", "23", "28"))
    )
    hub.files |= {
        f"{REPOSITORY}{name}": data
        for name, data in {
            "README.md": b"# SportsMoments",
            "annotations/train.csv": train_csv(),
            "captions.json": b"{}",
            "weights.bin": b"?",
            f"clips/val/{val[0]}.mp4": clips[val[0]],
            f"clips/val/{val[1]}.mp4": b"<html>Sorry</html>",
            "clips_test.zip": zipped(
                {
                    f"x/{test[0]}.mp4": clips[test[0]],
                    f"../../../{test[1]}.mp4": clips[test[1]],
                    "x/notes.txt": b"?",
                }
            ),
            "train/part-1.tar.gz": tarred(
                {f"/tmp/evil/{TRAIN[0]}.mp4": clips[TRAIN[0]], f"{TRAIN[1]}.mp4": clips[TRAIN[1]]}
            ),
            f"{TRAIN[2]}.mp4": clips[TRAIN[2]],
            "zzzzzzzzzzz__3_9.mp4": clips[TRAIN[2]],
        }.items()
    }
    hub.val, hub.test = val, test  # type: ignore[attr-defined]
    return hub


def resolved(hub: LocalHub) -> list[str]:
    """Files of the repository whose content was asked for."""
    asked = {p.split("/resolve/")[1].split("/", 1)[1] for p in hub.requests if "/resolve/" in p}
    return sorted(asked)


def test_everything_is_found_wherever_it_lies(
    filled: LocalHub, clips: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "er" / "sportsmoments"
    built = SportsMoments().build(out, download=OPTIONS)
    here = {path.stem: path.read_bytes() for path in (out / "videos").iterdir()}
    good = set(clips) - {filled.val[1]}  # type: ignore[attr-defined]
    assert here == {**{c: clips[c] for c in good}, "zzzzzzzzzzz__3_9": clips[TRAIN[2]]}
    table = built.videos.set_index("video_id")
    assert set(table.index[table["status"] == "ok"]) == good
    assert table["status"][filled.val[1]] == "not a video"  # type: ignore[attr-defined]
    assert table["path"][TRAIN[0]] == f"videos/{TRAIN[0]}.mp4"
    outside = {p for p in tmp_path.rglob("*.mp4") if out not in p.parents}
    assert not outside and not Path("/tmp/evil").exists()

    assert built.splits == ["train", "val", "test"]
    assert built.counts["pairs"] == {"train": 3, "val": 10_000, "test": 10_000}
    assert built.pairs("train").table["end_s"].tolist() == [20.0, 21.0, 22.0]
    printed = " ".join(capsys.readouterr().out.split())
    assert "2 train rows" in printed
    assert "1 more clips" in printed
    assert "2 files not recognised" in printed
    assert read_json(out / "hub.json")["unknown"] == [
        "clips_test.zip!x/notes.txt", "weights.bin"
    ]  # fmt: skip
    manifest = read_manifest(out / "availability.json", built)
    assert manifest.available == good
    assert len(built.pairs("train").under("official", only=manifest)) == 3
    [found] = [row for row in status(out) if row.state == "failed"]
    assert (found.reason, found.videos, found.retried) == ("not a video", 1, "never")


def test_a_second_build_fetches_nothing_again_and_keeps_everything(
    filled: LocalHub, tmp_path: Path
) -> None:
    built = SportsMoments().build(tmp_path, download=OPTIONS)
    assert "clips_test.zip" in resolved(filled)
    filled.requests.clear()
    again = SportsMoments().build(tmp_path, download=OPTIONS)
    assert resolved(filled) == []
    offline = SportsMoments().build(tmp_path)
    assert (built.videos["status"] == "ok").sum() == 6
    for other in (again, offline):
        assert other.fingerprint == built.fingerprint
        assert other.videos.equals(built.videos)


def test_files_do_not_change_the_fingerprint_of_the_released_pairs(
    filled: LocalHub, tmp_path: Path
) -> None:
    del filled.files[f"{REPOSITORY}annotations/train.csv"]
    built = SportsMoments().build(tmp_path, download=OPTIONS)
    assert built.fingerprint == "78c4b2cd376bee64"
    assert (built.videos["status"] == "ok").sum() == 3


def test_rows_in_an_archive_are_found(filled: LocalHub, tmp_path: Path) -> None:
    del filled.files[f"{REPOSITORY}annotations/train.csv"]
    filled.files[f"{REPOSITORY}all.tar"] = tarred({"x/sports_train.csv": train_csv()}, "w")
    built = SportsMoments().build(tmp_path, download=OPTIONS)
    assert built.counts["pairs"]["train"] == 3
    assert SportsMoments().build(tmp_path, download=OPTIONS).fingerprint == built.fingerprint


def test_a_stopped_build_goes_on(
    filled: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import builders.sportsmoments.hub as module

    real, seen = module.checked, []

    def stopping(path: Path, duration_s: float | None) -> object:
        seen.append(path.stem)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return real(path, duration_s)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, "checked", stopping)
        SportsMoments().build(tmp_path, download=OPTIONS)
    before = {n for n, row in read_states(tmp_path).items() if row.state == "done"}
    assert 1 <= len(before) <= 4
    assert (load_dataset(tmp_path).videos["status"] == "ok").sum() >= 1
    filled.requests.clear()
    SportsMoments().build(tmp_path, download=OPTIONS)
    assert not {f"{name}.mp4" for name in before} & set(resolved(filled))
    states = read_states(tmp_path)
    assert len([row for row in states.values() if row.state == "done"]) == 7
    assert not list(tmp_path.rglob("*.incomplete"))


@pytest.mark.parametrize("name", ["clips/val/", "clips_test.zip", "part-1.tar.gz"])
def test_a_file_cut_in_the_middle_is_continued_by_the_next_run(
    filled: LocalHub,
    clips: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """What arrived is asked for once: the hub's own client does so within a run only."""
    name = f"{name}{filled.val[0]}.mp4" if name.endswith("/") else name  # type: ignore[attr-defined]
    [path] = [path for path in filled.files if path.endswith(name)]
    half = len(filled.files[path]) // 2
    filled.cut[name] = half
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100)
    had = half // 100 * 100  # whole pieces
    if name.endswith(".mp4"):
        SportsMoments().build(tmp_path, download=OPTIONS)
        state = read_states(tmp_path)[filled.val[0]]  # type: ignore[attr-defined]
        assert (state.state, state.reason) == ("failed", "network")
    else:
        with pytest.raises(HubError, match=r"cannot be fetched .*: run the same command again"):
            SportsMoments().build(tmp_path, download=OPTIONS)
    [part] = (tmp_path / ".downloading").glob("*.part")
    assert part.read_bytes() == filled.files[path][:had]

    filled.cut.clear()
    filled.ranges.clear()
    SportsMoments().build(tmp_path, download=OPTIONS)
    assert [int(asked.split()[1]) for asked in filled.ranges] == [had]
    assert name in filled.ranges[0]
    here = {path.stem: path.read_bytes() for path in (tmp_path / "videos").iterdir()}
    assert all(here[c] == clips[c] for c in set(clips) - {filled.val[1]})  # type: ignore[attr-defined]
    assert not list(tmp_path.rglob("*.part"))


def test_a_connection_cut_once_costs_no_second_run(
    filled: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.cut["clips_test.zip"] = 1000
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100)
    waits = []

    def mend(seconds: float) -> None:
        waits.append(seconds)
        filled.cut.clear()

    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", mend)
    SportsMoments().build(tmp_path, download=OPTIONS)
    assert len(waits) == 1
    assert [int(asked.split()[1]) for asked in filled.ranges] == [1000]
    assert len([x for x in read_states(tmp_path).values() if x.state == "done"]) == 7


def test_damaged_parts_and_other_versions_are_not_kept(filled: LocalHub, tmp_path: Path) -> None:
    SportsMoments().build(tmp_path, download=OPTIONS)
    [path] = [path for path in filled.files if path.endswith("train.csv")]
    first, second = filled.files[path], filled.files[path].replace(b"10.0,20.0", b"10.0,29.0")
    assert len(first) == len(second)
    filled.files[path] = second  # as long as before: only the hash tells
    assert SportsMoments().build(tmp_path, download=OPTIONS).pairs("train")[0].windows[0][1] == 29.0

    data = filled.files[f"{REPOSITORY}clips_test.zip"]
    version = f"clips_test.zip\x1f{hashlib.sha256(data).hexdigest()}"
    part = f"{hashlib.sha256(version.encode()).hexdigest()[:32]}.part"
    other = tmp_path / "other"
    (other / ".downloading").mkdir(parents=True)
    (other / ".downloading" / part).write_bytes(b"?" * 1000)
    with pytest.raises(HubError, match="arrived damaged") as caught:
        SportsMoments().build(other, download=OPTIONS)
    assert "run the same command again" in str(caught.value)
    SportsMoments().build(other, download=OPTIONS)
    assert len([x for x in read_states(other).values() if x.state == "done"]) == 7


def test_pairs_of_other_splits_are_no_train_pairs(filled: LocalHub, tmp_path: Path) -> None:
    text = train_csv().decode().replace("__3_", "__5_").replace(",3,", ",5,")
    filled.files[f"{REPOSITORY}annotations/train.csv"] = text.encode()
    with pytest.raises(DataError, match=r"classes \[5\], which are of val or test"):
        SportsMoments().build(tmp_path, download=OPTIONS)
    filled.files[f"{REPOSITORY}annotations/train.csv"] = b"a,b\n1,2\n"
    with pytest.raises(DataError, match="does not hold pairs of SportsMoments"):
        SportsMoments().build(tmp_path / "other", download=OPTIONS)


def test_a_lost_id_of_the_list_is_found_in_train(filled: LocalHub, tmp_path: Path) -> None:
    text = train_csv().decode().replace("abcdefghijk", "qEgOfHT-MnI")
    filled.files[f"{REPOSITORY}annotations/train.csv"] = text.encode()
    SportsMoments().build(tmp_path, download=OPTIONS)
    from builders.sportsmoments.tables import with_hub_rows

    known, _ = with_hub_rows(read_released(), tmp_path / "hub")
    assert known.matches.repaired["qEgOfHT MnI"] == "qEgOfHT-MnI"
    assert len(known.matches.ids) == 80


def test_no_hub_is_one_clear_line(hub: LocalHub, tmp_path: Path) -> None:
    with pytest.raises(HubError, match=r"yogeshiitj/SportsMoment cannot be listed"):
        SportsMoments().build(tmp_path, download=OPTIONS)
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize("name", ["a.tar.gz", "b.zip"])
def test_damaged_archives(
    filled: LocalHub, clips: dict[str, bytes], tmp_path: Path, name: str
) -> None:
    whole = tarred({f"{TRAIN[0]}.mp4": clips[TRAIN[0]]})
    damaged = {"a.tar.gz": whole[: len(whole) // 2], "b.zip": b"no zip"}
    filled.files[REPOSITORY + name] = damaged[name]
    del filled.files[f"{REPOSITORY}train/part-1.tar.gz"]
    with pytest.raises(DataError, match=f"{name} is damaged"):
        SportsMoments().build(tmp_path, download=OPTIONS)
    assert load_dataset(tmp_path).splits == ["train", "val", "test"]
    filled.files[REPOSITORY + name] = whole
    SportsMoments().build(tmp_path, download=OPTIONS)
    assert read_states(tmp_path)[TRAIN[0]].state == "done"


@pytest.mark.parametrize(
    ("path", "kind", "of"),
    [
        ("train.csv", "rows", "train"),
        ("data/SportsMoments_Train_pairs.csv", "rows", "train"),
        ("csv/validation.csv", "rows", "val"),
        ("test.csv", "rows", "test"),
        ("latest.csv", "unknown", ""),
        ("a/__________-__1_0.MP4".lower(), "clip", "__________-__1_0"),
        ("abcdefghijk__1_2.txt", "unknown", ""),
        ("clips/part.tar.gz", "archive", ""),
        ("clips.part1.rar", "unknown", ""),
        ("data/train_captions.json", "known", ""),
        (".gitattributes", "known", ""),
    ],
)
def test_what_a_file_is(path: str, kind: str, of: str) -> None:
    assert HubConfig().kind(path) == (kind, of)


def test_options_of_the_other_road(tmp_path: Path) -> None:
    for option, value in {
        "margin": 5.0, "cut": True, "seed": 0, "max_pairs_per_class": 9
    }.items():  # fmt: skip
        flag = option.replace("_", "-")
        with pytest.raises(UserError, match=f"--{flag} does not apply to sportsmoments as it"):
            build_dataset("sportsmoments", tmp_path, {option: value})
