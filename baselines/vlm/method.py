"""Vision-language models as methods: the chain prepare, generate, parse within a bench."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from baselines.vlm.config import VlmConfig
from baselines.vlm.models import MODELS, Model, server_url
from baselines.vlm.prompts import variation
from baselines.vlm.records import Frames
from vid2vidmr.errors import UserError
from vid2vidmr.methods.base import Method
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.records import Prediction

if TYPE_CHECKING:
    from vid2vidmr.data.dataset import Dataset
    from vid2vidmr.data.pairs import PairSet


class Vlm(Method):
    """A vision-language model that is asked for the moment in words.

    Subclasses name a model, see `VlmGroup`. The seed chooses wording and order, see
    `baselines.vlm.prompts.variation`.
    """

    model: ClassVar[Model]
    config: VlmConfig

    def begin(self, dataset: Dataset, folder: Path) -> None:
        """Remember where videos are and where answers are kept."""
        self.dataset, self.folder = dataset, folder

    def predict(self, pairs: PairSet) -> Iterator[Prediction]:
        """Ask for every pair that has no answer yet, and parse all."""
        from baselines.vlm import ledger, outcome, prepare  # av; a list of methods needs none
        from baselines.vlm.captions import open_track
        from baselines.vlm.generate import ask
        from vid2vidmr.experiments.predict import prediction_header

        if not hasattr(self, "folder"):
            raise UserError(
                f"{self.info.name} answers for pairs of a built data set: use `vid2vidmr bench`, "
                "`predict` or `vlm prepare`."
            )
        frames = Frames(self.dataset.path / "frames")
        requests = prepare.prepare(
            self.dataset, pairs, self.config, prediction_header(self, self.dataset, pairs),
            self.folder, frames, open_track(self.dataset, self.config),
        )  # fmt: skip
        path = self.folder / ledger.FILE
        with ledger.open_ledger(path) as answers:
            ask(requests.by_key(self.config), answers, self.config, frames, server_url())
        replies = outcome.read_raw_answers(path, requests.prepared, self.config)
        found = outcome.outcomes(requests.prepared, replies)
        outcome.write_outcomes(self.folder / outcome.FILE, found)
        self._found, self._pairs = found, pairs
        yield from (one.prediction() for one in found)

    def details(self) -> dict[str, float | str | None]:
        """Failures by reason, leniency, frames, tokens, cost, contamination; the strict mIoU."""
        from baselines.vlm import outcome
        from vid2vidmr.evaluation import evaluate

        row = outcome.details(self._found, self.config, self.model.contamination(self.dataset.name))
        strict = evaluate(
            [one.prediction(strict=True) for one in self._found], self._pairs, resamples=0
        )
        wording, order = variation(self.seed, self.config.order)
        return row | {
            "strict mIoU": round(strict.metrics["mIoU"].value, 4),
            "wording": wording,
            "order": order,
        }


@cache
def _method(name: str, model: Model) -> type[Vlm]:
    info = MethodInfo(
        name=f"vlm:{name}",
        title=f"{model.title}, asked in words (zero-shot)",
        kind="untrained",
        source=f"https://huggingface.co/{model.id}" if "/" in model.id else model.id,
        licence=model.licence,
        deviations="prompt, parser and failure rules are ours: the paper gives none",
        reads_videos=True,
        varies=True,
    )
    body = {"__module__": __name__, "__doc__": Vlm.__doc__}
    return type("Vlm", (Vlm,), body | {"info": info, "model": model, "presets": model.presets()})


class VlmGroup(Mapping[str, type[Method]]):
    """The methods ``vlm:NAME``: models that presets exist for, and any other.

    The others are named by their repository, folder, or name on a server.
    """

    def __getitem__(self, name: str) -> type[Method]:
        if name in MODELS:
            return _method(name, MODELS[name])
        if "/" in name or (name and server_url()):
            return _method(name, Model(name, name, "see its repository"))
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(MODELS)

    def __len__(self) -> int:
        return len(MODELS)


GROUP = VlmGroup()
