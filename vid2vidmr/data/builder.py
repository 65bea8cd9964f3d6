"""Builders: from annotations and videos to a built data set, by name and options."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from vid2vidmr.data.dataset import Dataset, data_home
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.data.options import Option, described, is_plain, not_taken, options_of
from vid2vidmr.files import alone
from vid2vidmr.registry import registered


class DatasetBuilder(ABC):
    """Turns annotations and videos into a built data set.

    Register the class under the entry point group ``vid2vidmr.datasets``.
    """

    info: ClassVar[DatasetInfo]
    notice: ClassVar[Path | None] = None
    """File of copyright notices that go wherever the annotations go."""
    whole_on_youtube: ClassVar[bool] = False
    """Whether every video is one of YouTube, whole, and its source is called by the id there."""

    @abstractmethod
    def build(self, out: Path, **options: Any) -> Dataset:
        """Build into the folder `out`; a killed build continues when called again.

        A builder names the options it takes as keyword parameters, all of them optional: they are
        what ``vid2vidmr build NAME`` takes, with the types of the signature (int, float, bool,
        Path, str, Literal, `pydantic.NonNegativeInt` and its kin, each perhaps None; a dataclass
        such as `DownloadOptions` is a flag, and options for its fields). What the docstring says of
        them is the help; what it does not say is taken from here.

        Parameters
        ----------
        out : Path
            The data set folder.
        moments : Path, optional
            Moments of your own, CSV.
        videos : int, optional
            Number of videos.
        seed : int, optional
            Seed of every random draw.
        max_pairs_per_class : int, optional
            Hard limit on the pairs of a class in a split, drawn with the seed.
        download : DownloadOptions, optional
            Fetch the videos, see docs/downloads.md.
        cut : bool
            Write every reference clip as a file of its own, too.
        """

    def name_of(self, options: Mapping[str, Any]) -> str:
        """Name of the data set that `build` makes with these options, and of its usual folder."""
        return self.info.name


def dataset_builder(name: str) -> DatasetBuilder:
    """Return the builder of a data set.

    Raises
    ------
    UnknownNameError
        With the nearest registered name.
    """
    return registered("dataset", name)()  # type: ignore[no-any-return]


def builder_options(builder: DatasetBuilder) -> dict[str, Option]:
    """Options that a builder takes, by name."""
    usual = described(DatasetBuilder.build.__doc__, "Parameters")
    return {
        name: option if option.help else replace(option, help=usual.get(name, ""))
        for name, option in options_of(builder.build).items()
    }


def build_dataset(
    name: str, out: str | Path | None = None, options: Mapping[str, Any] | None = None
) -> Dataset:
    """Build a registered data set into a folder; a second process that does so waits.

    Parameters
    ----------
    out : str or Path, optional
        By default where `vid2vidmr.load_dataset` finds it by its name.
    options : mapping of str to value, optional
        Those of `builder_options`, as values or as text; None is not given.

    Raises
    ------
    UnknownNameError
        If there is no such data set.
    UserError
        If it does not take an option, or not such a value.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> v.build_dataset("minimatch").counts
    >>> v.build_dataset("minimatch", "data/small", {"videos": 30})
    >>> v.build_dataset("minimatch", options={"families": "unseen", "seed": 1}).name
    'minimatch-unseen-1'
    """
    builder = dataset_builder(name)
    taken = _taken(name, builder, options or {})
    folder = data_home() / builder.name_of(taken) if out is None else Path(out)
    with alone(folder):
        return builder.build(folder, **taken)


def usual_folder(name: str, options: Mapping[str, Any] | None = None) -> Path:
    """Where `build_dataset` builds by default."""
    builder = dataset_builder(name)
    return data_home() / builder.name_of(_taken(name, builder, options or {}))


def _taken(name: str, builder: DatasetBuilder, options: Mapping[str, Any]) -> dict[str, Any]:
    """Give the options that are given, with the types that the builder expects."""
    taken = builder_options(builder)
    given = {k: v for k, v in options.items() if v is not None}
    for option, value in given.items():
        if option not in taken:
            flag = Option(option, str, None, "").flag
            shown = f"{flag} {value}" if value is not True and is_plain(value) else flag
            raise not_taken(name, shown, (each.flag for each in taken.values()))
    return {k: taken[k].typed(v) for k, v in given.items()}
