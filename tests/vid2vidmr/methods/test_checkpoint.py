"""Checkpoints of strangers: every part that is missing or misshapen is one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from toy import toy_pairs

from baselines.dtw_match import DtwMatch
from baselines.local_match import LocalMatch
from baselines.moment_detr import MomentDetr
from baselines.trivial import FittedPrior
from vid2vidmr.errors import UserError
from vid2vidmr.methods.base import Method
from vid2vidmr.methods.load import load_method

SMALL = replace(
    MomentDetr.presets["small"],
    d=16, heads=2, ff=16, encoder_layers=1, decoder_layers=1, epochs=1, components=8,
)  # fmt: skip
Parts = dict[str, bytes]


def fitted(method: Method, folder: Path) -> Parts:
    method.fit(toy_pairs(8), toy_pairs(4), folder)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Parts]:
    """Checkpoints of four methods, file by file."""
    made: list[Method] = [MomentDetr(SMALL), DtwMatch(), LocalMatch(), FittedPrior()]
    home = tmp_path_factory.mktemp("parts")
    return {m.info.name: fitted(m, home / m.info.name) for m in made}


def write(folder: Path, files: Parts) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def described(files: Parts, **changes: Any) -> Parts:
    value = {**json.loads(files["method.json"]), **changes}
    return {**files, "method.json": json.dumps(value).encode()}


def refused(name: str, folder: Path, match: str) -> None:
    for load in (lambda: load_method(name, folder), lambda: Method.from_pretrained(folder)):
        with pytest.raises(UserError, match=match) as found:
            load()
        assert "\n" not in str(found.value) and len(str(found.value)) < 500


def test_a_checkpoint_in_the_place_of_the_method(
    tmp_path: Path, parts: dict[str, Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "runs/c", parts["dtw-match"])
    monkeypatch.chdir(tmp_path / "runs")
    for name in ("c", "../runs/c", str(tmp_path / "runs/c")):
        with pytest.raises(UserError) as found:
            load_method(name)
        assert f'load_method("dtw-match", "{name}")' in str(found.value)
        assert f"dtw-match with --checkpoint {name}" in str(found.value)
    with pytest.raises(UserError, match=r'is a path.*load_method\("METHOD", "runs/none"\)'):
        load_method("runs/none")
    with pytest.raises(UserError, match="Unknown method"):
        load_method("c" * 300)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (None, r"method\.json does not exist: expected a folder"),
        ("", "is not JSON"),
        ("[1]", "does not describe a checkpoint"),
        ('{"method": "moment_detr"}', r"does not describe a checkpoint \(config: Field required"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_description_that_is_none(
    tmp_path: Path, parts: dict[str, Parts], text: str | None, match: str
) -> None:
    folder = write(tmp_path / "c", parts["moment_detr"])
    if text is None:
        (folder / "method.json").unlink()
    else:
        (folder / "method.json").write_text(text)
    refused("moment_detr", folder, match)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"method": "nobody"}, "Unknown method 'nobody'|checkpoint of nobody"),
        ({"method": "../evil.py:Evil"}, r"\(method: "),
        ({"method": "evil.py:Evil"}, "expected a registered name"),
        ({"method": 7}, r"\(method: "),
        ({"config": {"heads": "two"}}, "config of the checkpoint .* is not right"),
        ({"config": {"unheard": 1}}, "Unknown field 'unheard'"),
        ({"config": []}, r"\(config: "),
        ({"seed": -1}, r"\(seed: "),
        ({"state": {}}, r"is no whole checkpoint of moment_detr \(it lacks 'contract'\)"),
        ({"state": {"contract": None}}, "is no whole checkpoint of moment_detr"),
        ({"provenance": {"commit": {}}}, r"is no whole checkpoint of moment_detr \(commit: "),
    ],
)
def test_fields_are_what_they_must_be(
    tmp_path: Path, parts: dict[str, Parts], changes: dict[str, Any], match: str
) -> None:
    refused("moment_detr", write(tmp_path / "c", described(parts["moment_detr"], **changes)), match)


def change_config(**fields: Any) -> Callable[[Parts], Parts]:
    def edit(files: Parts) -> Parts:
        config = {**json.loads(files["method.json"])["config"], **fields}
        return described(files, config=config)

    return edit


def change_weights(edit: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        tensors = load_file(path)
        edit(tensors)
        save_file(tensors, path)

    return change


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (Path.unlink, r"No such file or directory: .*model\.safetensors"),
        (lambda path: path.write_bytes(b""), "is no whole checkpoint"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "is no whole checkpoint"),
        (lambda path: path.write_bytes(b"\xff" * 500), "is no whole checkpoint"),
        (change_weights(lambda t: t.pop("model.span.0.weight", t.popitem())), "it lacks"),
        (change_weights(lambda t: t.update(x=torch.ones(1))), "it has in excess x"),
        (change_weights(lambda t: t.pop("feature_mean")), "is no whole checkpoint"),
        (change_weights(lambda t: t.update(feature_mean=torch.ones(3))), "its projection has"),
        (
            change_weights(lambda t: t.update({k: v[..., :1].clone() for k, v in t.items()})),
            "its projection has|has the shape",
        ),
        (change_weights(lambda t: next(iter(t.values())).fill_(float("nan"))), "NaN or infinity"),
        (change_weights(lambda t: t["feature_basis"].fill_(float("inf"))), "NaN or infinity"),
    ],
)
def test_weights_are_those_of_the_model(
    tmp_path: Path, parts: dict[str, Parts], edit: Callable[[Path], None], match: str
) -> None:
    folder = write(tmp_path / "c", parts["moment_detr"])
    edit(folder / "model.safetensors")
    refused("moment_detr", folder, match)


def test_weights_too_large_to_predict_with_are_one_line(
    tmp_path: Path, parts: dict[str, Parts]
) -> None:
    folder = write(tmp_path / "c", parts["moment_detr"])
    change_weights(lambda t: [v.fill_(3e38) for v in t.values()])(folder / "model.safetensors")
    with pytest.raises(UserError, match="moment_detr gives NaN or infinity for the pair pair0"):
        list(load_method("moment_detr", folder).predict(toy_pairs(2)))


@pytest.mark.parametrize(
    "fields", [{"d": 2**20, "heads": 1}, {"decoder_layers": 10**9}, {"heads": 3}, {"ff": 17}]
)
def test_a_config_of_another_model_is_refused_before_it_is_built(
    tmp_path: Path, parts: dict[str, Parts], fields: dict[str, Any]
) -> None:
    files = change_config(**fields)(parts["moment_detr"])
    refused("moment_detr", write(tmp_path / "c", files), "is no whole checkpoint of moment_detr")


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("prior", {"windows": {"official": [{"window": [0, 1], "train_iou": 1}]}}),
        ("prior", {"windows": {"official": [{"window": [0, 1, 0, None], "train_iou": 1}]}}),
        ("prior", {"windows": {"official": [{}]}}),
        ("prior", {"windows": []}),
        ("dtw-match", {"contract": {}}),
        ("dtw-match", {"mean": [1.0]}),
    ],
)
def test_statistics_are_what_they_must_be(
    tmp_path: Path, parts: dict[str, Parts], name: str, state: dict[str, Any]
) -> None:
    if "mean" in state:
        state = {**json.loads(parts[name]["method.json"])["state"], **state}
    refused(name, write(tmp_path / "c", described(parts[name], state=state)), "no whole checkpoint")


@settings(max_examples=120)
@given(data=st.data())
def test_any_checkpoint_is_read_or_refused_in_a_line(
    tmp_path_factory: pytest.TempPathFactory, parts: dict[str, Parts], data: st.DataObject
) -> None:
    """Bytes changed, cut, or put in, in either file: no other error, and no NaN."""
    name = data.draw(st.sampled_from(sorted(parts)))
    files = dict(parts[name])
    file = data.draw(st.sampled_from(sorted(files)))
    raw, at = bytearray(files[file]), data.draw(st.integers(0, len(files[file])))
    raw[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8))
    files[file] = bytes(raw)
    folder = write(tmp_path_factory.mktemp("any"), files)
    try:
        found = load_method(name, folder)
    except UserError as error:
        assert "\n" not in str(error)
        return
    try:
        for prediction in found.predict(toy_pairs(2)):
            assert np.isfinite(np.array(prediction.windows)).all()
    except UserError as error:  # a contract of other features
        assert "\n" not in str(error)
