"""Models of random weights through the code path of the real ones: what they are told, and give."""

import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from local_hub import COMMIT, LocalHub
from vlm_models import FAMILIES, VIDEO_LLAVA, make_model

from baselines.vlm.config import VlmConfig
from baselines.vlm.local import TransformersRunner
from baselines.vlm.records import Frames, Image, Reply, Request, Text, Video
from vid2vidmr.errors import HubError, UserError

pytest.importorskip("transformers")

TARGET_S = (1.0, 3.0, 5.0, 12.5)
ANSWER = "12.0 - 20.5 seconds"


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    return Frames(tmp_path_factory.mktemp("frames"))


@pytest.fixture(scope="module", params=FAMILIES)
def runner(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, frames: Frames
) -> TransformersRunner:
    """A runner of each family, two requests at a time."""
    folder = make_model(request.param, tmp_path_factory.mktemp("models") / request.param)
    return TransformersRunner(VlmConfig(model=str(folder), batch_size=2), frames)


def family(runner: TransformersRunner) -> str:
    return Path(runner.config.model).name


def frame(frames: Frames, time_s: float) -> str:
    """Keep a picture that only this time has; its hash."""
    from PIL import Image as Picture

    value = round(time_s * 10)
    jpeg = io.BytesIO()
    Picture.new("RGB", (96, 54), (value % 256, 255 - value % 256, value * 7 % 256)).save(
        jpeg, "JPEG"
    )
    sha256 = hashlib.sha256(jpeg.getvalue()).hexdigest()
    path = frames.path(sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg.getvalue())
    return sha256


def interleaved(
    frames: Frames, query: tuple[float, ...], target: tuple[float, ...] = TARGET_S, tokens: int = 6
) -> Request:
    parts: list[Any] = []
    for name, times_s in (("Query", query), ("Target", target)):
        parts.append(Text(text=f"{name}:\n"))
        for time_s in times_s:
            parts += [Text(text=f"[{time_s:.1f}s]"), Image(sha256=frame(frames, time_s))]
    return Request(content=(*parts, Text(text="\nWhen?")), max_tokens=tokens)


def native(
    frames: Frames, query: tuple[float, ...], target: tuple[float, ...] = TARGET_S
) -> Request:
    def video(times_s: tuple[float, ...]) -> Video:
        shown = tuple(frame(frames, time_s) for time_s in times_s)
        return Video(sha256=shown, times_s=times_s, duration_s=times_s[-1] + 1)

    content = (Text(text="Query:\n"), video(query), Text(text="\nTarget:\n"), video(target))
    return Request(content=(*content, Text(text="\nWhen?")), max_tokens=6)


def change(folder: Path, name: str, how: Callable[[Any], Any]) -> None:
    path = folder / name
    path.write_text(json.dumps(how(json.loads(path.read_text()))))


def answers(runner: TransformersRunner, *requests: Request) -> list[Reply]:
    return list(runner.generate((str(n), request) for n, request in enumerate(requests)))


def prompts(runner: TransformersRunner, *requests: Request) -> list[str]:
    """What the model reads, without padding, every run of one token as one."""
    inputs = runner.inputs(requests)
    tokenizer = runner._loaded[0].tokenizer
    texts = [
        tokenizer.decode(ids[mask.bool()])
        for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True)
    ]
    return [re.sub(r"(<[^<>]+>)\1+", r"\1", text) for text in texts]


MARKS = {
    "qwen2_5_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "qwen3_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "internvl": "<img><IMG_CONTEXT></img>\n",
    "llava_onevision": "<image>",
    "smolvlm": "<fake_token_around_image><global-img><image><fake_token_around_image>",
    VIDEO_LLAVA: "<image>",
}


def test_every_frame_follows_its_timestamp(runner: TransformersRunner, frames: Frames) -> None:
    mark = MARKS[family(runner)]
    asked = [interleaved(frames, (0.0, 2.0)), interleaved(frames, (4.0,), (6.5, 8.5))]
    for text, query, target in zip(
        prompts(runner, *asked), [(0.0, 2.0), (4.0,)], [TARGET_S, (6.5, 8.5)], strict=True
    ):
        shown = [
            f"{name}:\n" + "".join(f"[{time_s:.1f}s]{mark}" for time_s in times_s)
            for name, times_s in (("Query", query), ("Target", target))
        ]
        assert "".join(shown) + "\nWhen?" in text


