"""Methods and data sets are found by name, lazily; a wrong name is answered with the right one."""

import json
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from conftest import Ran

from vid2vidmr import registry
from vid2vidmr.data.builder import DatasetBuilder, dataset_builder
from vid2vidmr.errors import UnknownNameError, UserError
from vid2vidmr.methods.base import Method
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.methods.load import method_class, method_names


def test_every_registered_method_has_its_own_name_and_metadata() -> None:
    for name in method_names():
        cls = method_class(name)
        assert issubclass(cls, Method)
        assert isinstance(cls.info, MethodInfo)
        assert cls.info.name == name
        assert cls.presets
        if cls.info.needs_training:
            assert "small" in cls.presets
            assert "paper" in cls.presets or cls.info.source == "own"


def test_every_registered_dataset_has_its_own_name() -> None:
    for name in registry.registered_names("dataset"):
        builder = dataset_builder(name)
        assert isinstance(builder, DatasetBuilder)
        assert builder.info.name == name


def test_the_first_release_is_complete() -> None:
    assert set(method_names()) >= {
        "random", "whole-video", "centre", "prior", "video-match", "dtw-match", "matr",
        "moment_detr", "qd_detr", "cg_detr", "univtg", "cgbm", "local-match", "align_refine",
        "align_learned",
    }  # fmt: skip
    assert set(registry.registered_names("dataset")) >= {
        "minimatch",
        "sportsmoments",
        "activitynet-vrl",
    }


@pytest.mark.parametrize(
    ("look_up", "typed", "meant"),
    [
        (method_class, "mart", "matr"),
        (method_class, "whole_video", "whole-video"),
        (dataset_builder, "mini-match", "minimatch"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_nearest(look_up, typed, meant) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnknownNameError, match=f"did you mean '{meant}'"):
        look_up(typed)


def _register(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    entries = [EntryPoint("mine", value, "vid2vidmr.methods") for value in values]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)


def test_two_packages_with_one_name_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    _register(monkeypatch, "one:Method", "two:Method")
    with pytest.raises(UserError, match=r"Two packages register the method 'mine'"):
        method_names()


def test_the_same_entry_twice_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    _register(monkeypatch, "one:Method", "one:Method")
    assert method_names() == ["mine"]


def test_an_entry_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _register(monkeypatch, "no_such_module:Method")
    assert method_names() == ["mine"]  # listing imports nothing
    with pytest.raises(UserError, match=r"'mine' .*no_such_module"):
        method_class("mine")


METHOD = """
from dataclasses import dataclass
import vid2vidmr as v

@dataclass(frozen=True)
class Config:
    length_s: float = 4.0

class Start(v.Method):
    info = v.MethodInfo(name="start", title="t", kind="untrained", source="own", licence="MIT",
                        reads_videos=True)
    presets = {"default": Config()}

    def predict(self, pairs):
        for pair in pairs:
            yield v.Prediction(pair_id=pair.pair_id, windows=((0.0, self.config.length_s, 1.0),))

class Taken(Start):
    info = Start.info.model_copy(update={"name": "matr"})

class Bare(Start):
    info = Start.info.model_copy(update={"name": "bare"})
    presets = {"default": None}

class Other: ...
class Unfinished(v.Method): ...
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file of classes that nothing registers, in the working folder; forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(registry, "_from_files", [])
    path = Path("starts.py")
    path.write_text(METHOD)
    yield path
    sys.modules.pop("starts", None)


def test_a_class_of_a_file_is_a_method_without_installing(
    tiny: Path, file: Path, cli: Callable[..., Ran]
) -> None:
    ran = cli("bench", "--dataset", "minimatch", "--methods", f"./{file}:Start", "--json")
    assert ran.code == 0, ran.err
    (result,) = [
        each
        for each in json.loads(ran.out)["results"]
        if (each["header"]["method"], each["header"]["protocol"]) == ("start", "official")
    ]
    assert result["kind"] == "untrained" and result["header"]["preset"] == "default"
    (predictions,) = Path("runs/minimatch/start").glob("*/official/predictions.jsonl")
    assert json.loads(predictions.read_text().splitlines()[0])["header"]["method"] == "start"
    assert "start" in method_names()  # as long as this process lives
    assert method_class("start") is method_class(f"{file}:Start")


def test_a_file_that_was_edited_is_read_again(file: Path) -> None:
    before = method_class("starts.py:Start")
    assert method_class("starts.py:Start") is before
    file.write_text(METHOD.replace("= 4.0", "= 16.0"))
    assert method_class("starts.py:Start").presets["default"].length_s == 16
    assert method_class("start") is method_class("starts.py:Start") is not before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing.py:Start", r"There is no file nothing\.py: expected PATH\.py:CLASS"),
        ("starts.py:Strat", "Unknown class of starts.py 'Strat': did you mean 'Start'"),
        ("starts.py:Other", "is no method: expected a subclass of vid2vidmr.Method with predict"),
        ("starts.py:Unfinished", "is no method: expected a subclass"),
        (
            "starts.py:Bare",
            "Bare has no presets: expected a mapping of names to configs",
        ),
        ("starts.py:Taken", "calls itself 'matr', as baselines.matr:Matr does: give it another"),
        ("broken.py:Start", "broken.py cannot be imported: ZeroDivisionError: division by zero"),
        ("random.py:Start", "'random' is the name of another module .*rename the file"),
    ],
)
def test_what_a_file_cannot_give_is_said_in_one_line(file: Path, name: str, said: str) -> None:
    Path("broken.py").write_text("1 / 0")
    Path("random.py").write_text(METHOD)
    with pytest.raises(UserError, match=said) as error:
        method_class(name)
    assert "\n" not in str(error.value)
    assert "start" not in method_names()
