"""What can be chosen about minimatch, and the facts that are fixed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from vid2vidmr.errors import UserError

VERSION = "1.0"  # raise it when any annotation or any pixel of the same seed changes
SPLITS = ("train", "val", "test")
FPS = 5
WIDTH, HEIGHT = 256, 144
MOMENTS_PER_VIDEO = 3  # classes, too
REPEATS = ((1, 1, 3), (1, 2, 2))  # how often a video shows each of its classes, where any repeats
Families = Literal["shared", "unseen"]
MOST_VIDEOS = 100_000
SMALLEST_SPLIT = 2  # consecutive videos share a class, so two videos already give pairs


@dataclass(frozen=True)
class MinimatchConfig:
    """Sizes and difficulty of a minimatch data set; the seed fixes everything else.

    Times are in seconds. The probabilities set the difficulty: they were chosen so that
    whole-video and random predictions score low and frame matching lands in the middle.

    Attributes
    ----------
    families : {"shared", "unseen"}
        All splits are made of the same families of shots, or each of its own: the seed deals them.
    repeats : bool
        A video shows its classes one to three times (`REPEATS`), not once.
    """

    seed: int = 0
    families: Families = "shared"
    repeats: bool = False
    train_videos: int = 90
    val_videos: int = 16
    test_videos: int = 30
    train_pairs: int = 2000  # at most
    val_pairs: int = 200
    test_pairs: int = 500
    video_s: tuple[float, float] = (80.0, 150.0)
    moment_s: tuple[float, float] = (6.0, 24.0)
    swap_probability: float = 0.4  # a shot of a script is another one of its family
    twin_probability: float = 0.3  # a video holds both orders of one shot set
    decoy_probability: float = 0.15  # idle play quotes two consecutive shots of a script
    cutaway_probability: float = 0.1  # a short foreign shot between two shots of a moment

    @property
    def name(self) -> str:
        """Name of the data set: that of the world of seed 0 with shared families has no number."""
        unseen = "-unseen" if self.families == "unseen" else ""
        repeats = "-repeats" if self.repeats else ""
        number = f"-{self.seed}" if unseen or self.seed else ""
        return f"minimatch{unseen}{repeats}{number}"

    @property
    def videos(self) -> dict[str, int]:
        """Number of videos of each split."""
        return {"train": self.train_videos, "val": self.val_videos, "test": self.test_videos}

    @property
    def pairs(self) -> dict[str, int]:
        """Largest number of pairs of each split."""
        return {"train": self.train_pairs, "val": self.val_pairs, "test": self.test_pairs}

    def repeating(self) -> MinimatchConfig:
        """Return the same data set with five shorter moments a video, in videos no longer."""
        return replace(self, repeats=True, video_s=(110.0, 150.0), moment_s=(6.0, 16.0))

    def sized(self, videos: int) -> MinimatchConfig:
        """Return the same data set with `videos` videos, shared out in the same proportion.

        Raises
        ------
        UserError
            If there are too few videos for each split to have pairs, or more than `MOST_VIDEOS`.
        """
        smallest = SMALLEST_SPLIT * len(SPLITS)
        if videos < smallest:
            raise UserError(
                f"minimatch needs at least {smallest} videos ({SMALLEST_SPLIT} a split, so that "
                f"each has pairs), got {videos}: pass --videos {smallest} or more"
            )
        if videos > MOST_VIDEOS:
            raise UserError(f"minimatch has at most {MOST_VIDEOS:,} videos, got {videos:,}.")
        total = sum(self.videos.values())
        val = max(SMALLEST_SPLIT, round(videos * self.val_videos / total))
        test = max(SMALLEST_SPLIT, round(videos * self.test_videos / total))
        return replace(self, train_videos=videos - val - test, val_videos=val, test_videos=test)
