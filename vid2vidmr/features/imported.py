"""Features that somebody else made become a store: resampled, checked, and marked as imported.

Row k of a file stands for the time ``offset_s + k * every_s``. Rows of the store lie at 0, step,
2 step, ... s of a video, and those of a query at its own start + 0, step, 2 step, ... s; both are
interpolated linearly between the two rows of the file around that time, and before its first and
behind its last are that row. Where files have rows at just these times, they are kept as they are.
(So a row of an encoder of clips, which saw some frames on either side, lends a query a little of
what lies around it.)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from vid2vidmr.contract import (
    DTYPE,
    IMPORTED,
    FeatureContract,
    clips_of,
    encoder_and_step,
    features_at,
)
from vid2vidmr.data.availability import NAME, Availability, new_manifest
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.errors import FeatureError, UserError
from vid2vidmr.features.arrays import READERS, Arrays
from vid2vidmr.features.captions import csv_rows
from vid2vidmr.features.extract import report
from vid2vidmr.features.queries import keys_of, own_queries
from vid2vidmr.features.store import FeatureStore, feature_folder
from vid2vidmr.features.writer import FeatureWriter
from vid2vidmr.files import write_json
from vid2vidmr.progress import progress, tell
from vid2vidmr.registry import registered_names
from vid2vidmr.video.files import is_video

NAMES = r"\w[\w.+-]{0,99}"
LARGEST = float(np.finfo(DTYPE).max)
TOLERANCE = 0.02
"""Share of a video by which features may be shorter or longer, or two rows, if that is more."""


class Times(NamedTuple):
    """Times of a video's rows, (n,), and how long they cover it, seconds."""

    at_s: np.ndarray
    covered_s: float


@dataclass(frozen=True)
class Rows:
    """What the rows of files stand for.

    Attributes
    ----------
    every_s : float or "even"
        Seconds from a row to the next; ``even`` spreads them over the length of each video, as of
        strides in frames where nobody knows the rate.
    offset_s : float
        Time of the first row; with ``even`` each row is the middle of its share, and then that.
    """

    every_s: float | Literal["even"]
    offset_s: float = 0.0

    def times(self, count: int, duration_s: float, step_s: float, own_s: float | None) -> Times:
        """When each of `count` rows of a video is.

        Parameters
        ----------
        duration_s : float
            Of the video, NaN where it is not known.
        own_s : float or None
            Seconds from a row to the next in this video, where they differ.

        Raises
        ------
        FeatureError
            If they are clearly too few or too many for its length.
        """
        every = own_s or self.every_s
        if isinstance(every, str):
            if not np.isfinite(duration_s):
                raise FeatureError("how long the video is is not known: --every even needs it")
            middles = (np.arange(count) + 0.5) * (duration_s / count)
            return Times(middles + self.offset_s, duration_s)
        slack = max(TOLERANCE * duration_s, 2 * every, 2 * step_s)
        if abs(count * every - duration_s) > slack:  # NaN: not known
            raise FeatureError(
                f"it has {count} rows, one every {every:g} s: {count * every:.1f} s, the data set "
                f"says {duration_s:.1f} s: is it another video, or one row every "
                f"{duration_s / count:.3g} s (--every)?"
            )
        # A video of an hour may lack a minute: its last row stays, else its last windows had none.
        covered_s = float(np.fmax(count * every, duration_s))
        return Times(np.arange(count) * every + self.offset_s, covered_s)


