"""`import vid2vidmr as v` is the public way in: its names complete, say how, and take names."""

import inspect
from pathlib import Path

import pytest

import vid2vidmr as v

FUNCTIONS = [name for name in v.__all__ if inspect.isfunction(getattr(v, name))]


def test_a_notebook_completes_the_names() -> None:
    assert set(dir(v)) == {*v.__all__, "__version__"} and v.__all__ == list(v._HOMES)
    with pytest.raises(AttributeError, match="'vid2vidmr' has no attribute 'benhc'"):
        _ = v.benhc


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_shows_an_example(name: str) -> None:
    said = inspect.getdoc(getattr(v, name)) or ""
    example = said.partition("Examples\n--------\n")[2]
    assert f"v.{name}(" in example, name


def test_the_data_flow_by_names_alone(tiny: Path) -> None:
    assert v.extract_features("minimatch").path == v.open_features("minimatch").path
    found = v.bench("minimatch", "video-match", protocols=["official"])
    frame = found.to_frame().set_index("method")
    assert frame.loc["video-match", "protocol"] == "official" and not found.failures
    assert repr(found) == "Benched(5 scores; failed: none)"

    ours, other = (
        next(Path("runs/minimatch").glob(f"{name}/*/official")) / "predictions.jsonl"
        for name in ("video-match", "centre")
    )
    header, predictions = v.read_predictions(str(ours))
    score = v.evaluate(predictions, v.load_dataset(header.dataset).pairs(header.split))
    assert score.metrics["mIoU"].value == frame.loc["video-match", "mIoU"]
    assert v.analyse(str(ours)).metrics == score.metrics
    assert v.compare(str(ours), other).metrics[0] == score.metrics
