import dataclasses

import pytest
from coded_video import constant_rate, write_video
from second_encoder import second_encoder

from vid2vidmr.archive.retrieve import retrieve_among
from vid2vidmr.errors import FeatureError, HubError, VideoError
from vid2vidmr.methods.load import load_method
from vid2vidmr.methods.retrieve import Retrieval, retrieve


@pytest.fixture
def files(tmp_path):
    """A target, and as the query its part from 22 s on (frames keep the target's numbers)."""
    from coded_video import numbered_frame

    target = write_video(tmp_path / "target.mp4", constant_rate(8, 61), rate=8)
    query = write_video(
        tmp_path / "query.mkv",
        constant_rate(8, 9),
        rate=8,
        frames=map(numbered_frame, range(22 * 8, 31 * 8)),
    )
    return query, target


@pytest.mark.parametrize("name", ["video-match", "dtw-match", "local-match", "align_refine"])
def test_two_files(files, name):
    query, target = files
    found = load_method(name).retrieve(query, target, encoder=second_encoder())
    assert found.method == name
    assert found.encoder == "second"
    assert found.duration_s == pytest.approx(61)
    assert (found.query, found.target) == (str(query), str(target))
    best = found.windows[0]
    assert abs(best.start_s - 22) <= 2
    assert abs(best.end_s - 31) <= 2
    scores = [window.score for window in found.windows]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= w.start_s < w.end_s <= 61 for w in found.windows)
    assert Retrieval.model_validate_json(found.model_dump_json()) == found


def test_top(files):
    found = retrieve(load_method("video-match"), *files, encoder=second_encoder(), top=2)
    assert len(found.windows) == 2


def test_a_real_top(files):
    found = retrieve(load_method("video-match"), *files, encoder=second_encoder(), top=20)
    assert len(found.windows) == 20


def test_files_are_encoded_once(files):
    def never(batch):
        raise AssertionError("it was encoded before")

    first = retrieve(load_method("video-match"), *files, encoder=second_encoder())
    known = dataclasses.replace(second_encoder(), network=never)
    assert retrieve(load_method("video-match"), *files, encoder=known) == first
    query, target = files
    target.write_bytes(query.read_bytes())  # another content is another file
    with pytest.raises(AssertionError):
        other = dataclasses.replace(known, weights_sha256="1" * 64)
        retrieve(load_method("video-match"), query, target, encoder=other)


def test_several_targets(files, tmp_path):
    query, target = files
    folder = tmp_path / "many"
    folder.mkdir()
    write_video(folder / "other.mp4", constant_rate(8, 40), rate=8)
    target.rename(folder / "target.mp4")
    found = retrieve_among(load_method("video-match"), query, [folder], second_encoder(), top=3)
    assert found.videos == 2 and len(found.windows) == 3
    best = found.windows[0]
    assert best.video.endswith("target.mp4") or best.end_s <= 40
    assert abs(best.start_s - 22) <= 2 and abs(best.end_s - 31) <= 2


def test_methods_that_look_at_nothing_need_no_encoder(files):
    found = load_method("whole-video").retrieve(*files)
    assert found.encoder is None
    assert (found.windows[0].start_s, found.windows[0].end_s) == (0, pytest.approx(61))


def test_the_encoder_of_the_checkpoint_is_used_and_required(files, monkeypatch):
    import vid2vidmr.methods.retrieve as module

    method = load_method("video-match")
    method.encoder_contract = second_encoder().contract
    asked = []

    def load(name):
        asked.append(name)
        return second_encoder()

    monkeypatch.setattr(module, "load_encoder", load)
    assert retrieve(method, *files).encoder == "second"
    assert asked == ["second"]
    with pytest.raises(FeatureError, match="This video-match checkpoint needs other features"):
        retrieve(method, *files, encoder=second_encoder("other"))


def test_without_a_checkpoint_it_is_the_papers_encoder(files, monkeypatch):
    import vid2vidmr.methods.retrieve as module

    def no_hub(name):
        raise HubError(f"no {name}")

    monkeypatch.setattr(module, "load_encoder", no_hub)
    with pytest.raises(HubError, match="no clip-vit-b32"):
        retrieve(load_method("video-match"), *files)


def test_files_that_cannot_be_read(files, tmp_path):
    query, target = files
    with pytest.raises(VideoError, match=r"nothing\.mp4 does not exist"):
        retrieve(load_method("video-match"), query, tmp_path / "nothing.mp4", second_encoder())
    target.write_bytes(target.read_bytes()[:2000])
    with pytest.raises(VideoError, match=r"target\.mp4"):
        retrieve(load_method("video-match"), query, target, encoder=second_encoder())


def test_a_file_in_itself(files):
    _, target = files
    found = retrieve(load_method("video-match"), target, target, encoder=second_encoder())
    assert (found.windows[0].start_s, found.windows[0].end_s) == (0, pytest.approx(61))
