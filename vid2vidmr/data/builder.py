"""Builders: from annotations and videos to a built data set, by name and options."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, get_type_hints

from vid2vidmr.data.dataset import Dataset, data_home
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.errors import UserError
from vid2vidmr.registry import registered


class DatasetBuilder(ABC):
    """Turns annotations and videos into a built data set.

    Register the class under the entry point group ``vid2vidmr.datasets``.
    """

    info: ClassVar[DatasetInfo]
    notice: ClassVar[Path | None] = None
    """File of copyright notices that go wherever the annotations go."""

    @abstractmethod
    def build(self, out: Path, **options: Any) -> Dataset:
        """Build into the folder `out`; a killed build continues when called again.

        A builder names the options it takes as keyword parameters, all of them optional; the
        command line refuses others (`vid2vidmr.data.builder.build_dataset`).

        Parameters
        ----------
        out : Path
            The data set folder.
        videos : int or Path, optional
            Number of videos, for data sets of adjustable size; or the folder that holds them.
        seed : int, optional
            Seed of every random draw, for data sets that draw.
        max_pairs_per_class : int, optional
            Hard limit, for data sets that draw pairs.
        download : DownloadOptions, optional
            Fetch the videos, see `vid2vidmr.downloads`.
        moments : Path, optional
            Moments of one's own, CSV.
        """


def dataset_builder(name: str) -> DatasetBuilder:
    """Return the builder of a data set.

    Raises
    ------
    UnknownNameError
        With the nearest registered name.
    """
    return registered("dataset", name)()  # type: ignore[no-any-return]


def build_dataset(
    name: str, out: str | Path | None = None, options: Mapping[str, Any] | None = None
) -> Dataset:
    """Build a registered data set into a folder.

    Parameters
    ----------
    name : str
    out : str or Path, optional
        By default where `vid2vidmr.load_dataset` finds it by its name.
    options : mapping of str to value, optional
        Those that are None or False were not given. Which ones a data set takes are the keyword
        parameters of its `DatasetBuilder.build`; a text is made an int or a Path by its type.

    Raises
    ------
    UnknownNameError
        If there is no such data set.
    UserError
        If an option does not apply to it.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> v.build_dataset("minimatch").counts
    >>> v.build_dataset("minimatch", "data/small", {"videos": 30})
    """
    folder = data_home() / name if out is None else Path(out)
    builder = dataset_builder(name)
    taken = _taken(builder)
    given = {k: v for k, v in (options or {}).items() if v is not None and v is not False}
    for option, value in given.items():
        if option not in taken:
            shown = _flag(option) if value is True or not _is_plain(value) else ""
            raise UserError(
                f"{shown or f'{_flag(option)} {value}'} does not apply to {name}: leave it out "
                f"({name} takes {', '.join(map(_flag, taken)) or 'no options'})."
            )
    return builder.build(folder, **{k: _typed(k, v, taken[k]) for k, v in given.items()})


def _taken(builder: DatasetBuilder) -> dict[str, Any]:
    """Keyword parameters of a builder, with their types."""
    parameters = inspect.signature(builder.build).parameters.values()
    try:
        hints = get_type_hints(builder.build)
    except NameError:  # names that are only imported for type checkers
        hints = {}
    names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and not p.name.startswith("_")]
    return {name: hints.get(name, int if name in ("videos", "seed") else None) for name in names}


def _typed(option: str, value: Any, hint: Any) -> Any:
    if not isinstance(value, str):
        return value
    if "Path" in str(hint):
        return Path(value)
    if "int" not in str(hint):
        return value
    try:
        return int(value)
    except ValueError:
        raise UserError(f"{_flag(option)} {value} is no number: expected a whole one.") from None


def _flag(option: str) -> str:
    return "MOMENTS" if option == "moments" else f"--{option.replace('_', '-')}"


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | Path)
