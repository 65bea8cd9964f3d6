"""What the training loop needs to know; configs of trained methods inherit from it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from vid2vidmr.contract import STEP_S
from vid2vidmr.errors import UnknownNameError, UserError
from vid2vidmr.records import QUERIES, Query

Augmentation = Literal["reverse", "noise", "slow", "fast"]
Share = Annotated[float, Field(ge=0, le=1)]
AUGMENTATIONS: tuple[Augmentation, ...] = ("reverse", "noise", "slow", "fast")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """What the training loop needs; configs of trained methods inherit from it.

    Attributes
    ----------
    pairs_per_epoch : int or None
        Pairs drawn for an epoch, None for all.
    learning_rate, weight_decay : float
        AdamW.
    schedule : {"constant", "cosine", "step"}
        Cosine has a linear warm-up over the first twentieth of the steps, step one over the first
        `warm_up_epochs`; it multiplies the rate by 0.1 after every `decay_epochs`.
    warm_up_epochs, decay_epochs : int
        Of the schedule "step" only.
    clip_norm : float
        Largest norm of the gradient.
    patience : int
        Epochs without a better val mIoU before training stops.
    components : int or None
        Project all features on so many principal components of the train videos' features, about
        their mean; None leaves them as they are.
    recrop : float
        Share of samples whose target is cut at random, as in the recropped protocol.
    self_supervised : float
        Share of samples whose query is a random clip of the target itself.
    clip_s : (float, float)
        Shortest and longest such clip, seconds.
    augmented : float
        Share of samples whose query is augmented, each in exactly one way. Of self-supervised
        samples 0.5 is what the paper does: as many augmented copies as clips.
    augmentations : tuple of {"reverse", "noise", "slow", "fast"}
        The ways, each as likely.
    augment_noise : (float, float)
        Range of the noise's standard deviation, relative to the root mean square of the features
        (of the pixels where frames are augmented).
    augment_speed : (float, float)
        Range of how many times faster (or slower) a query is played.
    noise : float
        Standard deviation of Gaussian noise on all features of queries and targets, relative to
        their root mean square; 0 is none.
    buckets : bool
        Make batches of targets of similar length (before they are cut), which saves padding.
    micro_batch : int or None
        Most pairs that go through the model at once: gradients of a batch are accumulated over so
        many, in each process. None puts a batch through at once.
    precision : {"fp32", "bf16"}
        Of the model's matrix products in training; weights and losses are float32 in both.
    ema : float
        Decay a step of a moving average of the weights, which is scored on val and kept instead
        of the weights themselves; 0 is none.
    query : {"video", "middle-frame", "text"}
        What the query is: a video, its middle frame, or its caption (see docs/queries.md).
    needs_init : bool
        Training starts from a checkpoint that the user gives, and takes from it all fields of the
        config that are not about training.
    existence : bool
        Train on open targets, which hold the moment no times, once or several times, with a head
        that says whether they do (`vid2vidmr.nn.existence`).
    weight_existence : float
        Of that head's loss.
    """

    epochs: NonNegativeInt
    batch_size: PositiveInt
    pairs_per_epoch: PositiveInt | None = None
    learning_rate: NonNegativeFloat = 1e-4
    weight_decay: NonNegativeFloat = 1e-4
    schedule: Literal["constant", "cosine", "step"] = "constant"
    warm_up_epochs: NonNegativeInt = 0
    decay_epochs: PositiveInt = 10_000
    clip_norm: PositiveFloat = 0.1
    patience: PositiveInt = 10_000
    components: PositiveInt | None = None
    recrop: Share = 0.0
    self_supervised: Share = 0.0
    clip_s: tuple[PositiveFloat, PositiveFloat] = (4.0, 30.0)
    augmented: Share = 0.0
    augmentations: tuple[Augmentation, ...] = AUGMENTATIONS
    augment_noise: tuple[NonNegativeFloat, NonNegativeFloat] = (0.1, 0.5)
    augment_speed: tuple[PositiveFloat, PositiveFloat] = (1.25, 2.0)
    noise: NonNegativeFloat = 0.0
    buckets: bool = False
    micro_batch: PositiveInt | None = None
    precision: Literal["fp32", "bf16"] = "fp32"
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    query: Query = "video"
    needs_init: bool = False
    existence: bool = False
    weight_existence: NonNegativeFloat = 1.0

    loose: ClassVar[frozenset[str]] = frozenset({"dropout", "input_dropout", "drop_path", "nms"})
    """Fields of a subclass that the same weights may be trained with in another way, see `wiring`;
    those that begin with ``weight_`` are, too."""
    of_two_s: ClassVar[frozenset[str]] = frozenset()
    """Fields of a subclass that are a number of rows of 2 s, see `at_step`."""

    def at_step(self, step_s: float) -> Self:
        """Give the config with the rows of features of another step: as many seconds."""
        rows = {name: getattr(self, name) for name in self.of_two_s}
        more = {k: max(1, round(n * STEP_S / step_s)) for k, n in rows.items() if n is not None}
        return self if step_s == STEP_S else replace(self, **more)

    def __post_init__(self) -> None:
        """Give lists, which is what JSON has for tuples, their type back; refuse nonsense.

        Raises
        ------
        UserError
            If the query cannot be what the config says, or training cannot change it so.
        """
        for name in ("clip_s", "augmentations", "augment_noise", "augment_speed"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.query not in QUERIES:
            raise UnknownNameError("query", self.query, QUERIES)
        if self.query != "video" and self.augmented:
            raise UserError(
                f"Only a query of many frames can be augmented, {self.query!r} is none: set "
                "augmented to 0."
            )
        if self.query == "text" and (self.self_supervised or self.components):
            raise UserError(
                "The query 'text' has no clips of the target, and principal components of frames "
                "are none of tokens: set self_supervised to 0 and components to None."
            )


TRAINING_FIELDS = frozenset(field.name for field in fields(TrainingConfig)) - {
    "components",
    "existence",
}
"""What configs of one and the same trained model may differ in."""


def wiring(config: TrainingConfig) -> dict[str, Any]:
    """Fields that decide what a network computes from its weights, and which weights it has."""
    return {
        name: value
        for name, value in vars(config).items()
        if name not in TRAINING_FIELDS | config.loose and not name.startswith("weight_")
    }


def from_init(config: Any, initial: Any) -> Any:
    """Give what a config that `needs_init` becomes with the checkpoint of the config `initial`."""
    return replace(initial, **{name: getattr(config, name) for name in TRAINING_FIELDS})


def pairs_seen(config: TrainingConfig, train: int) -> int:
    """Pairs that a training on `train` pairs sees, repeated ones counted each time."""
    return config.epochs * min(train, config.pairs_per_epoch or train)


def parse_augmentations(names: str) -> tuple[Augmentation, ...]:
    """Read a comma-separated list of `AUGMENTATIONS`; an empty one is none.

    Raises
    ------
    UnknownNameError
        If a name is none of them.
    """
    given = [name.strip() for name in names.split(",") if name.strip()]
    for name in given:
        if name not in AUGMENTATIONS:
            raise UnknownNameError("augmentation", name, AUGMENTATIONS)
    return tuple(name for name in AUGMENTATIONS if name in given)
