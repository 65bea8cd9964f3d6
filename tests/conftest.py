"""Settings and fixtures of all tests."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from local_hub import LocalHub

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Small tensors gain nothing from more threads, and lose much when the cores are shared: this must
# come before the first import of torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Started in the background (nohup, a script with &) a process ignores Ctrl-C, and so would all that
# the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test asks how busy the machine is.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

ENCODER = "efficientnet-lite0"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked ``gpu`` where there is none."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("there is no CUDA device here")


class Ran(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run ``vid2vidmr ARGUMENTS`` in this process, 80 columns wide."""
    from vid2vidmr.cli import main

    def run(*arguments: object) -> Ran:
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr(sys, "argv", ["vid2vidmr", *map(str, arguments)])
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Ran(code, *capfd.readouterr())

    return run


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep features of single files out of the home of whoever runs the tests."""
    monkeypatch.setenv("VID2VIDMR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def data_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds minimatch of six videos, with features; not to be changed.

    Built once for all worker processes of a run.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    home = root / "data"
    with FileLock(root / "data.lock"):
        if not (home / "ready").exists():
            from vid2vidmr.data.builder import dataset_builder
            from vid2vidmr.features.extract import extract_features

            built = dataset_builder("minimatch").build(home / "minimatch", videos=6, seed=0)
            extract_features(built, ENCODER)
            (home / "ready").touch()
    return home


@pytest.fixture(scope="session")
def archive_folder(data_home: Path) -> Path:
    """An archive of the videos of `data_home`; not to be changed."""
    from vid2vidmr.archive.index import index

    with FileLock(data_home.parent / "archive.lock"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("VID2VIDMR_DATA", str(data_home))
        index(["minimatch"], data_home.parent / "archive", ENCODER)
    return data_home.parent / "archive"


@pytest.fixture
def tiny(data_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working folder in which ``minimatch`` is the tiny built data set; its folder."""
    monkeypatch.setenv("VID2VIDMR_DATA", str(data_home))
    monkeypatch.chdir(tmp_path)
    return data_home / "minimatch"


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Chromium without a window."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if path is None:
        reason = (
            "The pages are tested in chromium, which is not on the PATH: run "
            "`apt-get install -y --no-install-recommends chromium`."
        )
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        running = playwright.chromium.launch(executable_path=path, args=options)
        yield running
        running.close()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalHub]:
    """A hub on 127.0.0.1 behind the real client, with an empty cache."""
    import huggingface_hub.constants

    local = LocalHub()
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "ENDPOINT", local.address)
    template = local.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    yield local
    local.stop()


class Served(NamedTuple):
    """A running ``transformers serve``."""

    url: str
    model: str
    answer: str


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """``transformers serve`` of a tiny Qwen2.5-VL that always gives one answer."""
    pytest.importorskip("transformers")
    from vlm_models import make_model
    from vlm_server import serve

    answer = "12.0 - 20.5 seconds"
    folder = make_model("qwen2_5_vl", tmp_path_factory.mktemp("served") / "model", answer)
    with serve(folder) as url:
        yield Served(url, str(folder), answer)
