"""Options are those of a builder's own `build`: their types, their help, and what is refused."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import pytest
from pydantic import NonNegativeFloat, PositiveInt

import vid2vidmr.data.builder as module
from vid2vidmr.data.builder import build_dataset, builder_options
from vid2vidmr.errors import UserError


@dataclass(frozen=True)
class Fetching:
    """How to fetch.

    Attributes
    ----------
    pause_s : float
        Seconds between two.
    tries : int
        How often.
    """

    offered: ClassVar = ("pause_s",)
    pause_s: NonNegativeFloat = 1.0
    tries: int = 3


class Taking:
    def build(self, out: Path, *, videos: int | None = None, moments: Path | None = None):  # type: ignore[no-untyped-def]
        """Build.

        Parameters
        ----------
        out : Path
        videos : int, optional
            Number of `videos`,
            all of them.
        """
        return {"out": out, "videos": videos, "moments": moments}


class Untyped:
    def build(self, out, *, note=None, flag=False, _inner=0):  # type: ignore[no-untyped-def]
        return {"note": note, "flag": flag}


class Later:
    def build(  # type: ignore[no-untyped-def]
        self,
        out: Path,
        *,
        by: "Literal['class', 'video']" = "class",
        most: "PositiveInt | None" = None,
        fetching: "Fetching | None" = None,
        odd: "OnlyForTypeCheckers | None" = None,  # type: ignore[name-defined]  # noqa: F821
    ) -> "OnlyForTypeCheckers":  # type: ignore[name-defined]  # noqa: F821
        return {"by": by, "most": most, "fetching": fetching, "odd": odd}


KNOWN = {"taking": Taking, "untyped": Untyped, "later": Later}


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "dataset_builder", lambda name: KNOWN[name]())


@pytest.mark.usefixtures("builder")
def test_options_are_made_what_the_builder_says_they_are() -> None:
    out = Path("x")
    given = {"videos": "5", "moments": "m.csv", "seed": None}
    assert build_dataset("taking", out, given) == {
        "out": out,
        "videos": 5,
        "moments": Path("m.csv"),
    }
    assert build_dataset("untyped", out, {"note": "5", "flag": True}) == {"note": "5", "flag": True}
    assert build_dataset("untyped", out) == {"note": None, "flag": False}
    fetching = Fetching()
    given = {"by": "video", "most": "3", "fetching": fetching, "odd": "text"}
    assert build_dataset("later", out, given) == {**given, "most": 3}


def test_what_is_told_of_options() -> None:
    found = builder_options(Taking())  # type: ignore[arg-type]
    assert {name: (o.flag, o.help) for name, o in found.items()} == {
        "videos": ("--videos", "Number of videos, all of them."),
        "moments": ("MOMENTS", "Moments of your own, CSV."),  # as nothing is said: the usual
    }
    assert list(builder_options(Untyped())) == ["note", "flag"]  # type: ignore[arg-type]
    fetching = builder_options(Later())["fetching"]  # type: ignore[arg-type]
    assert fetching.dataclass is Fetching
    (pause,) = fetching.parts.values()
    assert (pause.flag, pause.default, pause.help) == ("--pause", 1.0, "Seconds between two.")


@pytest.mark.usefixtures("builder")
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("taking", {"seed": 0}, r"--seed 0 does not apply to taking: .* takes --videos, MOMENTS"),
        ("taking", {"split_by": "video"}, "--split-by video does not apply to taking: leave it"),
        ("taking", {"cut": True}, "--cut does not apply to taking"),
        ("taking", {"vidoes": 3}, "--vidoes 3 does not apply to taking: did you mean --videos"),
        ("untyped", {"moments": Path("m.csv")}, r"MOMENTS m\.csv does not apply to untyped"),
        ("taking", {"videos": "many"}, "--videos many: input should be a valid integer"),
        ("later", {"by": "scene"}, "--by scene: input should be 'class' or 'video'"),
        ("later", {"most": 0}, "--most 0: input should be greater than 0"),
    ],
)
def test_options_that_do_not_apply(name: str, options: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(UserError, match=message):
        build_dataset(name, Path("x"), options)
