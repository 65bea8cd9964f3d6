"""What a user can get wrong: one line on standard error that says what to do, and exit status 2."""

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from coded_video import constant_rate, write_silence, write_video
from conftest import ENCODER, Ran
from mini_dataset import INFO

from vid2vidmr.data.info import MOMENT_COLUMNS, PAIR_COLUMNS, VIDEO_COLUMNS
from vid2vidmr.data.write import write_dataset
from vid2vidmr.errors import DataError
from vid2vidmr.features.store import open_features
from vid2vidmr.methods.load import method_class, preset_config

Cli = Callable[..., Ran]


def error_of(ran: Ran) -> str:
    """The one line of an error; anything else fails."""
    assert ran.code == 2, ran
    (line,) = filter(None, ran.err.splitlines())
    assert line.startswith("error: ")
    assert "Traceback" not in ran.err
    return line


def small_copy(tiny: Path, folder: Path) -> Path:
    """The tiny data set in a folder that may be changed; the videos are links."""
    shutil.copytree(tiny, folder, ignore=shutil.ignore_patterns("*.mp4", ".*"))
    videos = folder / "videos"
    shutil.rmtree(videos, ignore_errors=True)
    videos.symlink_to(tiny / "videos")
    return folder


# --- video files -------------------------------------------------------------------------------


def missing(path: Path) -> None:
    pass


def text(path: Path) -> None:
    path.write_text("not a video\n" * 100)


def no_frames(path: Path) -> None:
    with av.open(path, "w", format="matroska") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        write_silence(container, container.add_stream("aac", rate=16_000, layout="mono"), 3)


def audio_only(path: Path) -> None:
    with av.open(path, "w") as container:
        write_silence(container, container.add_stream("aac", rate=16_000, layout="mono"), 3)


def truncated(path: Path) -> None:
    write_video(path, constant_rate(25, 20), faststart=True)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (missing, "does not exist"),
        (text, "cannot be read as video"),
        (no_frames, "without a single frame"),
        (audio_only, "no video stream"),
        (truncated, "announces 20.0 s"),
    ],
)
@pytest.mark.parametrize("place", ["query", "target"])
def test_retrieve_from_what_is_no_video(
    cli: Cli, tiny: Path, tmp_path: Path, make: Callable[[Path], None], says: str, place: str
) -> None:
    bad = tmp_path / "bad.mp4"
    make(bad)
    good = write_video(tmp_path / "good.mp4", constant_rate(8, 10), rate=8)
    query, target = (bad, good) if place == "query" else (good, bad)
    message = error_of(cli("retrieve", query, target, "--encoder", ENCODER))
    assert says in message
    assert "bad.mp4" in message


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("train", "mart", "--dataset", "minimatch"), "Unknown method 'mart': did you mean 'matr'"),
        (
            ("predict", "dtw_match", "--dataset", "minimatch", "--out", "p.jsonl"),
            "did you mean 'dtw-match'",
        ),
        (("bench", "--dataset", "minimatch", "--methods", "matr,detr"), "'detr'"),
        (("build", "minmatch"), "Unknown data set 'minmatch': did you mean 'minimatch'"),
        (("features", "sportmoments"), "did you mean 'sportsmoments'"),
        (("bench", "--dataset", "sportsmoments"), "run `vid2vidmr build sportsmoments` first"),
        (
            ("bench", "--dataset", "minimatch", "--methods", "matr", "--preset", "papr"),
            "did you mean 'paper'",
        ),
        (("features", "minimatch", "--encoder", "efficientnet-lite"), "efficientnet-lite0"),
        (("predict", "random", "--dataset", "minimatch", "--split", "tets", "--out", "p"), "tets"),
        (
            ("predict", "random", "--dataset", "minimatch", "--protocol", "recrop", "--out", "p"),
            "did you mean 'recropped'",
        ),
        (("predict", "matr", "--dataset", "minimatch", "--out", "p"), "vid2vidmr train matr"),
        (("build", "minimatch", "--videos", "3"), "at least 6 videos"),
        (("build", "minimatch", "--videos", "1000000000"), "at most 100,000 videos"),
        (("build", "minimatch", "--seed", "9" * 30), "expected a number that is not so large"),
        (("build", "custom", "m.csv", "--margin", "1e400"), "--margin 1e400: expected a number"),
    ],
)
def test_wrong_names(cli: Cli, tiny: Path, arguments: tuple[str, ...], says: str) -> None:
    assert says in error_of(cli(*arguments))


