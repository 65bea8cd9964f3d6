"""What is known of a method before it runs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vid2vidmr.records import Kind, Record

MethodName = Annotated[str, Field(pattern=r"^\w[\w.+-]*(:[\w./+ -]+)?$", max_length=300)]
"""Name of a method; behind the colon of a group also a repository or folder: ``vlm:USER/NAME``."""


class MethodInfo(Record):
    """What is known of a method before it runs.

    Attributes
    ----------
    name, title : str
        Registered name (as in tables), and a line for lists.
    kind : {"bias", "untrained", "trained"}
        ``bias`` rows never look at the query: they show what the data set gives away.
    source : str
        Paper or origin of the idea.
    licence : str
        Licence of the original code, or "own" where there is none.
    deviations : str
        What differs from the source, one sentence; the method's README has the details.
    reads_videos : bool
        It looks at the video files, not at features.
    trained_on : str
        What it was trained on, if it comes trained: its checkpoint ships in the package, and it
        needs neither training nor seeds.
    open_only : bool
        It is of use under the protocol ``open`` alone.
    varies : bool
        Seeds change what it does though it learns nothing: it runs with all of them.
    """

    name: MethodName
    title: str
    kind: Kind
    source: str
    licence: str
    deviations: str = "none"
    reads_videos: bool = False
    trained_on: str = ""
    open_only: bool = False
    varies: bool = False

    @property
    def needs_features(self) -> bool:
        """Whether it looks at features of the videos."""
        return self.kind != "bias" and not self.reads_videos

    @property
    def needs_training(self) -> bool:
        """Whether it is of no use before it was trained."""
        return self.kind == "trained" and not self.trained_on

    @property
    def needs_seeds(self) -> bool:
        """Whether another seed is another run."""
        return self.needs_training or self.varies
