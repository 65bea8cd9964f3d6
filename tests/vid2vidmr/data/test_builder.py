"""Options reach the builder that takes them, and are refused by others."""

from pathlib import Path

import pytest

import vid2vidmr.data.builder as module
from vid2vidmr.data.builder import build_dataset
from vid2vidmr.errors import UserError


class Taking:
    def build(self, out: Path, *, videos: int | None = None, moments: Path | None = None):  # type: ignore[no-untyped-def]
        return {"out": out, "videos": videos, "moments": moments}


class Untyped:
    def build(self, out, *, videos=None, seed=None, flag=False):  # type: ignore[no-untyped-def]
        return {"videos": videos, "seed": seed, "flag": flag}


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"taking": Taking, "untyped": Untyped}
    monkeypatch.setattr(module, "dataset_builder", lambda name: known[name]())


@pytest.mark.usefixtures("builder")
def test_options_are_made_what_the_builder_says_they_are() -> None:
    out = Path("x")
    given = {"videos": "5", "moments": "m.csv", "seed": None, "cut": False}
    assert build_dataset("taking", out, given) == {
        "out": out,
        "videos": 5,
        "moments": Path("m.csv"),
    }
    found = build_dataset("untyped", out, {"videos": "5", "seed": 0, "flag": True})
    assert found == {"videos": 5, "seed": 0, "flag": True}
    assert build_dataset("untyped", out) == {"videos": None, "seed": None, "flag": False}


@pytest.mark.usefixtures("builder")
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("taking", {"seed": 0}, r"--seed 0 does not apply to taking: .* takes --videos, MOMENTS"),
        ("taking", {"split_by": "video"}, "--split-by video does not apply to taking"),
        ("taking", {"cut": True}, "--cut does not apply to taking"),
        ("untyped", {"moments": Path("m.csv")}, r"MOMENTS m\.csv does not apply to untyped"),
        ("taking", {"videos": "many"}, "--videos many is no number"),
        ("untyped", {"videos": "many"}, "--videos many is no number"),
    ],
)
def test_options_that_do_not_apply(name: str, options: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(UserError, match=message):
        build_dataset(name, Path("x"), options)