def test_a_folder_that_is_no_dataset(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no dataset.json" in error_of(cli("features", tmp_path / "empty"))


# --- annotations, predictions, features --------------------------------------------------------


def test_an_empty_annotation(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    tables = [pd.DataFrame(columns=list(c)) for c in (MOMENT_COLUMNS, PAIR_COLUMNS, VIDEO_COLUMNS)]
    with pytest.raises(DataError, match=r"moments is empty: .* at least one row"):
        write_dataset(tmp_path / "new", INFO, tables[0], {"test": tables[1]}, tables[2])
    folder = small_copy(tiny, tmp_path / "mine")
    test = folder / "pairs" / "test.parquet"
    pd.read_parquet(test).iloc[:0].to_parquet(test, index=False)
    ran = cli("bench", "--dataset", folder, "--methods", "random", "--out", tmp_path / "runs")
    assert "no test pairs (an empty table)" in error_of(ran)


@pytest.fixture
def predictions(cli: Cli, tiny: Path, tmp_path: Path) -> Path:
    out = tmp_path / "p.jsonl"
    assert cli("predict", "random", "--dataset", "minimatch", "--out", out).code == 0
    return out


def changed_header(path: Path, **fields: str) -> None:
    first, *rest = path.read_text().splitlines()
    header = json.loads(first)
    header["header"].update(fields)
    path.write_text("\n".join([json.dumps(header), *rest]) + "\n")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dataset", "sportsmoments"),
        ("dataset_fingerprint", "synthetic-0000000000000000"),
    ],
)
def test_predictions_for_another_dataset(
    cli: Cli, predictions: Path, field: str, value: str
) -> None:
    changed_header(predictions, **{field: value})
    message = error_of(cli("evaluate", predictions, "--dataset", "minimatch"))
    assert f"made for the {field.replace('dataset', 'data set').replace('_', ' ')}" in message
    assert value in message


def test_predictions_that_are_no_predictions(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    assert "does not exist" in error_of(cli("evaluate", "none.jsonl", "--dataset", "minimatch"))
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"pair_id": "test_00000", "windows": "none"}\n')
    assert "line 1" in error_of(cli("evaluate", bad, "--dataset", "minimatch"))
    bad.write_text("<html>\n")
    assert "not JSON" in error_of(cli("evaluate", bad, "--dataset", "minimatch"))
    bad.write_text('{"pair_id": "nobody", "windows": [[0, 1, 1]]}\n')
    assert "'nobody'" in error_of(cli("evaluate", bad, "--dataset", "minimatch"))


