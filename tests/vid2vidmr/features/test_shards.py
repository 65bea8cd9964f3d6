"""Features made by several processes have the bytes of those that one makes: shards, and Ray."""

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Set
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from coded_video import constant_rate, write_video
from conftest import ENCODER, Ran
from mini_dataset import mini_dataset
from test_kill import check_same, contents, finish, kill_when_it_writes, start

from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.errors import UserError
from vid2vidmr.features.extract import extract_shard
from vid2vidmr.features.load import load_encoder
from vid2vidmr.features.on_ray import Worker, cluster
from vid2vidmr.features.shards import Shard, missing_in

Cli = Callable[..., Ran]
COMMAND = ("features", "mini")
SHARDS = ("1/3", "2/3", "3/3")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a data set, two of its files unreadable, and its features."""
    home = tmp_path_factory.mktemp("whole")
    files: dict[str, str | None] = {f"v{i}": f"videos/v{i}.mp4" for i in range(8)}
    (home / "mini" / "videos").mkdir(parents=True)
    for i, file in enumerate(files.values()):
        write_video(home / "mini" / str(file), constant_rate(8, 20 + 4 * (i % 3)), rate=8)
    for video in ("v2", "v5"):
        (home / "mini" / str(files[video])).write_bytes(b"no video")
    mini_dataset(home / "mini", files | {"gone": None})
    finish(home, *COMMAND)
    return home


@pytest.fixture
def home(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same without features, as the working folder."""
    ignore = shutil.ignore_patterns("features")
    shutil.copytree(whole / "mini", tmp_path / "mini", ignore=ignore)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_shards_side_by_side(whole: Path, home: Path) -> None:
    running = [start(home, *COMMAND, "--shard", shard) for shard in SHARDS]
    errors = [process.communicate()[1].decode() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], errors
    said = [error for error in errors if "are not there yet" in error]
    assert len(said) == 2, errors  # the third wrote the store
    check_same(contents(home), contents(whole))
    assert not (home / "mini" / "features" / f"{ENCODER}.shards").exists()


def test_a_shard_that_was_killed_is_run_again(cli: Cli, whole: Path, home: Path) -> None:
    features = home / "mini" / "features"
    assert cli(*COMMAND, "--shard", "1/3").code == 0
    for grows in ("features.bin", "index.jsonl"):
        kill_when_it_writes(home, features, *COMMAND, "--shard", "2/3", grows=grows)
    assert "Shard 3/3 is done" in cli(*COMMAND, "--shard", "3/3").err
    assert not (features / ENCODER).exists()
    for grows in ("", "index.jsonl"):  # while the shards become the store
        kill_when_it_writes(home, features / ENCODER, *COMMAND, "--shard", "2/3", grows=grows)
    assert cli(*COMMAND, "--shard", "2/3").code == 0
    check_same(contents(home), contents(whole))

    # Once more, as a queue may do: nothing but the bad files is left to try.
    for shard in SHARDS:
        assert cli(*COMMAND, "--shard", shard).code == 0
    check_same(contents(home), contents(whole))

    # What is left of shards when their deletion is killed.
    half = features / f"{ENCODER}.shards" / "2-of-3"
    half.mkdir(parents=True)
    (half / "features.bin").write_bytes(b"rows")
    half.with_name(".1-of-3.lock").touch()
    assert cli(*COMMAND).code == 0
    check_same(contents(home), contents(whole))
    assert not half.parent.exists()


def test_without_the_option_the_rest_is_encoded(cli: Cli, whole: Path, home: Path) -> None:
    assert cli(*COMMAND, "--shard", "2/3").code == 0
    videos = {f"v{i}": [f"v{i}"] for i in range(8)}
    assert len(missing_in(videos, home / "mini" / "features" / ENCODER)) == 5
    assert cli(*COMMAND).code == 0
    check_same(contents(home), contents(whole))


