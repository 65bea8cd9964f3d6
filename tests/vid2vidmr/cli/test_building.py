"""`build NAME` has the options of a builder, also of one that somebody else registered."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from vid2vidmr import registry
from vid2vidmr.data.builder import DatasetBuilder
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.downloads import DownloadOptions


class Mine(DatasetBuilder):
    """Builds mine."""

    info = DatasetInfo(
        name="mine", title="Mine", version="1", source="", licence="", citation="",
        synthetic=True, default_encoder="none",
    )  # fmt: skip
    built: dict[str, object]

    def build(
        self,
        out: Path,
        *,
        moments: Path | None = None,
        sound: bool = True,
        rate: float = 2.0,
        download: DownloadOptions | None = None,
    ) -> Dataset:
        """Build.

        Parameters
        ----------
        rate : float
            Frames a second.
        """
        Mine.built = {"moments": moments, "sound": sound, "rate": rate, "download": download}
        return SimpleNamespace(name="mine", path=out, fingerprint="0")  # type: ignore[return-value]


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    real = registry.entry_points
    entry = EntryPoint("mine", f"{__name__}:Mine", "vid2vidmr.datasets")
    monkeypatch.setattr(
        registry,
        "entry_points",
        lambda group: [*real(group=group), *[entry] * (group == entry.group)],
    )
    yield
    Mine.built = {}


@pytest.mark.usefixtures("mine")
def test_options_of_a_builder_from_outside(cli: Callable, tmp_path: Path) -> None:  # type: ignore[type-arg]
    said = cli("build", "mine", "--help").out
    for shown in ("MOMENTS", "--no-sound", "--rate", "Frames a second.", "(2.0)", "--download",
                  "--cookies", "--pause", "--out", "--status"):  # fmt: skip
        assert shown in said
    assert not {"--videos", "--seed", "--parallel", "--margin"} & set(said.split())
    ran = cli("build", "mine", "m.csv", "--no-sound", "--rate", "5", "--download", "--pause", "0")
    assert ran.code == 0 and "mine is built in data/mine" in ran.out
    assert Mine.built == {
        "moments": Path("m.csv"), "sound": False, "rate": 5.0,
        "download": DownloadOptions(pause_s=0.0),
    }  # fmt: skip
    assert cli("build", "mine").code == 0
    assert Mine.built == {"moments": None, "sound": True, "rate": 2.0, "download": None}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--vidoes", "3"], "--vidoes does not apply to minimatch: did you mean --videos?"),
        (["--margin=3"], "--margin does not apply to minimatch: leave it out (minimatch takes"),
        (["m.csv"], "MOMENTS m.csv does not apply to minimatch: leave it out"),
        (["--json"], "--json is of --status"),
        (["--seed", "-1"], "--seed -1: input should be greater than or equal to 0."),
    ],
)
def test_what_a_data_set_does_not_take(cli, arguments: list[str], message: str) -> None:  # type: ignore[no-untyped-def]
    ran = cli("build", "minimatch", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ") and message in ran.err


def test_listing_and_completing_data_sets_imports_no_builder() -> None:
    script = """
import sys
from vid2vidmr.cli import main
sys.argv = ["vid2vidmr", *sys.argv[1].split()]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
assert not {"pandas", "torch", "builders"} & sys.modules.keys()
"""

    def run(*arguments: str, **environment: str) -> str:
        command = [sys.executable, "-c", script, *arguments]
        return subprocess.run(
            command, env={"PATH": "", **environment}, capture_output=True, text=True, check=True
        ).stdout

    assert "minimatch" in run("build --help")
    words = {"COMP_WORDS": "vid2vidmr build mini", "COMP_CWORD": "2"}
    assert run("", _VID2VIDMR_COMPLETE="complete_bash", **words).split() == ["minimatch"]