def test_features_from_another_encoder(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    contract = open_features(tiny_dataset(tiny), ENCODER).contract
    other = contract.model_copy(update={"encoder": "clip-vit-b32", "dim": 512})
    method = method_class("moment_detr")(preset_config("moment_detr", "small"))
    method.prepare(other, None)  # type: ignore[attr-defined]
    method.save(tmp_path / "checkpoint")
    message = error_of(
        cli(
            "predict",
            "moment_detr",
            "--dataset",
            "minimatch",
            "--checkpoint",
            tmp_path / "checkpoint",
            "--out",
            "p.jsonl",
        )
    )
    assert "clip-vit-b32" in message and ENCODER in message
    assert "vid2vidmr features" in message
    assert not Path("p.jsonl").exists()


def tiny_dataset(folder: Path):  # type: ignore[no-untyped-def]
    from vid2vidmr.data.dataset import load_dataset

    return load_dataset(folder)


def test_features_that_were_not_made(cli: Cli, tiny: Path) -> None:
    ran = cli(
        "predict", "video-match", "--dataset", "minimatch", "--encoder", "clip-vit-b32", "--out",
        "p.jsonl",
    )  # fmt: skip
    assert "vid2vidmr features" in error_of(ran)


def test_nan_in_features(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    folder = small_copy(tiny, tmp_path / "mine")
    store = folder / "features" / ENCODER / "features.bin"
    rows = np.fromfile(store, np.float16)
    rows[-100:] = np.nan
    rows.tofile(store)
    ran = cli("predict", "dtw-match", "--dataset", folder, "--out", tmp_path / "p.jsonl")
    message = error_of(ran)
    assert "NaN" in message and "run `vid2vidmr features` again" in message
    assert not (tmp_path / "p.jsonl").exists()


# --- the machine -------------------------------------------------------------------------------


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[Path, str], None]]:
    """Mount a small file system on a folder, where this process may."""
    folders: list[Path] = []

    def mount(folder: Path, options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("may not mount file systems here")
        folders.append(folder)

    yield mount
    for folder in folders:
        subprocess.run(["umount", str(folder)], check=True)


NO_SPACE = "No space left on device: free some space"


def test_no_space_for_features(
    cli: Cli, tiny: Path, tmp_path: Path, mounted: Callable[[Path, str], None]
) -> None:
    folder = small_copy(tiny, tmp_path / "mine")
    shutil.rmtree(folder / "features")
    mounted(folder / "features", "size=256k")
    assert NO_SPACE in error_of(cli("features", folder))


def test_no_space_for_a_data_set(
    cli: Cli, tiny: Path, tmp_path: Path, mounted: Callable[[Path, str], None]
) -> None:
    mounted(tmp_path / "disk", "size=128k")
    assert NO_SPACE in error_of(
        cli("build", "minimatch", "--videos", 6, "--out", tmp_path / "disk" / "m")
    )


def test_no_space_for_a_bench(
    cli: Cli, tiny: Path, tmp_path: Path, mounted: Callable[[Path, str], None]
) -> None:
    mounted(tmp_path / "disk", "size=12k")
    ran = cli("bench", "--dataset", "minimatch", "--methods", "random", "--out", tmp_path / "disk")
    assert NO_SPACE in error_of(ran)
    assert not list((tmp_path / "disk").rglob(".tmp-*"))


def test_a_limit_on_files_ends_like_a_full_disk(tiny: Path, tmp_path: Path) -> None:
    """Needs no rights to mount: the same path through the code wherever the tests run."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))

    command = [
        Path(sys.executable).with_name("vid2vidmr"), "predict", "random", "--dataset", tiny,
        "--out", tmp_path / "p.jsonl",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=limit, env=environment
    )
    assert "File too large: raise the limit" in error_of(
        Ran(done.returncode, done.stdout, done.stderr)
    )
    assert not list(tmp_path.iterdir())


def test_a_read_only_folder(
    cli: Cli, tiny: Path, tmp_path: Path, mounted: Callable[[Path, str], None]
) -> None:
    mounted(tmp_path / "disk", "ro,size=1m")
    out = tmp_path / "disk" / "p.jsonl"
    for arguments in (
        ("predict", "random", "--dataset", "minimatch", "--out", out),
        ("export", "minimatch", "--out", out),
        ("build", "minimatch", "--out", tmp_path / "disk" / "m"),
        ("bench", "--dataset", "minimatch", "--methods", "random", "--out", tmp_path / "disk"),
    ):
        assert "Read-only file system: choose a folder that can be written" in error_of(
            cli(*arguments)
        )


def test_a_folder_without_permission(
    cli: Cli, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(source: object, target: object) -> None:  # root is never refused
        raise PermissionError(errno.EACCES, "Permission denied", str(target))

    monkeypatch.setattr(os, "replace", refused)
    ran = cli("export", "minimatch", "--out", tmp_path / "x.jsonl")
    assert "x.jsonl: Permission denied: choose a folder" in error_of(ran)
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_place_of_a_folder(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "p.jsonl"
    assert "file" in error_of(cli("export", "minimatch", "--out", out))
    ran = cli("bench", "--dataset", "minimatch", "--methods", "random", "--out", tmp_path / "file")
    assert "Not a directory: choose another path" in error_of(ran)


def test_a_folder_in_the_place_of_a_file_or_of_another_folder(cli: Cli, tiny: Path) -> None:
    for command in ("predict random", "export"):
        ran = cli(*command.split(), "--dataset", "minimatch", "--out", ".")
        assert ".: Is a directory: name a file, not a folder" in error_of(ran)
    shutil.copy(tiny / "dataset.json", ".")
    ran = cli("index", tiny / "videos", "--out", ".", "--encoder", "motion")
    assert ". is a built data set: give a folder of its own" in error_of(ran)
    Path("file").write_text("")
    assert "file is not a folder" in error_of(cli("leaderboard", "verify", "--submissions", "file"))


def test_a_disk_that_cannot_be_read(cli: Cli, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path, limit: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr("vid2vidmr.files.read_bytes", broken)
    ran = cli("predict", "random", "--dataset", "minimatch", "--out", "p.jsonl")
    assert "dataset.json: Input/output error: check the disk" in error_of(ran)


def test_the_hub_cannot_be_reached(tiny: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "HF_ENDPOINT": "http://127.0.0.1:9",  # the port "discard": nothing listens
        "HF_HOME": str(tmp_path / "hub"),
        "VID2VIDMR_DATA": str(tiny.parent),
    }
    environment.pop("HF_HUB_OFFLINE", None)
    command = [
        Path(sys.executable).with_name("vid2vidmr"), "features", "minimatch", "--encoder",
        "clip-vit-b32",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    message = error_of(Ran(done.returncode, done.stdout, done.stderr))
    assert "clip-vit-b32" in message and "hub" in message.lower()
    assert not (tiny / "features" / "clip-vit-b32").exists()
