"""Methods that look at no video: what a data set gives away. See README.md."""

from baselines.trivial.constant import CentreWindow, FittedPrior, WholeVideo
from baselines.trivial.random_window import RandomWindow

__all__ = ["CentreWindow", "FittedPrior", "RandomWindow", "WholeVideo"]
