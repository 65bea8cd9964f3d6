"""What counts as other code: it decides whether a checkpoint is used again."""

import importlib.util
import sys
from pathlib import Path

import pytest
from test_bench import Wobble

from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.errors import UserError
from vid2vidmr.experiments import code
from vid2vidmr.experiments.code import code_hash
from vid2vidmr.experiments.run import Setting
from vid2vidmr.methods.load import method_class

SOURCE = '''
"""A method."""
from vid2vidmr.windows import temporal_iou
from helper import FACTOR


class Early:
    def predict(self):
        """Yield."""
        return 2 * FACTOR  # twice
'''


@pytest.fixture(autouse=True)
def fresh():
    code._read.cache_clear()
    yield
    sys.modules.pop("early", None)


def hashed(folder: Path, source: str = SOURCE, helper: str = "FACTOR = 1") -> str:
    """Hash of a method in a file of its own, that imports another one beside it."""
    code._read.cache_clear()
    (folder / "helper.py").write_text(helper)
    (folder / "early.py").write_text(source)
    spec = importlib.util.spec_from_file_location("early", folder / "early.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["early"] = module
    sys.path.insert(0, str(folder))
    try:
        sys.modules.pop("helper", None)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return code_hash(module.Early)


def test_comments_docstrings_and_layout_do_not_count(tmp_path):
    before = hashed(tmp_path)
    edited = SOURCE.replace("A method.", "Another text.").replace("# twice", "#  double\n")
    assert hashed(tmp_path, edited.replace('"""Yield."""', "")) == before
    assert hashed(tmp_path, SOURCE.replace("2 *", "3 *")) != before


def test_what_it_imports_counts(tmp_path, monkeypatch):
    before = hashed(tmp_path)
    assert hashed(tmp_path, helper="FACTOR = 2") != before
    read = code._read

    def changed(path: Path, *other: object) -> tuple[str, list[Path]]:
        text, imported = read(path, *other)
        return text + "changed" * (path.name == "windows.py"), imported

    monkeypatch.setattr(code, "_read", changed)
    changed.cache_clear = read.cache_clear
    assert hashed(tmp_path) != before


def test_the_search_of_an_archive_counts_for_archives_alone(monkeypatch):
    method, read = method_class("dtw-match"), code._read
    before = code.code_hash(method), code.search_hash()

    def changed(path: Path, *other: object) -> tuple[str, list[Path]]:
        text, imported = read(path, *other)
        return text + "changed" * (path.name == "scan.py"), imported

    monkeypatch.setattr(code, "_read", changed)
    hashes = code.code_hash.__wrapped__(method), code.search_hash.__wrapped__()
    assert hashes[0] == before[0] and hashes[1] != before[1]


def test_methods_of_one_room_do_not_share_what_only_one_uses():
    used = {name: code_files(method_class(name)) for name in ("matr", "qd_detr")}
    assert "dab.py" in used["qd_detr"] and "dab.py" not in used["matr"]
    assert "soft.py" in used["matr"] and "soft.py" not in used["qd_detr"]
    for files in used.values():
        assert {"model.py", "config.py", "trainer.py", "neural.py", "contract.py"} <= files


def code_files(method: type) -> set[str]:
    todo, seen = [f for cls in method.__mro__ for f in code._own_files(cls)], set()
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo += code._read(path, 0)[1]
    return {path.name for path in seen}


def test_a_checkpoint_of_other_code_is_refused(tiny, tmp_path, monkeypatch):
    dataset = load_dataset(tiny)

    def setting() -> Setting:
        return Setting(dataset, Wobble, Wobble.presets["small"], None)

    first = setting().fitted(tmp_path / "checkpoint", 0)
    assert setting().fitted(tmp_path / "checkpoint", 0).provenance == first.provenance
    with pytest.raises(UserError, match="another seed"):
        setting().fitted(tmp_path / "checkpoint", 1)
    key = setting().key
    monkeypatch.setattr("vid2vidmr.experiments.run.code_hash", lambda method: "other")
    assert setting().key != key
    with pytest.raises(UserError, match="holds a checkpoint that other code"):
        setting().fitted(tmp_path / "checkpoint", 0)
