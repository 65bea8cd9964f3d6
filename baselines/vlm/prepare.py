"""From pairs to requests: the first step, and its file.

``requests.jsonl``: a header (that of the predictions to come), then a line a pair::

    {"pair_id": ..., "duration_s": 120.0, "frame_times_s": [0.0, 2.0, ...], "request": {...}}

``frame_times_s`` are those of the target. Frames lie beside it, see `baselines.vlm.records.Frames`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from pydantic import ValidationError

from baselines.vlm.clips import Clip, show_clips
from baselines.vlm.config import VlmConfig
from baselines.vlm.prompts import caption_request, retrieval_request, variation
from baselines.vlm.records import Frames, Request, Video
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.predictions import PredictionHeader
from vid2vidmr.files import read_jsonl, write_jsonl
from vid2vidmr.records import Record
from vid2vidmr.video.sample import video_duration

FILE = "requests.jsonl"


class Prepared(Record):
    """The request of a pair, and what its answer is read with."""

    pair_id: str
    duration_s: float
    frame_times_s: tuple[float, ...]
    request: Request
    query_first: bool = True


class Requests(NamedTuple):
    """All requests of a run, as in their file."""

    header: PredictionHeader
    prepared: list[Prepared]

    def by_key(self, config: VlmConfig) -> dict[str, Request]:
        """Give what to ask, by the keys of the ledger: what is asked twice is there once."""
        return {p.request.key(config.model, config.revision): p.request for p in self.prepared}


def read_requests(folder: Path) -> Requests:
    """Read what `prepare` wrote; `DataError` if it is something else."""
    path, header, prepared = folder / FILE, None, []
    for number, value in read_jsonl(path):
        try:
            if number == 1:
                header = PredictionHeader.model_validate(value["header"])
            else:
                prepared.append(Prepared.model_validate(value))
        except (ValidationError, KeyError, TypeError):
            raise DataError(
                f"{path}, line {number} is no request: write the file with `vid2vidmr vlm prepare`."
            ) from None
    if header is None:
        raise DataError(f"{path} is empty: write it with `vid2vidmr vlm prepare`.")
    return Requests(header, prepared)


def prepare(
    dataset: Dataset,
    pairs: PairSet,
    config: VlmConfig,
    header: PredictionHeader,
    folder: Path,
    frames: Frames,
    captions: Mapping[str, str] | None = None,
) -> Requests:
    """Write the requests of pairs, unless the file is there already.

    Parameters
    ----------
    header : PredictionHeader
        Its seed chooses wording and order.
    folder : Path
        Where the file goes.
    captions : mapping of str to str, optional
        Query moment to caption; needed by the protocol ``caption``.

    Raises
    ------
    DataError
        If videos or captions are missing, or a request has more images than the model takes.
    """
    ids = pairs.table["pair_id"].tolist()
    if (folder / FILE).exists():
        there = read_requests(folder)
        if there.header == header and [p.pair_id for p in there.prepared] == ids:
            return there
    query_clips = _queries(dataset, pairs) if config.protocol == "two-video" else None
    target_clips = _clips(dataset, pairs.table, "target_video", "clip_start_s", "clip_end_s")
    asked = [(clip, config.target_frames) for clip in target_clips]
    asked += [(clip, config.query_frames) for clip in query_clips or ()]
    shown = show_clips(asked, frames, config.size)
    prepared = []
    for i, pair_id in enumerate(ids):
        target = shown[target_clips[i], config.target_frames]
        query: Video | str
        if query_clips is not None:
            query = shown[query_clips[i], config.query_frames]
        else:
            query = _caption(captions or {}, pairs.table["query_id"].iloc[i], config)
        request = retrieval_request(query, target, config, header.seed)
        _require_room(request, config)
        prepared.append(
            Prepared(
                pair_id=pair_id,
                duration_s=target.duration_s,
                frame_times_s=target.times_s,
                request=request,
                query_first=variation(header.seed, config.order)[1] == "query-first",
            )
        )
    rows = [{"header": header.model_dump(mode="json")}]
    write_jsonl(folder / FILE, rows + [p.model_dump(mode="json") for p in prepared])
    return Requests(header, prepared)


def prepare_captions(
    dataset: Dataset, pairs: PairSet, config: VlmConfig, frames: Frames
) -> dict[str, Request]:
    """Give the request for a caption of every query moment of the pairs."""
    queries = pairs.table.drop_duplicates("query_id")
    clips = _queries(dataset, pairs.take(queries.index.to_numpy()))
    shown = show_clips([(clip, config.query_frames) for clip in clips], frames, config.size)
    return {
        moment: caption_request(shown[clip, config.query_frames], config)
        for moment, clip in zip(queries["query_id"], clips, strict=True)
    }


def _queries(dataset: Dataset, pairs: PairSet) -> list[Clip]:
    return _clips(dataset, pairs.table, "query_video", "query_start_s", "query_end_s")


def _clips(dataset: Dataset, table: pd.DataFrame, video: str, start: str, end: str) -> list[Clip]:
    paths = {name: dataset.video_path(name) for name in table[video].unique()}
    if missing := [name for name, path in paths.items() if path is None or not path.exists()]:
        raise DataError(
            f"{len(missing)} of {len(paths)} videos are not here, for example {missing[0]!r}: "
            f"fetch them with `vid2vidmr build {dataset.name} --download`, or score what is here "
            "with --only-available."
        )
    whole = {
        name: video_duration(paths[name] or "") for name in table.loc[table[start].isna(), video]
    }
    return [
        Clip(path, 0.0, whole[name]) if pd.isna(first) else Clip(path, float(first), float(last))
        for name, first, last in zip(table[video], table[start], table[end], strict=True)
        if (path := paths[name]) is not None
    ]


def _caption(captions: Mapping[str, str], moment: str, config: VlmConfig) -> str:
    if caption := captions.get(moment):
        return caption
    raise DataError(
        f"The query {moment!r} has no caption in the track {config.captions!r}: complete the file, "
        "or write it with `vid2vidmr vlm caption`."
    )


def _require_room(request: Request, config: VlmConfig) -> None:
    images = len(request.images)
    if config.max_images is not None and images > config.max_images:
        raise DataError(
            f"A request has {images} images, {config.model} takes {config.max_images} "
            "(max_images): lower query_frames or target_frames in the config."
        )