def import_features(
    dataset: Dataset | str | Path,
    path: Path,
    name: str,
    *,
    step_s: float | None = None,
    every_s: float | str | None = None,
    offset_s: float = 0.0,
    names: str | Path = "{video}",
) -> FeatureStore:
    """Make a store of features that somebody else made; methods take them as ``--encoder NAME``.

    A run that was killed ends, when called again, with the same bytes as one that was not.

    Parameters
    ----------
    dataset : Dataset, str or Path
        See `vid2vidmr.load_dataset`; its videos need not be here.
    path : Path
        See `vid2vidmr.features.arrays.Arrays`.
    name : str
        What the features are called.
    step_s : float
        Seconds from a row of the store to the next (default: 2); else methods take ``NAME@0.5``.
    every_s : float or "even", optional
        Seconds from a row of the files to the next (default: the step).
    offset_s : float
        Time in the video for which their first row stands.
    names : str or Path
        Which file is whose: a pattern with ``{video}``, the id of a video (without the ending of a
        video file); or a CSV file with the columns ``video_id, file`` and, where the rows of videos
        differ, ``every``.

    Returns
    -------
    FeatureStore
        Beside it lie ``failed.json``, video id to reason, if a file was refused, and
        ``availability.json``, for `bench --only-available` where not all videos have features.

    Raises
    ------
    UserError
        If nothing there is of a video, or the name is that of an encoder, or can be none.
    FeatureError
        If no file could be used, or the store there is of other files.
    """
    dataset = load_dataset(dataset)
    if name.partition(":")[0] in registered_names("encoder"):
        raise UserError(f"{name} is the name of an encoder: choose another one with --as.")
    name, step_s = encoder_and_step(features_at(name, step_s) or name)
    if not re.fullmatch(NAMES, name):
        raise UserError(
            f"{name!r} cannot be the name of features: expected letters, digits, '_', '-', '+' and "
            "'.', at most 100; choose another one with --as."
        )
    if not np.isfinite(offset_s):
        raise UserError(f"--offset {offset_s}: expected seconds, such as 1.")
    rows, arrays = Rows(_every(every_s, step_s), offset_s), Arrays(path)
    durations_s = dict(zip(dataset.videos["video_id"], dataset.videos["duration_s"], strict=True))
    files = _files(arrays, names, list(durations_s))
    checked, failed = _check(arrays, files, rows, durations_s, step_s)
    if not checked.times:
        reason = next(iter(failed.values()))
        raise FeatureError(f"None of the {len(files)} files of {path} can be used: {reason}")
    contract = _contract(name, checked, rows, step_s)
    folder = feature_folder(dataset, contract.name)
    new = _write(dataset, arrays, files, checked.times, contract, folder)
    report(folder, len(checked.times), new, failed, len(durations_s) - len(files))
    _write_manifest(dataset, folder, checked.times.keys(), failed)
    return FeatureStore(folder)


class _Checked(NamedTuple):
    """Files that can be used: the hash of their numbers, their width, their rows' times."""

    sha256: str
    dim: int
    times: dict[str, Times]


class _File(NamedTuple):
    name: str
    every_s: float | None = None


def _every(text: float | str | None, step_s: float) -> float | Literal["even"]:
    if text == "even":
        return "even"
    try:
        every = step_s if text is None else float(text)
    except ValueError:
        every = np.nan
    if not 0 < every < np.inf:
        raise UserError(f"--every {text}: expected seconds, above 0, or even.")
    return every


def _files(arrays: Arrays, names: str | Path, videos: Sequence[str]) -> dict[str, _File]:
    """Video to its file, in the order of the data set."""
    if "{video}" in str(names):
        of = {
            video: _File(str(names).replace("{video}", _without_ending(video))) for video in videos
        }
    else:
        of = _listed(Path(names))
        if unknown := of.keys() - set(videos):
            raise UserError(f"{names}: there is no video {min(unknown)!r} in the data set.")
        if gone := [file.name for file in of.values() if file.name not in arrays]:
            raise UserError(f"{names}: there is no {gone[0]} in {arrays.path}.")
    found = {video: of[video] for video in videos if video in of and of[video].name in arrays}
    if not found:
        shown = next(iter(of.values())).name if of else names
        raise UserError(
            f"{arrays.path} has nothing of a video of the data set: it has {arrays.names[0]}, "
            f"expected {shown}; say with --names how files are called, such as 'v_{{video}}'."
        )
    return found


def _without_ending(video: str) -> str:
    return str(Path(video).with_suffix("")) if is_video(Path(video)) else video


def _listed(path: Path) -> dict[str, _File]:
    """Read a CSV file ``video_id, file[, every]``."""
    found: dict[str, _File] = {}
    for number, row in csv_rows(path):
        video, file, every = row.get("video_id"), row.get("file"), row.get("every") or None
        if not video or not file or None in row or video in found:
            raise UserError(
                f"{path}, line {number}: expected the columns video_id, file and perhaps every, "
                "and each video once."
            )
        name = file.removesuffix(Path(file).suffix) if Path(file).suffix in READERS else file
        try:
            found[video] = _File(name, float(_every(every, 1.0)) if every else None)
        except UserError as error:
            raise UserError(f"{path}, line {number}: {error}") from None
    return found


