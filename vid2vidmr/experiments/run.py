"""One run: a method, a seed, on a data set. What of it is complete is used again.

::

    RUNS/METHOD/KEY-seed0/checkpoint/                what `fit` left
    RUNS/METHOD/KEY-seed0/official/                  predictions.jsonl, result.json (written last)
    RUNS/METHOD/KEY-seed0/official-wrong-queries/    the same method, every query of another class
    RUNS/METHOD/KEY-seed0/recropped/ ...             of the test split; val-official/ ... of val
    RUNS/METHOD/KEY-seed0/open-TARGETS/ ...          val-open-TARGETS/ has existence.json, too
    RUNS/METHOD/KEY-seed0/archive-TARGETS-SEARCH/    every query asked of all targets at once

KEY hashes all that decides a checkpoint but for the seed: data set, features, config, code; TARGETS
the open targets, SEARCH the code that searches an archive. Below KEY-seed0 lie folders of the same
for what is changed after training.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Self

from vid2vidmr.contract import FeatureSource
from vid2vidmr.data.availability import Manifest
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.protocols import OPEN, WRONG_QUERIES
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.evaluation import Evaluation, evaluate
from vid2vidmr.evaluation.predictions import read_predictions
from vid2vidmr.evaluation.results import Result, read_result
from vid2vidmr.experiments.code import code_hash, existence_hash, search_hash
from vid2vidmr.experiments.existence import Existence, calibrate
from vid2vidmr.experiments.predict import predict_and_score
from vid2vidmr.features.captions import open_captions
from vid2vidmr.features.store import FeatureStore, open_features
from vid2vidmr.files import alone, file_name, file_sha256, write_json
from vid2vidmr.methods.base import Method
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.methods.load import method_class, preset_config, preset_label
from vid2vidmr.methods.neural import WEIGHTS
from vid2vidmr.progress import is_main_process, progress


def runs_home(dataset: Dataset) -> Path:
    """Where runs on a data set go by default: ``./runs/NAME``."""
    return Path("runs") / dataset.name


def is_checkpoint(folder: Path) -> bool:
    """Tell whether a folder holds a complete checkpoint."""
    return (folder / "method.json").exists()


@dataclass(frozen=True)
class Scored:
    """One method, one seed, under one protocol.

    Attributes
    ----------
    evaluation : Evaluation
        The same score, pair by pair.
    wrong : Evaluation or None
        The score with every query replaced by one of another class; None for bias rows, and where
        the classes of the pairs do not allow the exchange.
    """

    result: Result
    evaluation: Evaluation
    wrong: Evaluation | None


@dataclass(frozen=True)
class Setting:
    """A method with its config and features on a data set: all that decides a run but its seed.

    `init` is the checkpoint folder that training starts from, None for none. `decoding` are fields
    of the config that are changed after training, for the predictions: runs that differ in them
    alone share their checkpoint. `only` restricts all pairs, those of training too, to the videos
    of an availability manifest; their protocol says so. `preset` is what results call a config that
    is none of the method's presets. With `train_on_val`, a method may be trained on val where a
    data set has no train pairs; bias rows, and statistics without labels, take val then anyhow.
    """

    dataset: Dataset
    method: type[Method]
    config: Any
    features: FeatureSource | None
    init: Path | None = None
    decoding: Mapping[str, Any] = field(default_factory=dict)
    only: Manifest | None = None
    preset: str | None = None
    train_on_val: bool = False

    def __post_init__(self) -> None:
        """Refuse to start a method from a checkpoint that is not there or has no weights."""
        if self.init is None:
            self.method(self.config).require_init()
            return
        if not self.method.has_weights:
            raise UserError(
                f"{self.method.info.name} has no weights that could start from {self.init}: leave "
                "--init away."
            )
        if not (self.init / WEIGHTS).exists():
            raise DataError(
                f"{self.init} holds no checkpoint to start from (no {WEIGHTS}): make one with "
                f"`vid2vidmr pretrain {self.method.info.name}` or `vid2vidmr import-checkpoint "
                f"{self.method.info.name}`."
            )

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        method: str,
        preset: str | None,
        encoder: str | None,
        init: Path | None = None,
        **options: Any,
    ) -> Self:
        """Look up method, preset and features by name; `options` are further fields."""
        found = method_class(method)
        config = preset_config(method, preset)
        features = cls.source(dataset, found.info, encoder)
        label = preset_label(method, preset)
        return cls(dataset, found, config, features, init, preset=label, **options)

    @staticmethod
    def source(dataset: Dataset, info: MethodInfo, encoder: str | None) -> FeatureSource | None:
        """Features of a data set; None for methods that look at none."""
        if not info.needs_features:
            return None
        return open_features(dataset, encoder)

    @cached_property
    def captions(self) -> FeatureStore | None:
        """Captions of the data set, None for methods that do not ask by text."""
        return query_captions(self.dataset, self.method(self.config), self.features)

    def pairs(self, split: str, protocol: str = "official") -> PairSet:
        """Pairs of a split under a protocol, with all that the method may look at."""
        pairs = self.dataset.pairs(split, self.features, self.captions)
        return pairs.under(protocol, only=self.only)

    @cached_property
    def key(self) -> str:
        """Hash of data set, features, captions, method, config, code and initial weights."""
        contract = self.features and self.features.contract.model_dump()
        decides = [
            self.dataset.fingerprint, contract, self.method.info.name,
            asdict(self.config), code_hash(self.method),
        ]  # fmt: skip
        if self.init is not None:
            decides.append(file_sha256(self.init / WEIGHTS))
        if self.captions is not None:
            decides.append(self.captions.contract.model_dump())
        if self.only is not None:
            decides.append(self.only.subset)
        if self.train_on_val and "train" not in self.dataset.splits and self.method.has_weights:
            decides.append("trained on val")
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]

    def folder(self, runs: Path, seed: int) -> Path:
        """Folder of a run."""
        return runs / file_name(self.method.info.name) / f"{self.key}-seed{seed}"

    def checkpoint(self, runs: Path, seed: int) -> Path:
        """Folder of a run's checkpoint."""
        return self.folder(runs, seed) / "checkpoint"

    def is_fitted(self, runs: Path, seed: int) -> bool:
        """Tell whether a run has its checkpoint."""
        return is_checkpoint(self.checkpoint(runs, seed))

    def fitted(self, checkpoint: Path, seed: int, *, workers: int = 0, log: bool = False) -> Method:
        """Load the method from its checkpoint, after fitting it where there is none.

        `workers` and `log`: see `Method.fit`.

        Raises
        ------
        UserError
            If the folder holds a checkpoint that was made otherwise, or by other code; or if there
            are no train pairs to learn from.
        """
        # Another process that trains the same waits, and finds it done; those of one joint run
        # do not exclude each other.
        with alone(checkpoint) if is_main_process() else nullcontext():
            if not is_checkpoint(checkpoint):
                self._fit(checkpoint, seed, workers=workers, log=log)
        method = self.method.load(checkpoint)
        if (method.provenance.get("run", self.key), method.seed) != (self.key, seed):
            raise UserError(
                f"{checkpoint} holds a checkpoint that other code, or another seed, config, data "
                "or features made: choose another folder, or delete it to train again."
            )
        return method

    def _learning(self) -> tuple[str, str] | None:
        """Name the splits to learn from and to choose by; None for methods that do without.

        Raises
        ------
        UserError
            If there are no train pairs, and nobody asked to learn from val.
        """
        splits, info = self.dataset.splits, self.method.info
        if self.method.fit is Method.fit:
            return None
        if "train" in splits:
            return "train", "val" if "val" in splits else "train"
        if "val" in splits:
            if info.needs_training and not self.train_on_val:
                raise UserError(
                    f"{self.dataset.name} has no train pairs for {info.name}: pass --train-on-val "
                    "to learn from val, on which it is chosen too, or a method that comes trained."
                )
            return "val", "val"
        if info.needs_training or info.kind == "bias":
            raise UserError(
                f"{self.dataset.name} has neither train nor val pairs for {info.name}: choose a "
                "method that needs none."
            )
        return None

    def _fit(self, checkpoint: Path, seed: int, *, workers: int, log: bool) -> None:
        method = self.method(self.config, seed)
        method.provenance = {
            "dataset": self.dataset.name,
            "dataset_fingerprint": self.dataset.fingerprint,
            "synthetic": self.dataset.info.synthetic
            or (self.features is not None and self.features.contract.simulated),
        }
        if self.only is not None:
            method.provenance["available"] = self.only.subset
        method.provenance["run"] = self.key
        started = time.monotonic()
        learning = self._learning()
        if learning is None:
            method.save(checkpoint)  # without statistics of train it takes the target's own
        else:
            if learning[0] == "val":
                method.provenance["trained_on_val"] = True
            existence = getattr(self.config, "existence", False)
            protocol = OPEN if existence else "official"
            train, val = (self.pairs(split, protocol) for split in learning)
            asked: dict[str, Any] = {"init": self.init, "workers": workers, "log": log}
            method.fit(train, val, checkpoint, **{k: v for k, v in asked.items() if v})
        if is_main_process():
            write_json(checkpoint / "time.json", {"fit": time.monotonic() - started})

    def _existence(self, method: Method, folder: Path) -> Existence | None:
        """Give what makes probabilities of the method's scores, fitted on val once.

        None for bias rows, which do not look.
        """
        if self.method.info.kind == "bias":
            return None
        home = _part(folder, self.pairs("val", OPEN))
        found = Existence.load(home)
        if found is None:
            found = calibrate(method, self.dataset, self.pairs("val"), home / "existence.work")
            found.save(home)
        return found

    def _both(
        self, protocols: Sequence[str], sensitivity: bool, split: str
    ) -> list[tuple[PairSet, PairSet | None]]:
        """Pairs under each protocol, and with queries of another class."""
        right = [self.pairs(split, protocol) for protocol in dict.fromkeys(protocols)]
        asks = sensitivity and self.method.info.kind != "bias"
        return [(pairs, _wrong_queries(pairs) if asks else None) for pairs in right]

    def is_scored(self, runs: Path, seed: int, protocols: Sequence[str], split: str) -> bool:
        """Tell whether `run` would do nothing but read."""
        parts = chain.from_iterable(self._both(protocols, True, split))
        folder = self.folder(runs, seed)
        return all(_is_complete(_part(folder, pairs)) for pairs in parts if pairs is not None)

    def run(
        self,
        runs: Path,
        seed: int,
        protocols: Sequence[str],
        sensitivity: bool = True,
        split: str = "test",
    ) -> list[Scored]:
        """Fit, predict and score one seed under every protocol; what is complete is read back.

        With `sensitivity` also with queries of another class.
        """
        name = self.method.info.name
        folder = self.folder(runs, seed).joinpath(*(f"{k}={v}" for k, v in self.decoding.items()))
        both = self._both(protocols, sensitivity, split)
        scored: dict[Path, tuple[Result, Evaluation]] = {}
        todo = [
            pairs
            for pairs in chain.from_iterable(both)
            if pairs is not None and not _is_complete(_part(folder, pairs))
        ]
        if todo:
            checkpoint = self.checkpoint(runs, seed)
            method = self.fitted(checkpoint, seed)
            if self.decoding:
                method.config = replace(method.config, **self.decoding)
            with progress(f"predict {name}, seed {seed}", sum(map(len, todo))) as bar:
                for pairs in todo:
                    part = _part(folder, pairs)
                    with alone(part):
                        if _is_complete(part):  # another process has just left it
                            bar.advance(len(pairs))
                            continue
                        scored[part] = predict_and_score(
                            method,
                            self.dataset,
                            pairs,
                            part,
                            checkpoint,
                            bar,
                            self.preset,
                            self._existence(method, folder) if pairs.protocol.is_open else None,
                        )
                    if not pairs.protocol.is_wrong:
                        metric = pairs.protocol.metric
                        value = scored[part][1].metrics[metric].value
                        shown = f"{pairs.protocol.short} {metric} {value:.1f}"
                        bar.advance(0, shown)

        def read(pairs: PairSet) -> tuple[Result, Evaluation]:
            part = _part(folder, pairs)
            return scored[part] if part in scored else _read(part, pairs)

        return [
            Scored(*read(right), None if wrong is None else read(wrong)[1]) for right, wrong in both
        ]

    def val_score(self, runs: Path, seed: int, protocols: Sequence[str]) -> float:
        """Mean over protocols of the mIoU on val that `run` left."""
        parts = [_part(self.folder(runs, seed), self.pairs("val", each)) for each in protocols]
        results = [read_result(part / "result.json") for part in parts]
        return sum(result.metrics["mIoU"].value for result in results) / len(results)