def test_what_a_shard_lacks_is_worked_out_once(
    whole: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(whole / "mini" / "features", home / "mini" / "features")
    subtracted = []

    class Share(set[str]):
        def __sub__(self, other: Set[object]) -> set[str]:
            subtracted.append(len(other))
            return set(self) - other

    monkeypatch.setattr(Shard, "share", lambda self, lengths: Share(lengths))
    extract_shard(load_dataset(home / "mini"), ENCODER, Shard(1, 2), "cpu")
    assert subtracted == [6]  # for every video anew it took a minute with 45,000 videos


def test_shares_are_a_partition_of_equal_lengths() -> None:
    lengths = {f"v{i}": float(10 + 7 * i % 90) for i in range(100)} | {"unknown": math.nan}
    shares = [Shard(i, 4).share(lengths) for i in range(1, 5)]
    assert sorted(video for share in shares for video in share) == sorted(lengths)
    seconds = [sum(lengths[video] for video in share - {"unknown"}) for share in shares]
    assert max(seconds) - min(seconds) < 120
    assert shares == [Shard(i, 4).share(dict(reversed(lengths.items()))) for i in range(1, 5)]
    assert Shard(3, 3).share({"a": 1.0}) == set()


@pytest.mark.parametrize("wrong", ["5/4", "0/4", "a/b", "1", "1/0", "-1/2", "1/2/3", "1.0/2"])
def test_wrong_shards_are_one_clear_line(cli: Cli, wrong: str) -> None:
    with pytest.raises(UserError, match="expected i/n with i from 1 to n"):
        Shard.parse(wrong)
    ran = cli("features", "anything", f"--shard={wrong}")
    assert ran.code == 2
    assert f"The shard '{wrong}' does not exist" in ran.err
    assert "Traceback" not in ran.err


def test_a_shard_of_what_has_none_is_refused(cli: Cli, home: Path, tmp_path: Path) -> None:
    folder = str(home / "mini")
    ran = cli("features", folder, "--encoder", "simulated", "--shard", "1/2")
    assert (ran.code, "leave it out with --encoder simulated" in ran.err) == (2, True)
    ran = cli("features", folder, "--captions", tmp_path / "c.csv", "--shard", "1/2")
    assert (ran.code, "--shard is of videos" in ran.err) == (2, True)


def test_shards_of_other_weights_are_refused(cli: Cli, home: Path) -> None:
    dataset = load_dataset(home / "mini")
    shard = Shard(1, 2).folder(dataset.path / "features" / ENCODER)
    assert cli(*COMMAND, "--shard", "1/2").code == 0
    contract = json.loads((shard / "contract.json").read_text())
    (shard / "contract.json").write_text(json.dumps(contract | {"weights_sha256": "1" * 64}))
    ran = cli("features", home / "mini")
    assert ran.code == 2
    assert "its features cannot be used" in ran.err


ON_RAY = """
import os
import shutil
import sys
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import ray
import vid2vidmr.features.local
from vid2vidmr.cli import main
ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
vid2vidmr.features.local.encode_video = None  # in this process

def run(*more):
    sys.argv = ["vid2vidmr", "features", "mini", "--engine", "ray", *more]
    try:
        main()
    except SystemExit as stop:
        return stop.code

assert run("--device", "cuda") == 2
from vid2vidmr.features.readers import Stills
decoder, Stills.decoder = Stills.decoder, "another"
shutil.rmtree("mini/features")
assert run() == 2
shutil.rmtree("mini/features")
Stills.decoder = decoder
assert not run()
"""


def test_a_ray_of_two_workers(whole: Path, home: Path) -> None:
    pytest.importorskip("ray")
    environment = {**os.environ, "HOME": str(home.parent), "RAY_AUTH_MODE": "disabled"}
    run = [sys.executable, "-c", ON_RAY]
    ran = subprocess.run(run, cwd=home, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "The Ray cluster has no GPU" in ran.stderr
    assert "A worker of Ray has another encoder, with decoder" in ran.stderr
    assert "Features of 6 videos are in" in ran.stderr
    assert "2 failed, 1 have no file" in ran.stderr
    check_same(contents(home), contents(whole))


def test_a_worker_with_another_encoder_refuses(whole: Path) -> None:
    contract = load_encoder(ENCODER, "cpu").contract.model_dump()
    video = {"path": str(whole / "mini" / "videos" / "v0.mp4"), "queries": []}
    same = Worker(ENCODER, "cpu", contract)(video)
    assert (same["refused"], len(same["rows"])) == ("", 10 * 1280 * 4)
    other = Worker(ENCODER, "cpu", contract | {"decoder": "another"})(video)
    assert "with decoder" in other["refused"]
    assert other["rows"] == b""
    assert "cannot encode: Unknown encoder" in Worker("clip", "cpu", contract)(video)["refused"]


def test_without_ray_one_line_says_what_to_do(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    ran = cli("features", home / "mini", "--engine", "ray")
    assert ran.code == 2
    assert 'pip install "vid2vidmr[ray]"' in ran.err
    assert "Traceback" not in ran.err

    def refuse(**options: object) -> None:
        raise ConnectionError("nobody at 127.0.0.1:6379\nsee the log")

    fake = SimpleNamespace(data=None, is_initialized=lambda: False, init=refuse)
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setitem(sys.modules, "ray.data", fake)
    ran = cli("features", home / "mini", "--engine", "ray")
    assert ran.code == 2
    assert "cannot be joined (nobody at 127.0.0.1:6379):" in ran.err
    ran = cli("features", home / "mini", "--engine", "ray", "--encoder", "simulated")
    assert (ran.code, "--engine ray is of videos" in ran.err) == (2, True)


@pytest.mark.parametrize("running", [False, True])
def test_one_line_says_that_ray_starts(
    running: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ray = MagicMock()
    ray.is_initialized.return_value = running
    for name in ("ray", "ray.data"):
        monkeypatch.setitem(sys.modules, name, ray)
    with cluster():
        assert capsys.readouterr().err.count("\n") == (not running)