def test_a_batch_of_unequal_requests_answers_as_one_by_one(
    runner: TransformersRunner, frames: Frames
) -> None:
    for asked in (
        [interleaved(frames, (0.0, 2.0)), interleaved(frames, (4.0,), (6.5, 8.5), tokens=3)],
        [native(frames, (0.0, 2.0)), native(frames, (4.0, 5.0, 6.0), (7.0, 8.0, 9.0))],
    ):
        together = answers(runner, *asked)
        alone = [answers(runner, one)[0] for one in asked]
        assert [reply.error for reply in together] == [None, None]
        assert together[0].text != together[1].text
        assert [(r.text, r.finish, r.input_tokens, r.output_tokens) for r in together] == [
            (r.text, r.finish, r.input_tokens, r.output_tokens) for r in alone
        ]


def test_the_pictures_matter(runner: TransformersRunner, frames: Frames) -> None:
    """Times are the same, the frames are other ones."""
    one = interleaved(frames, (0.0, 2.0), tokens=12)
    other = one.model_copy(
        update={
            "content": tuple(
                Image(sha256=frame(frames, 25.0 - n)) if isinstance(part, Image) else part
                for n, part in enumerate(one.content)
            )
        }
    )
    first, second = runner.inputs([one]), runner.inputs([other])
    assert first["input_ids"].equal(second["input_ids"])
    name = next(name for name in first if name.startswith("pixel_values"))
    assert not first[name].equal(second[name])


@pytest.mark.parametrize("runner", ["qwen3_vl"], indirect=True)
def test_qwen3_is_told_the_mean_time_of_two_frames(
    runner: TransformersRunner, frames: Frames
) -> None:
    asked = [
        native(frames, (0.0, 2.0), (12.0, 13.0, 20.0, 21.0)),
        native(frames, (0.5, 2.5, 4.5), (100.0, 118.4)),
    ]
    frame_mark = "<|vision_start|><|video_pad|><|vision_end|>"
    first, second = prompts(runner, *asked)
    assert f"Query:\n<1.0 seconds>{frame_mark}\nTarget:\n<12.5 seconds>{frame_mark}" in first
    assert f"<20.5 seconds>{frame_mark}\nWhen?" in first
    # the last frame of an odd number is taken twice
    assert f"Query:\n<1.5 seconds>{frame_mark}<4.5 seconds>{frame_mark}\nTarget:\n" in second
    assert f"<109.2 seconds>{frame_mark}\nWhen?" in second


@pytest.mark.parametrize("runner", ["qwen2_5_vl"], indirect=True)
def test_qwen2_5_places_frames_by_their_seconds(runner: TransformersRunner, frames: Frames) -> None:
    asked = [
        native(frames, (0.0, 0.5, 1.0, 1.5), (0.0, 2.0, 4.0, 6.0)),
        native(frames, (3.0, 4.0), (10.0, 13.0, 16.0, 19.0)),
    ]
    inputs = runner.inputs(asked)
    assert [float(s) for s in inputs["second_per_grid_ts"]] == [1.0, 4.0, 2.0, 6.0]
    model = runner._loaded[1]
    positions, _ = model.model.get_rope_index(
        inputs["input_ids"],
        mm_token_type_ids=inputs["mm_token_type_ids"],
        video_grid_thw=inputs["video_grid_thw"],
        second_per_grid_ts=inputs["second_per_grid_ts"],
        attention_mask=inputs["attention_mask"],
    )
    per_second = model.config.vision_config.tokens_per_second
    for row, seconds in ((0, (1.0, 4.0)), (1, (6.0,))):
        video = inputs["input_ids"][row] == model.config.video_token_id
        times = positions[0, row][video].unique().tolist()
        steps = {b - a for a, b in pairwise(times)}
        assert {s * per_second for s in seconds} <= steps


@pytest.mark.parametrize("runner", ["smolvlm"], indirect=True)
def test_smolvlm_is_told_minutes_and_seconds(runner: TransformersRunner, frames: Frames) -> None:
    (text,) = prompts(runner, native(frames, (0.0, 2.0), (12.5, 65.0)))
    told = re.findall(r"Frame from (\d\d:\d\d):<fake_token_around_image>", text)
    assert told == ["00:00", "00:02", "00:12", "01:05"]
    assert "two frames from a 0:00:03 [H:MM:SS] video" in text
    assert "two frames from a 0:01:06 [H:MM:SS] video" in text


