"""Fixtures of the tests of baselines."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest


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
