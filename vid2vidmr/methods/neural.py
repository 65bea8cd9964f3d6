"""Base class of the trained methods: a model, its losses, windows from its outputs.

Everything else (batches, training loop, checkpoints, prediction) is shared. torch is imported when
a model is built, so that methods can be listed without it.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from vid2vidmr.contract import (
    TEXT,
    UNKNOWN,
    FeatureContract,
    differences,
    require_contract,
)
from vid2vidmr.errors import DataError, FeatureError
from vid2vidmr.files import file_sha256
from vid2vidmr.methods.base import Method
from vid2vidmr.methods.checkpoint import differences as weight_differences
from vid2vidmr.methods.checkpoint import read_tensors
from vid2vidmr.methods.long import LONGEST, in_parts, merged
from vid2vidmr.records import EvidentPrediction, Prediction, Query
from vid2vidmr.train.config import TrainingConfig, from_init, wiring
from vid2vidmr.train.projection import ProjectedFeatures

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vid2vidmr.data.pairs import PairSet
    from vid2vidmr.train.batch import Batch

WEIGHTS = "model.safetensors"
PROJECTION = ("feature_mean", "feature_basis")


class NeuralMethod(Method):
    """A method that learns by gradient descent.

    A class in the ``__init__.py`` of a package has its parts in modules beside it, imported when
    they are needed: ``model.Model(config, dim)``, ``losses.losses(outputs, batch, config)`` and, if
    checkpoints of published code can be read, ``published.read(weights, options)``, see
    `Method.published`. One in a single file overrides `build_model`, `losses` and `published`.

    Attributes
    ----------
    model : nn.Module or None
        Maps a `Batch` to a dict of outputs; None until trained or loaded.
    caption_contract : FeatureContract or None
        How the features of the captions it was trained on were made, where it asks by text; others
        are refused. Its `decoder` names the file of captions, which may be another one.
    projection : tuple of ndarray or None
        Mean (dim,) and basis (dim, components) through which the model sees the features.
    init_sha256 : str or None
        Hash of the weights that training started from; None if it started from nothing.
    """

    has_weights: ClassVar[bool] = True

    config: TrainingConfig

    def __init__(self, config: Any = None, seed: int = 0) -> None:
        super().__init__(config, seed)
        self.model: nn.Module | None = None
        self.caption_contract: FeatureContract | None = None
        self.projection: tuple[np.ndarray, np.ndarray] | None = None
        self.init_sha256: str | None = None

    @property
    def query(self) -> Query:
        """What the config asks by."""
        return self.config.query

    @property
    def needs_init(self) -> bool:
        """What the config says."""
        return self.config.needs_init

    @property
    def reach(self) -> int:
        """Rows of a target that the model reads at once; longer ones are read in parts."""
        found: int = getattr(self.sized, "max_target", LONGEST)
        return found

    @classmethod
    def _part(cls, name: str) -> Any:
        """Import a module of the package of the class, or of one that it inherits from."""
        for home in (each.__module__ for each in cls.__mro__):
            if hasattr(sys.modules.get(home), "__path__") and find_spec(f"{home}.{name}"):
                return import_module(f"{home}.{name}")
        raise NotImplementedError(
            f"{cls.__name__} has no {name}: override what gives it, or put its class into a "
            f"package with {name}.py."
        )

    @property
    def sized(self) -> Any:
        """The config with rows of the step of its features, see `TrainingConfig.at_step`."""
        of = self.encoder_contract
        return self.config if of is None else self.config.at_step(of.step_s)

    def build_model(self, dim: int) -> nn.Module:
        """Give an untrained model for features of length `dim`."""
        return self._part("model").Model(self.sized, dim)  # type: ignore[no-any-return]

    def losses(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Scalar losses; ``"loss"`` is the total to minimise."""
        return self._part("losses").losses(outputs, batch, self.sized)  # type: ignore[no-any-return]

    @abstractmethod
    def windows(self, outputs: dict[str, Tensor], batch: Batch) -> list[np.ndarray]:
        """Ranked windows of every pair, each (k, 3): start_s, end_s, score, best first."""

    @classmethod
    def published(cls) -> Callable[..., tuple[Any, int, dict[str, Tensor]]] | None:
        """Give what reads a checkpoint of the published code; None if nothing does."""
        try:
            return cls._part("published").read  # type: ignore[no-any-return]
        except NotImplementedError:
            return None

    def parameters(self, dim: int) -> int:
        """Count the parameters of a model for features of length `dim`, principal or not."""
        model = self._outline(self.config.components or dim)
        return sum(parameter.numel() for parameter in model.parameters())

    def _outline(self, dim: int) -> nn.Module:
        """Build a model of shapes alone, where it can be: even `paper` costs nothing."""
        import torch

        try:
            with torch.device("meta"):
                return self.build_model(dim)
        except (NotImplementedError, RuntimeError):
            return self.build_model(dim)

    def prepare(
        self, contract: FeatureContract, projection: tuple[np.ndarray, np.ndarray] | None
    ) -> None:
        """Build the model for features of a contract, seen through a projection."""
        self.encoder_contract, self.projection = contract, projection
        self.model = self.build_model(
            contract.dim if projection is None else projection[1].shape[1]
        )

    def start_from(self, folder: Path) -> None:
        """Take weights and projection of a checkpoint of the same wiring.

        A config that `needs_init` takes over the wiring too.

        Raises
        ------
        DataError
            If the checkpoint is of another method, or of another wiring.
        """
        other = type(self).load(folder)
        if self.needs_init:
            self.config = from_init(self.config, other.config)
        own = wiring(self.config)
        differing = "; ".join(
            f"{name} {value!r} instead of {own[name]!r}"
            for name, value in wiring(other.config).items()
            if value != own[name]
        )
        if differing:
            raise DataError(
                f"Training cannot start from {folder}, which has {differing}: choose the preset "
                "that it was made with, or make it again with this one."
            )
        assert other.encoder_contract is not None and other.model is not None
        self.prepare(other.encoder_contract, other.projection)  # with our own dropout
        assert self.model is not None
        self.model.load_state_dict(other.model.state_dict())
        self.caption_contract = other.caption_contract
        self.init_sha256 = file_sha256(folder / WEIGHTS)

    def fit(self, train: PairSet, val: PairSet, folder: Path, **options: Any) -> None:
        """Train and leave the best checkpoint by val mIoU, see `vid2vidmr.train.trainer.fit`."""
        from vid2vidmr.train.trainer import fit

        fit(self, train, val, folder, **options)

    def predict(self, pairs: PairSet) -> Iterator[Prediction]:
        """Yield ranked windows for every pair, however long its target is."""
        from vid2vidmr.train.infer import predict

        parts = in_parts(pairs, self.reach)
        answers = merged(parts, predict(self, parts.pairs), self.most)
        for pair_id, (windows, logit) in zip(pairs.table["pair_id"], answers, strict=True):
            if not (np.isfinite(windows).all() and (logit is None or np.isfinite(logit))):
                raise DataError(
                    f"{self.info.name} gives NaN or infinity for the pair {pair_id}: its weights "
                    "are damaged or diverged, train it again."
                )
            ranked = tuple((float(s), float(e), float(score)) for s, e, score in windows)
            if logit is None:
                yield Prediction(pair_id=pair_id, windows=ranked)
            else:
                exists = 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
                yield EvidentPrediction(
                    pair_id=pair_id, windows=ranked, exists=exists, evidence=(logit,)
                )

    def accepted(self, pairs: PairSet) -> PairSet:
        """Give the pairs with features and queries as the model expects them.

        Raises
        ------
        FeatureError
            If the features were made differently from those the model was trained on, or queries
            lack the captions by which it asks.
        """
        features = pairs.features
        if features is None:
            raise FeatureError(f"{self.info.name} needs features: run `vid2vidmr features` first.")
        if self.encoder_contract is not None:
            require_contract(features.contract, self.encoder_contract, self.info.name)
        if self._query_dim not in (None, features.contract.dim) and self.query != "text":
            raise FeatureError(
                f"This {self.info.name} reads queries of {self._query_dim} numbers and targets of "
                f"{features.contract.dim}: it cannot ask by video, start the preset zero-shot+T or "
                "finetuned+T from it (query 'text')."
            )
        if self.query == "text":
            pairs.require_captions()
            assert pairs.captions is not None
            self._require_tokens(pairs.captions.contract, features.contract)
        if self.projection is not None:
            features = ProjectedFeatures(features, *self.projection)
        return replace(pairs, features=features, query=self.query)

    def _require_tokens(self, tokens: FeatureContract, frames: FeatureContract) -> None:
        """Refuse captions of another encoder, and those that do not fit the frames."""
        if self.caption_contract is not None:
            expected = self.caption_contract.model_copy(update={"decoder": UNKNOWN})
            if differing := differences(tokens, expected):
                raise FeatureError(
                    f"{self.info.name} needs captions encoded in another way than these, which "
                    f"have {differing}: run `vid2vidmr features --dataset DATASET --captions FILE "
                    f"--encoder {expected.encoder.removesuffix(TEXT)}` with the same versions."
                )
        if self._query_dim is not None and tokens.dim != self._query_dim:
            raise FeatureError(
                f"Tokens of {tokens.encoder} have {tokens.dim} numbers and {self.info.name} here "
                f"reads {self._query_dim}: choose the encoder that it was trained on."
            )
        if self._query_dim is None and tokens.dim != frames.dim:
            raise FeatureError(
                f"Tokens of {tokens.encoder} have {tokens.dim} numbers and frames of "
                f"{frames.encoder} {frames.dim}: {self.info.name} reads both alike, choose an "
                "encoder whose towers are of one width, such as clip-vit-b32."
            )

    @property
    def _query_dim(self) -> int | None:
        """Numbers in a row of the query; None if as many as in one of the target."""
        return getattr(self.config, "query_dim", None)

    def state(self) -> dict[str, Any]:
        """Contract of the features; the weights are in ``model.safetensors`` beside."""
        return {
            "contract": self.encoder_contract and self.encoder_contract.model_dump(),
            "caption_contract": self.caption_contract and self.caption_contract.model_dump(),
            "init_sha256": self.init_sha256,
        }

    def save(self, folder: Path) -> None:
        """Write weights and ``method.json``, the latter last: its presence means complete."""
        import torch
        from safetensors.torch import save_file

        from vid2vidmr.files import replacing

        if self.model is None:
            raise FeatureError(f"{self.info.name} has no weights to save: train it first.")
        tensors = {f"model.{k}": v.contiguous() for k, v in self.model.state_dict().items()}
        if self.projection is not None:
            for name, array in zip(PROJECTION, self.projection, strict=True):
                tensors[name] = torch.from_numpy(array)
        with replacing(folder / WEIGHTS) as temporary:
            save_file(tensors, temporary)
        super().save(folder)

    def restore(self, state: dict[str, Any], folder: Path) -> None:
        """Load the weights."""
        from vid2vidmr.devices import pick_device

        tensors = read_tensors(folder / WEIGHTS)
        contract = FeatureContract.model_validate(state["contract"])
        projection = _projection(tensors, contract.dim)
        if captions := state.get("caption_contract"):
            self.caption_contract = FeatureContract.model_validate(captions)
        self.init_sha256 = state.get("init_sha256")
        self.encoder_contract = contract
        weights = {name.removeprefix("model."): tensor for name, tensor in tensors.items()}
        self._require(weights, contract.dim if projection is None else projection[1].shape[1])
        self.prepare(contract, projection)
        assert self.model is not None
        self.model.load_state_dict(weights)
        self.model.to(pick_device())

    def _require(self, weights: Mapping[str, Tensor], dim: int) -> None:
        """Refuse weights of another model than the config's, before that is built."""
        for name, value in vars(self.config).items():
            if name.endswith("layers") and value > len(weights):  # each layer has some
                raise ValueError(f"its {name} is {value}, there are {len(weights)} weights")
        if differing := weight_differences(weights, self._outline(dim)):
            raise ValueError(differing)


def _projection(tensors: dict[str, Tensor], dim: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Take mean (dim,) and basis (dim, components) out of what a checkpoint holds."""
    found = [tensors.pop(name).numpy() for name in PROJECTION if name in tensors]
    if not found:
        return None
    mean, basis = found
    if mean.shape != (dim,) or basis.ndim != 2 or len(basis) != dim:
        raise ValueError(f"its projection has the shapes {mean.shape} and {basis.shape}")
    return mean, basis