def query_captions(
    dataset: Dataset, method: Method, features: FeatureSource | None
) -> FeatureStore | None:
    """Captions to use with the features, for a method that asks by text; else None.

    Raises
    ------
    FeatureError
        If there are none.
    """
    if features is None or method.query != "text":
        return None
    return open_captions(dataset, features.contract.encoder)


def _wrong_queries(pairs: PairSet) -> PairSet | None:
    try:
        return pairs.under(WRONG_QUERIES)
    except UserError:  # one class has most of the pairs: nothing to exchange
        return None


def _is_complete(folder: Path) -> bool:
    """Tell whether a part has its result, with every pair tried."""
    result = folder / "result.json"
    return result.exists() and not read_result(result).details.get("unanswered")


def _part(folder: Path, pairs: PairSet) -> Path:
    """Where the predictions of pairs lie in the folder of a run."""
    slug = pairs.protocol.slug
    if pairs.protocol.has_targets and pairs.targets is not None:
        slug = f"{slug}-{pairs.targets.key}"
    if pairs.protocol.is_archive:
        slug = f"{slug}-{search_hash()[:8]}"
    if pairs.protocol.is_open:
        slug = f"{slug}-{existence_hash()[:8]}"
    return folder / (slug if pairs.split == "test" else f"{pairs.split}-{slug}")


def _read(part: Path, pairs: PairSet) -> tuple[Result, Evaluation]:
    result = read_result(part / "result.json")
    predictions = read_predictions(part / result.predictions)[1]
    return result, evaluate(predictions, pairs, threshold=result.header.threshold)
