"""All that is known of a method on one page: origin, licence, training, parameters, presets."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vid2vidmr.methods.base import Method
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.methods.load import method_class
from vid2vidmr.records import Record


class PresetCard(Record):
    """A preset.

    Attributes
    ----------
    parameters : int or None
        Of its network; None if it has none, or if its sizes are those of a checkpoint.
    needs_init : bool
        Training starts from a checkpoint, which gives the sizes.
    base : str or None
        The earlier preset that is most like it; None for the first.
    fields : dict
        Where it differs from `base`; of the first preset all fields in which another one does.
    """

    parameters: int | None
    needs_init: bool
    base: str | None
    fields: dict[str, Any]


class MethodCard(Record):
    """A method.

    Attributes
    ----------
    imports_published : bool
        `vid2vidmr import-checkpoint` reads the checkpoints of the published code.
    dim : int
        Length of a feature for which parameters are counted; presets with ``components`` see so
        many of its principal components instead.
    presets : dict of str to PresetCard
        The first one is what the class takes by default.
    search : dict
        Field of the config to the values that `vid2vidmr tune` draws from.
    """

    info: MethodInfo
    trained_on: str
    imports_published: bool
    dim: int
    presets: dict[str, PresetCard]
    search: dict[str, list[Any]]
    readme: str | None


def method_card(name: str, dim: int = 512) -> MethodCard:
    """Look up a method; networks are built to be counted, and nothing is trained.

    Parameters
    ----------
    name : str
        Registered name.
    dim : int
        Length of a feature.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    """
    cls = method_class(name)
    readme = Path(inspect.getfile(cls)).with_name("README.md")
    return MethodCard(
        info=cls.info,
        trained_on=_trained_on(cls),
        imports_published=cls.published() is not None,
        dim=dim,
        presets=_presets(cls, dim),
        search={k: list(v) for k, v in cls.search.items()},
        readme=str(readme) if readme.exists() else None,
    )


def _trained_on(cls: type[Method]) -> str:
    if cls.info.trained_on:
        return cls.info.trained_on
    if cls.info.reads_videos:
        return "nothing here; what its makers trained it on says its source"
    if cls.fit is Method.fit:
        return "nothing"
    pairs = "the train pairs of the data set at hand"
    if cls.has_weights:
        return f"{pairs}, on features of a pretrained encoder that is not trained further"
    return f"{pairs} (statistics, no network)"


def _presets(cls: type[Method], dim: int) -> dict[str, PresetCard]:
    configs = {name: asdict(config) for name, config in cls.presets.items()}
    first = next(iter(configs.values()))
    varied = {k: v for k, v in first.items() if any(c[k] != v for c in configs.values())}
    cards: dict[str, PresetCard] = {}
    for name, config in configs.items():
        base, fields = None, varied
        for other in cards:
            found = {k: v for k, v in config.items() if v != configs[other][k]}
            if base is None or len(found) < len(fields):
                base, fields = other, found
        method = cls(cls.presets[name])
        cards[name] = PresetCard(
            parameters=None if method.needs_init else method.parameters(dim),
            needs_init=method.needs_init,
            base=base,
            fields=fields,
        )
    return cards
