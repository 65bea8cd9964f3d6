"""Encoders by prefix: the real loaders, and small networks of the real kinds, random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from coded_video import constant_rate, write_video

from vid2vidmr.errors import HubError, UnknownNameError
from vid2vidmr.features.load import load_encoder
from vid2vidmr.features.local import encode_video
from vid2vidmr.features.readers import Clips, Stills

SMALL = {
    "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
}  # fmt: skip
EDGE = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("video") / "a.mp4", constant_rate(8, 3), rate=8)


def check(encoder, video, dim):
    rows = encode_video(video, encoder)
    assert rows.shape == (3, dim) and np.isfinite(rows).all()
    assert not np.array_equal(rows[0], rows[1])
    again = load_encoder(encoder.contract.name, "cpu")
    assert again.contract == encoder.contract
    assert "0x" not in encoder.contract.model_dump_json()  # no address of this process
    assert np.array_equal(encode_video(video, again), rows)


def saved(folder: Path, kind: str) -> Path:
    """A network of a kind, as its repository holds it."""
    import transformers as t

    torch.manual_seed(0)
    vision = {"image_size": 32, **SMALL}
    still = {"patch_size": 16, **vision}
    if kind == "vjepa2":
        config = t.VJEPA2Config(
            crop_size=32, frames_per_clip=4, hidden_size=32, num_hidden_layers=1,
            num_attention_heads=2, pred_hidden_size=32, pred_num_hidden_layers=1,
            pred_num_attention_heads=2, pred_num_mask_tokens=2,
        )  # fmt: skip
        model, processor = t.VJEPA2Model(config), t.VJEPA2VideoProcessor(**EDGE)
    elif kind == "videomae":
        config = t.VideoMAEConfig(num_frames=4, **vision)
        model, processor = t.VideoMAEModel(config), t.VideoMAEImageProcessor(**EDGE)
    elif kind == "dinov3":
        model = t.DINOv3ViTModel(t.DINOv3ViTConfig(**still))
        processor = t.DINOv3ViTImageProcessor(size={"height": 32, "width": 32})
    else:
        config = t.CLIPConfig(text_config=SMALL, vision_config=still, projection_dim=16)
        model, processor = t.CLIPModel(config), t.CLIPImageProcessor(**EDGE)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("kind", "dim", "reader"),
    [("vjepa2", 32, Clips), ("videomae", 32, Clips), ("dinov3", 32, Stills), ("clip", 16, Stills)],
)
def test_models_of_transformers(tmp_path, video, kind, dim, reader):
    pytest.importorskip("transformers")
    encoder = load_encoder(f"transformers:{saved(tmp_path / kind, kind)}@1", "cpu")
    assert isinstance(encoder.reads, reader)
    if reader is Clips:
        assert (encoder.reads.count, encoder.reads.rate) == (4, 2.0)
    check(encoder, video, dim)


def test_a_model_of_transformers_from_a_hub(hub, tmp_path, video):
    pytest.importorskip("transformers")
    for path in saved(tmp_path / "model", "videomae").iterdir():
        hub.files[f"/someone/videomae/resolve/main/{path.name}"] = path.read_bytes()
    check(load_encoder("transformers:someone/videomae@1", "cpu"), video, 32)
    with pytest.raises(HubError, match="someone/other"):
        load_encoder("transformers:someone/other", "cpu")


def test_weights_that_are_not_all_there_are_refused(tmp_path):
    pytest.importorskip("transformers")
    from safetensors.torch import load_file, save_file

    file = saved(tmp_path / "model", "videomae") / "model.safetensors"
    weights = load_file(file)
    del weights[next(key for key in weights if "attention" in key)]
    save_file(weights, file, {"format": "pt"})
    with pytest.raises(HubError, match="lacks weights of transformers:"):
        load_encoder(f"transformers:{tmp_path / 'model'}", "cpu")


def test_models_of_timm(hub, tmp_path, video):
    import timm
    from timm.models._hub import save_for_hf

    torch.manual_seed(0)
    sizes = {"depth": 1, "embed_dim": 48, "num_heads": 2}
    model = timm.create_model("vit_small_patch16_dinov3", **sizes)
    save_for_hf(model, tmp_path / "model", model_args=sizes, safe_serialization=True)
    check(load_encoder(f"timm:{tmp_path / 'model'}@1", "cpu"), video, 48)
    name = "vit_small_patch16_dinov3.lvd1689m"
    for path in (tmp_path / "model").iterdir():
        hub.files[f"/timm/{name}/resolve/main/{path.name}"] = path.read_bytes()
    assert load_encoder(f"timm:{name}", "cpu").dim == 48
    with pytest.raises(UnknownNameError, match="did you mean 'resnet10t"):
        load_encoder("timm:resnet10t.c3_in1j")
    (tmp_path / "model" / "config.json").write_text("{}")
    with pytest.raises(HubError, match="is no model that timm reads"):
        load_encoder(f"timm:{tmp_path / 'model'}")


def test_video_networks_of_torchvision(monkeypatch, tmp_path, video):
    from torchvision.models import get_model, get_model_weights

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    weights = get_model_weights("mc3_18").DEFAULT
    file = tmp_path / "checkpoints" / Path(weights.url).name
    file.parent.mkdir()
    torch.manual_seed(0)
    torch.save(get_model("mc3_18").state_dict(), file)
    encoder = load_encoder("torchvision:mc3_18@3", "cpu")
    assert encoder.reads == Clips(encoder.prepare, None, 16, 15.0)
    assert encode_video(video, encoder).shape == (1, 512)
    with pytest.raises(UnknownNameError, match="did you mean 'swin3d_t'"):
        load_encoder("torchvision:swin3d_x")
    file.write_bytes(b"nothing")
    with pytest.raises(HubError, match="mc3_18 are not on this machine"):
        load_encoder("torchvision:mc3_18")
