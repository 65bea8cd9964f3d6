"""Methods and data sets are found by name, lazily; a wrong name is answered with the right one."""

from importlib.metadata import EntryPoint

import pytest

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
        if cls.info.kind == "trained":
            assert {"paper", "small"} <= cls.presets.keys()


def test_every_registered_dataset_has_its_own_name() -> None:
    for name in registry.registered_names("dataset"):
        builder = dataset_builder(name)
        assert isinstance(builder, DatasetBuilder)
        assert builder.info.name == name


def test_the_first_release_is_complete() -> None:
    assert set(method_names()) >= {
        "random", "whole-video", "centre", "prior", "video-match", "dtw-match", "matr",
        "moment_detr", "qd_detr", "cg_detr", "univtg", "cgbm",
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
