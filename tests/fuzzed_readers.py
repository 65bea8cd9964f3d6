"""Readers of bytes of strangers, for `tests.fuzz`: what is good input, and how it is read."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Reader(NamedTuple):
    """What is fuzzed.

    Attributes
    ----------
    seeds : callable
        Makes what reading needs in a folder, and gives good input.
    read : callable
        Reads input; the folder is that of `seeds`.
    """

    seeds: Callable[[Path], list[bytes]]
    read: Callable[[bytes, Path], object]


def at(folder: Path, name: str, data: bytes) -> Path:
    """Put bytes into a file."""
    path = folder / name
    path.write_bytes(data)
    return path


def _made(folder: Path) -> Path:
    """Make a data set and a submission for it; give its folder."""
    from made_submissions import add_submission, made_dataset

    os.environ["VID2VIDMR_DATA"] = str(folder / "data")
    dataset = made_dataset(folder / "data", 12)
    return add_submission(folder / "root", dataset, "good", protocols=("official",), wrong=True)


def _record_seeds(folder: Path) -> list[bytes]:
    return [(_made(folder) / "submission.json").read_bytes()]


def _read_record(data: bytes, folder: Path) -> object:
    """All that verify and build do with a record, and no more faults than that it is refused."""
    from leaderboard.site.boards import read_boards
    from leaderboard.verify import verify

    at(folder / "root" / "made" / "good", "submission.json", data)
    refused = read_boards(folder / "root", lambda *_: None)[1]
    for reason in (*refused.values(), *verify(folder / "root")[1]):
        name = reason.partition(":")[0]
        if name.endswith(("Error", "Exception", "Warning")) and name.isidentifier():
            raise RuntimeError(reason)
        if "\n" in reason:
            raise RuntimeError("a reason of several lines")
    return refused


def _packed_seeds(folder: Path) -> list[bytes]:
    return [(_made(folder) / "official-seed0.jsonl.gz").read_bytes()]


def _read_packed(data: bytes, folder: Path) -> object:
    """Predictions of a submission, whose hash fits: what `verify` reads of a stranger."""
    place = folder / "root" / "made" / "good"
    record = json.loads((place / "submission.json").read_text())
    try:
        sha256 = hashlib.sha256(gzip.decompress(data)).hexdigest()
    except (OSError, EOFError, zlib.error):
        sha256 = "0"
    record["runs"][0]["predictions_sha256"] = sha256
    at(place, "official-seed0.jsonl.gz", data)
    return _read_record(json.dumps(record).encode(), folder)


def _plain_seeds(folder: Path) -> list[bytes]:
    data = gzip.decompress(_packed_seeds(folder)[0])
    return [data, b'{"qid": "pair-0", "pred_relevant_windows": [[0, 2, 0.5]]}\n']


def _read_predictions(data: bytes, folder: Path) -> object:
    from vid2vidmr.data.dataset import load_dataset
    from vid2vidmr.evaluation.results import evaluate_file

    return evaluate_file(at(folder, "p.jsonl", data), load_dataset("made"))


def _read_card(data: bytes, folder: Path) -> object:
    from leaderboard.submit import read_card

    return read_card(at(folder, "card.yaml", data))


def _card_seeds(folder: Path) -> list[bytes]:
    from leaderboard.submit import TEMPLATE

    return [TEMPLATE.encode(), b'{"name": "x", "title": "t", "kind": "bias", "parameters": 3}']


def _result_seeds(folder: Path) -> list[bytes]:
    from vid2vidmr.data.dataset import load_dataset
    from vid2vidmr.evaluation.results import evaluate_file, write_result

    path = at(folder, "p.jsonl", _plain_seeds(folder)[0])
    header, _, evaluation = evaluate_file(path, load_dataset("made"))
    assert header is not None
    write_result(header, evaluation, path, folder / "result.json", time_s={"fit": 1.0})
    return [(folder / "result.json").read_bytes()]


def _read_result(data: bytes, folder: Path) -> object:
    from vid2vidmr.evaluation.results import read_result

    return read_result(at(folder, "result.json", data))


def _read_mark(data: bytes, folder: Path) -> object:
    from leaderboard.site.build import MARK, _require_ours

    at(folder, MARK, data)
    return _require_ours(folder)


def _data(file: str) -> Reader:
    """A file of a data set; the others are good."""

    def seeds(folder: Path) -> list[bytes]:
        from mini_dataset import mini_dataset

        mini = mini_dataset(folder / "mini", {"v0": "videos/v0.mp4", "v1": None, "v2": None})
        return [(mini.path / file).read_bytes()]

    def read(data: bytes, folder: Path) -> object:
        from vid2vidmr.data.dataset import load_dataset

        at(folder / "mini", file, data)
        found = load_dataset(folder / "mini")
        paths = [found.own_video(video) for video in found.videos["video_id"]]
        return [*found.pairs("test")], paths, found.queries()

    return Reader(seeds, read)


def _manifest_seeds(folder: Path) -> list[bytes]:
    from mini_dataset import mini_dataset

    from vid2vidmr.data.availability import Availability, new_manifest

    mini = mini_dataset(folder / "mini", {"v0": None, "v1": None})
    manifest = new_manifest(mini, [Availability(video_id="v0", status="ok", sha256="0" * 64)])
    return [manifest.model_dump_json().encode()]


def _read_manifest(data: bytes, folder: Path) -> object:
    from vid2vidmr.data.availability import read_manifest
    from vid2vidmr.data.dataset import load_dataset

    mini = load_dataset(folder / "mini")
    return read_manifest(at(folder, "availability.json", data), mini).subset


def _store(file: str) -> Reader:
    """A file of a feature store; the others are good."""

    def seeds(folder: Path) -> list[bytes]:
        import numpy as np
        from toy import CONTRACT

        from vid2vidmr.features.writer import FeatureWriter

        with FeatureWriter(folder / "store", CONTRACT) as writer:
            for number, key in enumerate(("v0", ("v0", 1.5), "v1")):
                writer.append(key, np.full((3 + number, CONTRACT.dim), number, np.float32))
        return [(folder / "store" / file).read_bytes()]

    def read(data: bytes, folder: Path) -> object:
        from vid2vidmr.features.store import FeatureStore

        at(folder / "store", file, data)
        store = FeatureStore(folder / "store")
        return [store.stored(key).sum() for key in store.keys]

    return Reader(seeds, read)


def _checkpoint(method: str, file: str) -> Reader:
    """A file of a checkpoint; the others are good."""

    def seeds(folder: Path) -> list[bytes]:
        from dataclasses import replace

        from toy import toy_pairs

        from vid2vidmr.methods.load import method_class

        cls = method_class(method)
        config = next(iter(cls.presets.values()))
        if cls.has_weights:
            small = {"d": 16, "heads": 2, "ff": 16, "encoder_layers": 1, "decoder_layers": 1}
            config = replace(cls.presets["small"], epochs=1, components=8, **small)
        cls(config).fit(toy_pairs(8), toy_pairs(4), folder / "checkpoint")
        return [(folder / "checkpoint" / file).read_bytes()]

    def read(data: bytes, folder: Path) -> object:
        import numpy as np
        from toy import toy_pairs

        from vid2vidmr.methods.base import Method

        at(folder / "checkpoint", file, data)
        found = Method.from_pretrained(folder / "checkpoint")
        for prediction in found.predict(toy_pairs(2)):
            if not np.isfinite(np.array(prediction.windows)).all():
                raise RuntimeError("NaN is predicted")
        return found

    return Reader(seeds, read)


FORMS = {
    "activitynet": b'{"database": {"v_a1": {"duration": 60.0, "subset": "training", "annotations": '
    b'[{"segment": [2, 8.5], "label": "jump"}, {"segment": [30, 36], "label": "jump"}]}}}',
    "soccernet": b'{"annotations": [{"gameTime": "1 - 00:05", "label": "Goal", "position": "5000", '
    b'"visibility": "visible"}, {"gameTime": "2 - 00:30", "label": "Goal", "position": "30500"}]}',
    "spot": b'[{"video": "m_1_251", "fps": 25.0, "num_frames": 250, "num_events": 1, "events": '
    b'[{"frame": 50, "label": "serve", "comment": ""}]}]',
    "qvhighlights": b'{"qid": 1, "query": "a goal", "vid": "v0", "duration": 60, '
    b'"relevant_windows": [[2, 8], [30, 36]]}\n' * 2,
    "sportscode": b"<?xml version='1.0' encoding='UTF-8'?><file><ALL_INSTANCES><instance><ID>1</ID>"
    b"<start>2.0</start><end>8</end><code>Shot</code></instance></ALL_INSTANCES></file>",
    "vtt": b"WEBVTT\n\n1\n00:02.000 --> 00:08.000\n<v Ann>a shot\n\n00:30.000 --> 00:36.000\nx\n",
}


def _form(form: str) -> Reader:
    """Annotations in a form of others."""

    def read(data: bytes, folder: Path) -> object:
        from builders.formats.moments import read_foreign

        return read_foreign(at(folder, f"v.{form}", data), form)[0].to_dict()

    return Reader(lambda _: [FORMS[form]], read)


def _array(ending: str) -> Reader:
    """A file of features of others."""

    def seeds(folder: Path) -> list[bytes]:
        import h5py
        import numpy as np
        import torch

        rows, path = np.ones((4, 3), np.float32), folder / f"v{ending}"
        if ending == ".h5":
            with h5py.File(path, "w") as file:
                file["v/features"] = rows
        elif ending == ".pt":
            torch.save({"features": torch.from_numpy(rows)}, path)
        else:
            (np.save if ending == ".npy" else np.savez)(path, rows)
        return [path.read_bytes()]

    def read(data: bytes, folder: Path) -> object:
        from vid2vidmr.features.arrays import Arrays

        path = at(folder, f"v{ending}", data)
        arrays = Arrays(path if ending == ".h5" else folder)
        return [arrays.read(name) for name in arrays.names]

    return Reader(seeds, read)


READERS: dict[str, Reader] = {
    "submission": Reader(_record_seeds, _read_record),
    "submitted-predictions": Reader(_packed_seeds, _read_packed),
    "predictions": Reader(_plain_seeds, _read_predictions),
    "card": Reader(_card_seeds, _read_card),
    "result": Reader(_result_seeds, _read_result),
    "site": Reader(
        lambda _: [b'{"vid2vidmr": "0.1.0", "entries": ["data", "site.json"]}'], _read_mark
    ),
    "dataset": _data("dataset.json"),
    "moments": _data("moments.parquet"),
    "videos": _data("videos.parquet"),
    "manifest": Reader(_manifest_seeds, _read_manifest),
    "index": _store("index.jsonl"),
    "contract": _store("contract.json"),
    "checkpoint": _checkpoint("moment_detr", "method.json"),
    "weights": _checkpoint("moment_detr", "model.safetensors"),
    "statistics": _checkpoint("dtw-match", "method.json"),
    **{form: _form(form) for form in FORMS},
    "npz": _array(".npz"),
    "npy": _array(".npy"),
    "pt": _array(".pt"),
    "h5": _array(".h5"),
}
