"""Captions, from the file to features beside those of the videos."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Ran
from local_hub import LocalHub
from mini_dataset import mini_dataset
from safetensors.torch import save
from tiny_clip import tiny_clip

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.errors import DataError, FeatureError, UnknownNameError, UserError
from vid2vidmr.features import captions as module
from vid2vidmr.features.captions import encode_captions, open_captions, read_captions
from vid2vidmr.features.load import load_encoder
from vid2vidmr.features.store import FeatureStore
from vid2vidmr.features.text import load_text_encoder

NAME = "open_clip:v2v-tiny/here"
TEXTS = {
    "m-a": "a header", "m-b": "the keeper saves", "m-c": "a very long text, of more than 8 tokens",
}  # fmt: skip


@pytest.fixture
def clip(hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A tiny CLIP on a hub on 127.0.0.1."""
    model = tiny_clip(monkeypatch, tmp_path)[0]
    weights = {key: value.contiguous() for key, value in model.state_dict().items()}
    hub.files["/someone/tiny/resolve/main/open_clip_model.safetensors"] = save(weights)
    return model


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return mini_dataset(tmp_path / "mini", {"a": None, "b": None, "c": None, "d": None})


def jsonl(path: Path, texts: dict[str, str]) -> Path:
    lines = (json.dumps({"moment_id": m, "caption": text}) + "\n" for m, text in texts.items())
    path.write_text("".join(lines))
    return path