@pytest.mark.parametrize("runner", ["internvl", "llava_onevision", VIDEO_LLAVA], indirect=True)
def test_frames_of_the_shorter_video_are_repeated_where_lengths_must_be_equal(
    runner: TransformersRunner, frames: Frames
) -> None:
    uneven = runner.inputs([native(frames, (0.0, 2.0))])
    even = runner.inputs([native(frames, (0.0, 0.0, 2.0, 2.0))])
    assert uneven["input_ids"].equal(even["input_ids"])
    name = next(name for name in even if name.startswith("pixel_values"))
    assert uneven[name].equal(even[name])


@pytest.mark.parametrize("runner", ["internvl", "smolvlm"], indirect=True)
def test_frames_are_not_cut_into_tiles(
    runner: TransformersRunner, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [interleaved(frames, (0.0, 2.0))]
    whole = runner.inputs(asked)
    setting = {"internvl": "crop_to_patches", "smolvlm": "do_image_splitting"}[family(runner)]
    monkeypatch.setattr("baselines.vlm.inputs.UNTILED", ())
    monkeypatch.setattr(runner._loaded[0].image_processor, setting, True)
    cut = runner.inputs(asked)
    assert whole["input_ids"].shape[1] < cut["input_ids"].shape[1]


@pytest.mark.parametrize("made", FAMILIES)
def test_a_forced_answer_comes_back(made: str, tmp_path: Path, frames: Frames) -> None:
    folder = make_model(made, tmp_path / made, ANSWER)
    config = VlmConfig(model=str(folder), batch_size=3, dtype="float32")
    runner = TransformersRunner(config, frames)
    short = interleaved(frames, (0.0,), tokens=4)
    replies = answers(runner, interleaved(frames, (0.0, 2.0), tokens=64), short, short)
    assert [reply.key for reply in replies] == ["0", "1", "2"]
    assert [(r.text, r.finish) for r in replies] == [
        (ANSWER, "stop"), ("12.0", "length"), ("12.0", "length")
    ]  # fmt: skip
    assert [reply.output_tokens for reply in replies] == [len(ANSWER) + 1, 4, 4]
    first = replies[0]
    assert (first.model, first.revision, first.dtype) == (str(folder), None, "float32")
    assert {"transformers", "torch", "device"} == set(first.engine)
    assert first.latency_s is not None
    assert first.latency_s >= 0
    assert first.input_tokens is not None
    assert first.input_tokens > replies[1].input_tokens  # type: ignore[operator]


@pytest.fixture
def qwen(tmp_path: Path, frames: Frames) -> TransformersRunner:
    folder = make_model("qwen2_5_vl", tmp_path / "qwen", ANSWER)
    return TransformersRunner(VlmConfig(model=str(folder), batch_size=3), frames)


def test_a_failed_batch_is_asked_one_by_one(
    qwen: TransformersRunner, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = qwen._loaded[1]
    generate, sizes = model.generate, []

    def tight(**inputs: Any) -> Any:
        """Room for one request, and not for a long one."""
        sizes.append(tuple(inputs["input_ids"].shape))
        if inputs["input_ids"].shape[0] > 1:
            raise RuntimeError("CUDA out of memory. Tried to allocate 1 GiB\nof 2 GiB")
        if len(sizes) == 3:
            raise IndexError("index out of range")
        return generate(**inputs)

    monkeypatch.setattr(model, "generate", tight)
    replies = answers(qwen, *(interleaved(frames, (t,), tokens=64) for t in (0.0, 1.0, 2.0)))
    assert [n for n, _ in sizes] == [3, 1, 1, 1]
    assert [reply.text for reply in replies] == [ANSWER, None, ANSWER]
    assert (replies[1].error, replies[1].error_text) == (
        "model failed",
        "IndexError: index out of range",
    )
    qwen.config = replace(qwen.config, batch_size=1)
    monkeypatch.setattr(model, "generate", lambda **inputs: (_ for _ in ()).throw(MemoryError()))
    (reply,) = answers(qwen, interleaved(frames, (0.0,)))
    assert (reply.key, reply.text, reply.error) == ("0", None, "out of memory")


def test_a_config_for_sampling_is_not_followed(
    tmp_path: Path, frames: Frames, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = make_model("qwen2_5_vl", tmp_path / "model")
    asked = interleaved(frames, (0.0,), tokens=12)
    (greedy,) = answers(TransformersRunner(VlmConfig(model=str(folder)), frames), asked)
    sampling = {"do_sample": True, "temperature": 5.0, "top_k": 200, "top_p": 0.99}
    change(folder, "generation_config.json", lambda config: config | sampling)
    runner = TransformersRunner(VlmConfig(model=str(folder)), frames)
    assert {answers(runner, asked)[0].text for _ in range(3)} == {greedy.text}
    assert "flags" not in capfd.readouterr().err


def test_further_arguments_reach_the_model(qwen: TransformersRunner, frames: Frames) -> None:
    loading = {"device_map": {"": "cpu"}, "attn_implementation": "eager"}
    other = TransformersRunner(replace(qwen.config, dtype="bfloat16", loading=loading), frames)
    (reply,) = answers(other, interleaved(frames, (0.0,), tokens=64))
    assert (reply.text, reply.dtype) == (ANSWER, "bfloat16")
    assert other._loaded[1].config._attn_implementation == "eager"


def test_seconds_keep_their_precision_in_bfloat16(
    qwen: TransformersRunner, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    qwen.config = replace(qwen.config, dtype="bfloat16")
    model = qwen._loaded[1]
    generate, given = model.generate, {}

    def watched(**inputs: Any) -> Any:
        given.update(inputs)
        return generate(**inputs)

    monkeypatch.setattr(model, "generate", watched)
    (reply,) = answers(qwen, native(frames, (0.0, 0.7), (0.0, 3.3, 6.6, 9.9)))
    assert reply.error is None
    assert given["second_per_grid_ts"].tolist() == pytest.approx([1.4, 6.6], abs=1e-6)
    assert str(given["pixel_values_videos"].dtype) == "torch.bfloat16"


def test_a_repository_of_the_hub_is_fetched_and_its_commit_kept(
    hub: LocalHub, tmp_path: Path, frames: Frames
) -> None:
    for path in make_model("qwen3_vl", tmp_path / "model", ANSWER).iterdir():
        hub.files[f"/some/one/resolve/main/{path.name}"] = path.read_bytes()
    asked = interleaved(frames, (0.0,), tokens=64)
    (reply,) = answers(TransformersRunner(VlmConfig(model="some/one"), frames), asked)
    assert (reply.text, reply.model, reply.revision) == (ANSWER, "some/one", COMMIT)
    with pytest.raises(UserError, match="The model some/other cannot be loaded") as caught:
        answers(TransformersRunner(VlmConfig(model="some/other"), frames), asked)
    assert "\n" not in str(caught.value)


def test_models_that_are_none(tmp_path: Path, frames: Frames) -> None:
    from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

    asked = interleaved(frames, (0.0,))
    with pytest.raises(HubError, match=r"^The model \S+ cannot be loaded \(.+\): check the name"):
        answers(TransformersRunner(VlmConfig(model=str(tmp_path / "nothing")), frames), asked)
    folder = make_model("qwen2_5_vl", tmp_path / "model")
    words = tmp_path / "words"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sizes = {"hidden_size": 8, "num_attention_heads": 1, "num_key_value_heads": 1}
    config = Qwen2Config(vocab_size=300, intermediate_size=8, num_hidden_layers=1, **sizes)
    Qwen2ForCausalLM(config).save_pretrained(words)
    tokenizer.save_pretrained(words)
    with pytest.raises(UserError, match=r"\(qwen2\) takes no images: name one that") as caught:
        answers(TransformersRunner(VlmConfig(model=str(words)), frames), asked)
    assert "\n" not in str(caught.value)
    change(folder, "config.json", lambda config: {**config, "model_type": "unheard_of"})
    with pytest.raises(UserError, match="cannot be loaded") as caught:
        answers(TransformersRunner(VlmConfig(model=str(folder)), frames), asked)
    assert "\n" not in str(caught.value)


def test_a_missing_frame_is_said(qwen: TransformersRunner) -> None:
    request = Request(content=(Text(text="a"), Image(sha256="0" * 64)), max_tokens=4)
    with pytest.raises(UserError, match="vlm prepare"):
        answers(qwen, request)
