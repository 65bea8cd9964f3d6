"""Features in shards: processes that share nothing but a disk encode a part of the videos each.

Shard i of n writes ``<store>.shards/i-of-n``, a store of its own beside the one to be made, with
``failed.json`` in it for what could not be read. Once every video is accounted for in some shard,
the store is written from them in the order of the data set, as if one process had made it.
"""

from __future__ import annotations

import heapq
import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from vid2vidmr.contract import FeatureContract, differences
from vid2vidmr.errors import FeatureError, UserError, VideoError
from vid2vidmr.features.store import FeatureStore, Key
from vid2vidmr.features.writer import lock_store, unlock_store
from vid2vidmr.files import MAX_TABLE_BYTES
from vid2vidmr.records import read_record


@dataclass(frozen=True)
class Shard:
    """Shard `number` of `of`, counted from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``"2/3"``.

        Raises
        ------
        UserError
            If it is no such thing.
        """
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise UserError(
                f"The shard {text!r} does not exist: expected i/n with i from 1 to n, such as 2/3."
            )
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def folder(self, store: Path) -> Path:
        """Where the shard of a store lies."""
        return shards_folder(store) / f"{self.number}-of-{self.of}"

    def share(self, durations_s: Mapping[str, float]) -> set[str]:
        """Give the videos of this shard; all get the same seconds, as nearly as may be.

        Parameters
        ----------
        durations_s : mapping of str to float
            Of all videos; NaN where it is not known, which counts as the median.
        """
        known = [seconds for seconds in durations_s.values() if not math.isnan(seconds)]
        usual = median(known) if known else 1.0
        lengths = {v: usual if math.isnan(s) else s for v, s in durations_s.items()}
        loads = [(0.0, number) for number in range(1, self.of + 1)]
        own = set()
        # The longest first, each to the shard that has least so far.
        for video in sorted(lengths, key=lambda v: (-lengths[v], v)):
            load, number = loads[0]
            heapq.heapreplace(loads, (load + lengths[video], number))
            if number == self.number:
                own.add(video)
        return own


def shards_folder(store: Path) -> Path:
    """Where the shards of a store lie."""
    return store.with_name(f"{store.name}.shards")


@dataclass
class Encoded:
    """What the shards of a store hold, in stores, and the reasons of the videos that failed."""

    stores: dict[Key, FeatureStore] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def __contains__(self, key: object) -> bool:
        return key in self.stores or (key[0] if isinstance(key, tuple) else key) in self.failed

    def rows(self, key: Key) -> np.ndarray:
        """Features of a video or query, (n, dim); VideoError if a shard could not read it."""
        if key in self.stores:
            return self.stores[key].stored(key)
        raise VideoError(self.failed[key if isinstance(key, str) else key[0]])


def read_shards(store: Path) -> Encoded:
    """Look at what shards have so far."""
    found = Encoded()
    for folder in _folders(store):
        if not (folder / "contract.json").exists():  # its deletion was killed
            continue
        shard = FeatureStore(folder)
        found.stores |= dict.fromkeys(shard.keys, shard)
        if (folder / "failed.json").exists():
            found.failed |= read_record(
                folder / "failed.json", dict[str, str], "list of failures", "delete the shard",
                MAX_TABLE_BYTES,
            )  # fmt: skip
    return found


@contextmanager
def taken_shards(store: Path, contract: FeatureContract) -> Iterator[Encoded]:
    """Give what the shards of a store hold, and delete them when the block succeeds.

    Raises
    ------
    StoreBusyError
        If a process is writing one of them.
    FeatureError
        If one was made differently.
    """
    folders = _folders(store)
    with ExitStack() as locks:
        for folder in folders:
            locks.callback(unlock_store, lock_store(folder))
        found = read_shards(store)
        for shard in found.stores.values():
            if differing := differences(shard.contract, contract):
                raise FeatureError(
                    f"The shard {shard.path} has {differing}, its features cannot be used: delete "
                    f"{shard.path.parent} and run `vid2vidmr features` again."
                )
        yield found
        for folder in folders:
            (folder / "index.jsonl").unlink(missing_ok=True)  # first: a store without videos
            shutil.rmtree(folder)
    for lock in shards_folder(store).glob(".*-of-*.lock"):
        if not lock.with_name(lock.name[1:].removesuffix(".lock")).exists():
            lock.unlink()
    with suppress(OSError):  # there is none, or a shard has begun meanwhile
        shards_folder(store).rmdir()


def missing_in(videos: Mapping[str, Sequence[Key]], store: Path) -> list[str]:
    """Give the videos with a key that neither a store nor its shards account for."""
    shards = read_shards(store)
    whole = FeatureStore(store) if (store / "contract.json").exists() else ()
    return [
        video
        for video, keys in videos.items()
        if any(key not in shards and key not in whole for key in keys)
    ]


def _folders(store: Path) -> list[Path]:
    return sorted(path for path in shards_folder(store).glob("*-of-*") if path.is_dir())
