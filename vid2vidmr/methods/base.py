"""What a method is: a class with `fit` (optional) and `predict`, registered by an entry point."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from vid2vidmr.errors import DataError, UserError
from vid2vidmr.files import write_json, write_text
from vid2vidmr.methods.checkpoint import read_checkpoint, restoring
from vid2vidmr.methods.hub import checkpoint_folder, model_card, push_checkpoint
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.methods.presets import checked_config
from vid2vidmr.records import Prediction, Query
from vid2vidmr.registry import registered

if TYPE_CHECKING:
    from vid2vidmr.alignment.components import Components
    from vid2vidmr.contract import FeatureContract
    from vid2vidmr.data.dataset import Dataset
    from vid2vidmr.data.pairs import PairSet
    from vid2vidmr.methods.retrieve import Retrieval
    from vid2vidmr.methods.variants import Ablation


class Method(ABC):
    """Base class of all methods.

    Parameters
    ----------
    config : dataclass, optional
        A value of `presets` or a changed copy; by default the first preset.
    seed : int
        Seed of every random draw.

    Attributes
    ----------
    encoder_contract : FeatureContract or None
        How the features that it learned from were made; others are refused.
    provenance : dict
        What is known of the training, as JSON: data set, its fingerprint, whether it is synthetic
        (or its features simulated), val score; commit, versions and hardware that it was made with
        (of a checkpoint that is loaded, its own; ``commit`` None where nobody knows).
    """

    info: ClassVar[MethodInfo]
    presets: ClassVar[Mapping[str, Any]]
    """Preset name to config (a frozen dataclass); the first is the default."""
    ablations: ClassVar[Mapping[str, Ablation]] = {}
    """Number of a table in the method's paper to what `vid2vidmr ablate` runs for it."""
    search: ClassVar[Mapping[str, Sequence[Any]]] = {}
    """Field of the config to the values that `vid2vidmr tune` draws from."""
    has_weights: ClassVar[bool] = False
    """Training can start from a checkpoint, and `vid2vidmr pretrain` leaves one."""

    encoder_contract: FeatureContract | None = None
    most: int = 0
    """Windows a pair that are wanted, where those are more than the config says."""

    def __init__(self, config: Any = None, seed: int = 0) -> None:
        self.config = next(iter(self.presets.values())) if config is None else config
        self.seed = seed
        self.provenance: dict[str, Any] = {}

    @property
    def query(self) -> Query:
        """What the query is."""
        return "video"

    @property
    def needs_init(self) -> bool:
        """Whether training starts from a checkpoint that the user gives."""
        return False

    def require_init(self) -> None:
        """Refuse to train from nothing a method that `needs_init`."""
        if self.needs_init:
            name = self.info.name
            raise UserError(
                f"This preset of {name} starts from a trained checkpoint: run `vid2vidmr "
                f"import-checkpoint {name} FILE --out FOLDER` on a published one, then pass --init "
                "FOLDER."
            )

    @classmethod
    def published(cls) -> Callable[..., tuple[Any, int, dict[str, Any]]] | None:
        """Give what reads a checkpoint of the published code; None if nothing does.

        It is called with weights by their published names and options of the training script by
        name. It gives config, length of a feature, and weights by the names of our model; raises
        `DataError` if the options describe another model, and `KeyError` with what is missing.
        """
        return None

    def parameters(self, dim: int) -> int | None:
        """Count the parameters of its network for features of length `dim`; None if it has none."""
        return None

    def fit(
        self,
        train: PairSet,
        val: PairSet,
        folder: Path,
        *,
        init: Path | None = None,
        workers: int = 0,
        log: bool = False,
    ) -> None:
        """Learn from the train split and leave in `folder` what `load` needs.

        Methods that learn nothing keep this. Options come only if they are asked for.

        Parameters
        ----------
        train, val : PairSet
            Val is for early stop and choice of the checkpoint, never for learning.
        folder : Path
            Checkpoint folder; a killed `fit` continues from what is in it.
        init : Path, optional
            Checkpoint folder to start from.
        workers : int
            Processes that prepare batches, beside this one.
        log : bool
            Write curves for TensorBoard into ``folder / "logs"``.

        Raises
        ------
        UserError
            If there is nothing that could start from `init`.
        """
        if init is not None:
            raise UserError(
                f"{self.info.name} has no weights that could start from {init}: leave --init away."
            )
        self.save(folder)

    def begin(self, dataset: Dataset, folder: Path) -> None:
        """Take what a run gives before `predict`; nothing by default.

        Parameters
        ----------
        dataset : Dataset
            Whose pairs come.
        folder : Path
            Beside the predictions, for what else is to be kept. It is there again when a run that
            was killed continues.
        """
        return

    def acquaint(self, statistics: Components) -> None:
        """Take label-free statistics of the videos that are searched; nothing by default.

        Methods that took those of train when they were fitted keep them.
        """
        return

    @abstractmethod
    def predict(self, pairs: PairSet) -> Iterator[Prediction]:
        """Yield one prediction a pair, in order; windows best first."""

    def details(self) -> dict[str, float | str | None]:
        """Give what else the last `predict` has to say, for the result.

        ``unanswered``, if it is not 0, is how many pairs could not be tried: the score is
        incomplete, and the run is done again for them.
        """
        return {}

    def state(self) -> dict[str, Any]:
        """Give what was learned, as JSON (neural methods keep tensors in a file beside)."""
        return {}

    def restore(self, state: dict[str, Any], folder: Path) -> None:
        """Take back what `state` gave; nothing by default."""
        return

    def save(self, folder: Path) -> None:
        """Write ``method.json`` (name, config, seed, provenance, state) into `folder`."""
        from vid2vidmr.evaluation.environment import environment

        if "commit" not in self.provenance:
            self.provenance |= environment().model_dump()
        value = {
            "method": self.info.name,
            "config": asdict(self.config),
            "seed": self.seed,
            "provenance": self.provenance,
            "state": self.state(),
        }
        write_json(folder / "method.json", value)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            If `folder` holds no checkpoint, or one of another method or version, or one with a part
            that is missing or not what it must be.
        """
        from vid2vidmr.evaluation.results import Training

        found = read_checkpoint(folder)
        if found.method != cls.info.name:
            raise DataError(
                f"{folder} holds a checkpoint of {found.method}, not of {cls.info.name}."
            )
        config_type = type(next(iter(cls.presets.values())))
        config = checked_config(config_type, found.config, f"the checkpoint {folder}")
        method = cls(config, found.seed)
        method.provenance = {"commit": None, **found.provenance}
        with restoring(folder, cls.info.name):
            Training.of(method.provenance)  # results are to say it
            method.restore(found.state, folder)
        return method

    def save_pretrained(self, folder: str | Path, push_to: str | None = None) -> None:
        """Write the checkpoint with a model card into `folder`.

        Parameters
        ----------
        push_to : str, optional
            Repository of the Hub (``user/name``) to upload it to.

        Raises
        ------
        HubError
            If it cannot be uploaded.
        """
        self.save(Path(folder))
        card = model_card(self.info, read_checkpoint(Path(folder)), push_to or str(folder))
        write_text(Path(folder) / "README.md", card)
        if push_to is not None:
            push_checkpoint(Path(folder), push_to)

    @classmethod
    def from_pretrained(cls, where: str | Path, revision: str | None = None) -> Self:
        """Load a checkpoint from a folder or a repository of the Hub.

        ``Method.from_pretrained`` finds the method by itself.

        Parameters
        ----------
        where : str or Path
            Folder, or ``user/name`` of a repository.
        revision : str, optional
            Branch, tag or commit of the repository.

        Raises
        ------
        DataError
            If there is no checkpoint, or one of another method or version.
        HubError
            If there is neither such a folder nor such a repository.
        """
        folder = checkpoint_folder(where, revision)
        found: Any = cls
        if cls is Method:
            found = registered("method", read_checkpoint(folder).method)
        loaded: Self = found.load(folder)
        return loaded

    def retrieve(self, query: str | Path, target: str | Path, **options: Any) -> Retrieval:
        """Find the moment of one video file in another, see `vid2vidmr.methods.retrieve`."""
        from vid2vidmr.methods.retrieve import retrieve

        return retrieve(self, query, target, **options)
