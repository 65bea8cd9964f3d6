"""Unlabelled videos for pretraining: of a folder of files, of a data set, or of a feature store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from vid2vidmr.contract import DEFAULT_ENCODER, FeatureSource, named_features
from vid2vidmr.data.dataset import Dataset, data_home, load_dataset
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.features.store import FeatureStore, open_features
from vid2vidmr.video.files import SUFFIXES, files_below, is_video


@dataclass(frozen=True)
class Videos:
    """Videos without labels.

    Attributes
    ----------
    durations_s : mapping of str to float
        Video id to length in seconds.
    files : mapping of str to Path
        Video id to file, of those videos whose frames are at hand.
    """

    features: FeatureSource
    durations_s: Mapping[str, float]
    files: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def of_store(cls, store: FeatureStore) -> Self:
        """All videos of a feature store; there are no frames."""
        return cls(store, store.durations_s)

    @classmethod
    def of_dataset(cls, dataset: Dataset, store: FeatureStore, split: str = "train") -> Self:
        """Videos of one split that have features.

        Recordings that another split uses as well are left out, so that nothing of val and test is
        seen when training starts from what was learned.

        Raises
        ------
        DataError
            If the split has no such video.
        UserError
            If `split` is test, which is for scores.
        """
        if split == "test":
            raise UserError("Videos of the test split are for scores: pretrain on train or val.")
        moments = dataset.moments
        recording = dict(zip(dataset.videos["video_id"], dataset.videos["source_id"], strict=True))
        sources = moments["video_id"].map(recording)
        elsewhere = set(sources[moments["split"] != split])
        chosen = moments["video_id"][(moments["split"] == split) & ~sources.isin(elsewhere)]
        durations = store.durations_s
        ids = [video for video in chosen.unique() if video in durations]
        if not ids:
            raise DataError(
                f"{dataset.name} has no video with features in {store.path} that only its {split} "
                "split uses: choose another --split, or run `vid2vidmr features` first."
            )
        files = {video: path for video in ids if (path := dataset.video_path(video)) is not None}
        return cls(store, {video: durations[video] for video in ids}, files)

    @classmethod
    def of_folder(cls, folder: Path, encoder: str, out: Path) -> Self:
        """All video files below a folder; those without features are encoded into `out`.

        The id of a video is its path below the folder.

        Raises
        ------
        DataError
            If there is no video file.
        """
        from vid2vidmr.features.extract import extract_files
        from vid2vidmr.features.load import load_encoder

        files = {name: path for name, path in files_below(folder).items() if is_video(path)}
        if not files:
            raise DataError(
                f"{folder} holds no video files (of the kinds {' '.join(SUFFIXES)}): pass "
                "a folder of videos, a built data set or a feature store."
            )
        store = extract_files(files, load_encoder(encoder), out, str(folder))
        durations = {video: s for video, s in store.durations_s.items() if video in files}
        return cls(store, durations, {video: files[video] for video in durations})


def open_videos(where: str, out: Path, encoder: str | None, split: str | None) -> Videos:
    """Open what a user named: a feature store, a data set (folder or name), or a folder of videos.

    Parameters
    ----------
    out : Path
        Where features of a folder of videos go.
    encoder : str, optional
        By default the data set's own, or ``clip-vit-b32`` for a folder of videos; with the step
        behind it, where that is not 2 s (``@0.5``: of the default).
    split : str, optional
        Of a data set; by default train.

    Raises
    ------
    UserError
        If there is no such thing, or an option does not apply to it.
    """
    path = Path(where)
    if (path / "contract.json").exists():
        store = FeatureStore(path)
        if encoder is not None and (
            named_features(encoder, store.contract.encoder) != store.contract.name
        ):
            raise UserError(
                f"{path} holds features of {store.contract.name}, not of {encoder}: leave "
                "--encoder and --step away."
            )
        _require_no_split(split, path, "a feature store")
        return Videos.of_store(store)
    is_dataset = any((folder / "dataset.json").exists() for folder in (path, data_home() / where))
    if path.is_dir() and not is_dataset:
        _require_no_split(split, path, "a folder of videos")
        return Videos.of_folder(path, named_features(encoder, DEFAULT_ENCODER), out)
    dataset = load_dataset(where)
    features = open_features(dataset, encoder)
    return Videos.of_dataset(dataset, features, split or "train")


def _require_no_split(split: str | None, path: Path, what: str) -> None:
    if split is not None:
        raise UserError(f"{path} is {what} and has no splits: leave --split away.")