def test_both_formats_are_read(tmp_path: Path) -> None:
    texts = {"m1": 'a "header", late', "m2": "élan", "m3": ""}
    assert read_captions(jsonl(tmp_path / "c.jsonl", texts)) == texts
    (tmp_path / "c.csv").write_text(
        '\ufeffcaption,split,moment_id\n"a ""header"",  late",val,m1\nélan ,val,m2\n,val,m3\n'
    )
    assert read_captions(tmp_path / "c.csv") == texts


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.jsonl", '{"moment_id": "m1"}\n', "line 1 is no caption"),
        ("c.jsonl", '{"moment_id": 1, "caption": "x"}\n', "line 1 is no caption"),
        ("c.jsonl", '["m1", "x"]\n', "line 1 is no caption"),
        ("c.jsonl", "m1,x\n", "line 1 is not JSON"),
        ("c.jsonl", 2 * '{"moment_id": "m", "caption": "x"}\n', "line 2 is a second caption"),
        ("c.csv", "moment,caption\nm1,x\n", "line 2 is no caption"),
        ("c.csv", "moment_id,caption\nm1\n", "line 2 is no caption"),
        ("c.csv", "moment_id,caption\nm1,one, two\n", "in quotes if there is a comma"),
        ("c.csv", "moment_id,caption\nm1,x\nm1,x\n", "line 3 is a second caption of moment 'm1'"),
        ("c.csv", 'moment_id,caption\nm1,"x', "is not a CSV file"),
        ("none.csv", None, "does not exist"),
        ("none.jsonl", None, "does not exist"),
    ],
)
def test_damaged_files_are_refused_with_a_sentence(
    tmp_path: Path, name: str, text: str | None, message: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_captions(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_tokens_are_those_of_the_text_tower_without_the_projection(clip: Any) -> None:
    import open_clip

    encoder = load_text_encoder(NAME, "cpu")
    found = encoder.encode(list(TEXTS.values()))
    tokens = open_clip.get_tokenizer("v2v-tiny")(list(TEXTS.values()), context_length=8)
    ends = tokens.argmax(1)  # the end of the text has the largest number
    assert [len(rows) for rows in found] == (ends + 1).tolist() == [4, 5, 8]
    with torch.no_grad():
        # open_clip's own steps up to the LayerNorm; one step on is what encode_text gives.
        x = clip.token_embedding(tokens) + clip.positional_embedding
        x = clip.ln_final(clip.transformer(x, attn_mask=clip.attn_mask))
        last = torch.from_numpy(np.stack([rows[-1] for rows in found]))
        torch.testing.assert_close(
            last @ clip.text_projection, clip.encode_text(tokens), atol=1e-5, rtol=1e-5
        )
    for rows, row, end in zip(found, x, ends, strict=True):
        np.testing.assert_allclose(rows, row[: end + 1], atol=1e-5)


def test_the_contract_is_none_of_frames(clip: Any) -> None:
    text, frames = load_text_encoder(NAME, "cpu").contract("abc"), load_encoder(NAME).contract
    assert text.encoder == NAME + "-text"
    assert "abc" in text.decoder
    assert text.weights_sha256 != frames.weights_sha256
    assert text == load_text_encoder(NAME, "cpu").contract("abc")


@pytest.mark.parametrize(
    "name", ["efficientnet-lite0", "open_clip:ViT-B-16-SigLIP/webli", "open_clip:coca_ViT-B-32/x"]
)
def test_encoders_without_such_a_tower_are_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from open_clip.model import CLIPTextCfg, _build_text_tower

    from vid2vidmr.features import text as text_encoder

    class Coca:
        text = _build_text_tower(8, CLIPTextCfg(width=8, heads=1, layers=1, embed_cls=True))

    monkeypatch.setattr(text_encoder, "open_clip_model", lambda *_: (Coca, None))
    with pytest.raises(UserError, match=f"{name} has no text tower"):
        load_text_encoder(name)


def test_unknown_encoders() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'clip-vit-b32'"):
        load_text_encoder("clip-vit-b3")


def test_what_the_file_lacks_or_has_in_excess_is_said(
    cli: Callable[..., Ran], clip: Any, dataset: Dataset, tmp_path: Path
) -> None:
    file = jsonl(tmp_path / "c.jsonl", {**TEXTS, "m-d": " ", "m-x": "of nothing"})
    ran = cli("features", dataset.path, "--captions", file, "--encoder", NAME)
    assert ran.code == 0, ran.err
    assert "Features of 3 captions are in" in ran.out
    assert "1 query without a caption (such as 'm-d')" in ran.out
    assert "1 caption empty (such as 'm-d')" in ran.out
    assert "1 caption of no moment of this data set (such as 'm-x')" in ran.out
    assert "1 caption cut off after 8 tokens (such as 'm-c')" in ran.out
    store = open_captions(dataset, NAME)
    assert store.video_ids == list(TEXTS)
    assert store.rows("m-b").shape == (5, 16)


def test_a_file_of_other_moments_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jsonl has no caption of any of the 4 moments"):
        encode_captions(dataset, jsonl(tmp_path / "none.jsonl", {"m1": "x"}), NAME)


def test_what_was_killed_is_continued_to_the_same_bytes(
    clip: Any, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    file = jsonl(tmp_path / "c.jsonl", TEXTS)
    whole, _ = encode_captions(dataset, file, NAME, tmp_path / "whole")
    append = module.FeatureWriter.append

    def killed(self: Any, moment: str, rows: np.ndarray) -> None:
        if moment == "m-b":
            raise KeyboardInterrupt
        append(self, moment, rows)

    monkeypatch.setattr(module.FeatureWriter, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        encode_captions(dataset, file, NAME, tmp_path / "cut")
    assert len(FeatureStore(tmp_path / "cut")) == 1
    monkeypatch.setattr(module.FeatureWriter, "append", append)
    encode_captions(dataset, file, NAME, tmp_path / "cut")
    for name in ("contract.json", "index.jsonl", "features.bin"):
        assert (tmp_path / "cut" / name).read_bytes() == (whole.path / name).read_bytes()
    # Another file is not mixed in.
    file.write_text(file.read_text().replace("header", "volley"))
    with pytest.raises(FeatureError, match=r"decoder 'captions .*move the folder away"):
        encode_captions(dataset, file, NAME, tmp_path / "cut")


def test_missing_captions_say_how_they_are_made(dataset: Dataset) -> None:
    with pytest.raises(
        FeatureError, match=rf"features --dataset mini --captions FILE --encoder {NAME}`"
    ):
        open_captions(dataset, NAME)