def _check(
    arrays: Arrays,
    files: Mapping[str, _File],
    rows: Rows,
    durations_s: Mapping[str, float],
    step_s: float,
) -> tuple[_Checked, dict[str, str]]:
    """Look at every file; give what can be used, and why the others cannot."""
    failed: dict[str, str] = {}
    times: dict[str, Times] = {}
    digest, dim = hashlib.sha256(), 0
    with progress("Checking features", len(files)) as bar:
        for video, file in files.items():
            try:
                found = arrays.read(file.name)
                if found.shape[1] != (dim or found.shape[1]):
                    raise FeatureError(f"its width is {found.shape[1]}, that of others is {dim}")
                if (most := np.abs(found).max()) > LARGEST:
                    raise FeatureError(f"it holds {most:g}, at most {LARGEST:g} can be stored")
                of_video = rows.times(len(found), durations_s[video], step_s, file.every_s)
                if of_video.at_s[0] > of_video.covered_s or of_video.at_s[-1] < 0:
                    raise FeatureError(f"no row lies in the video, from {rows.offset_s:g} s on")
            except FeatureError as error:
                failed[video] = f"{file.name}: {error}"
            else:
                times[video], dim = of_video, found.shape[1]
                digest.update(f"{video}\x1f{found.shape}".encode())
                digest.update(found.tobytes())
            bar.advance(1, f"{len(failed)} refused")
    return _Checked(digest.hexdigest(), dim, times), failed


def _contract(name: str, checked: _Checked, rows: Rows, step_s: float) -> FeatureContract:
    every = rows.every_s if isinstance(rows.every_s, str) else f"every {rows.every_s:g} s"
    return FeatureContract(
        encoder=name,
        weights_sha256=checked.sha256,
        dim=checked.dim,
        sampling=f"for t = 0, {step_s:g}, {2 * step_s:g}, ... s, linear between rows of files "
        f"({every}, from {rows.offset_s:g} s); of a query, after its own start",
        preprocessing="of others",
        decoder=IMPORTED,
        dtype=DTYPE,
        step_s=step_s,
    )


def _write(
    dataset: Dataset,
    arrays: Arrays,
    files: Mapping[str, _File],
    times: Mapping[str, Times],
    contract: FeatureContract,
    folder: Path,
) -> int:
    """Store what is not there yet; give how many videos that are."""
    queries, step_s = dataset.queries(), contract.step_s
    with FeatureWriter(folder, contract) as writer:
        todo = [
            v
            for v in times
            if not writer.keys.issuperset(
                keys_of(v, own_queries(queries.get(v, {}), contract.step_s))
            )
        ]
        with progress(f"Features {contract.encoder}", len(todo)) as bar:
            for video in todo:
                rows, (at_s, covered_s) = arrays.read(files[video].name), times[video]
                for key in keys_of(video, own_queries(queries.get(video, {}), step_s)):
                    if key not in writer.keys:
                        start_s = 0.0 if isinstance(key, str) else key[1]
                        end_s = covered_s if isinstance(key, str) else queries[video][start_s]
                        wanted_s = start_s + step_s * np.arange(clips_of(start_s, end_s, step_s))
                        writer.append(key, resampled(rows, at_s, wanted_s))
                bar.advance()
    return len(todo)


def _write_manifest(
    dataset: Dataset, folder: Path, there: Collection[str], failed: Mapping[str, str]
) -> None:
    videos = [
        Availability(
            video_id=video,
            status="ok" if video in there else "failed" if video in failed else "missing",
            reason=failed.get(video),
        )
        for video in dataset.videos["video_id"]
    ]
    path = folder / NAME
    write_json(path, new_manifest(dataset, videos).model_dump(mode="json"))
    if len(there) < len(videos):
        tell(f"To score the pairs whose videos have features: --only-available {path}")


def resampled(rows: np.ndarray, at_s: np.ndarray, wanted_s: np.ndarray) -> np.ndarray:
    """Interpolate rows linearly.

    Parameters
    ----------
    rows : ndarray, (n, dim) float32
    at_s : ndarray, (n,)
        Their times, rising.
    wanted_s : ndarray, (m,)
        Times within a microsecond of a row's take that row as it is.

    Returns
    -------
    ndarray, (m, dim) float32
    """
    place = np.interp(wanted_s, at_s, np.arange(len(at_s)))
    whole = np.abs(wanted_s - at_s[np.rint(place).astype(int)]) < 1e-6
    place = np.where(whole, np.rint(place), place)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, len(rows) - 1)
    share = (place - below)[:, None].astype(np.float32)
    between: np.ndarray = (1 - share) * rows[below] + share * rows[above]
    return np.where(share == 0, rows[below], between)
