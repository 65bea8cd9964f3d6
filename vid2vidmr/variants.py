"""Presets of what the query is: the variants of Table 1 of MATR's paper (ICCV 2025)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any


def with_variants(presets: Mapping[str, Any]) -> dict[str, Any]:
    """Add the variants of a method's presets ``paper`` and ``small``.

    ``+V`` asks by video and ``+T`` by caption; ``zero-shot`` and ``finetuned`` start from a
    published checkpoint, which was trained on text and which the user gives. All but
    ``small-middle-frame`` change ``paper``.

    Parameters
    ----------
    presets : mapping of str to TrainingConfig

    Returns
    -------
    dict
        The presets as they are, then the variants.
    """
    paper, small = presets["paper"], presets["small"]
    return {
        **presets,
        "trained+V": paper,
        "finetuned+V": replace(paper, needs_init=True),
        "zero-shot+T": replace(paper, query="text", needs_init=True, epochs=0),
        "trained+T": replace(paper, query="text"),
        "finetuned+T": replace(paper, query="text", needs_init=True),
        "middle-frame": replace(paper, query="middle-frame"),
        "small-middle-frame": replace(small, query="middle-frame"),
    }
