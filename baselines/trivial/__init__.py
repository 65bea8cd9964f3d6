"""Methods that look at no video: what a data set gives away. See README.md."""

from baselines.trivial.constant import CentreWindow, FittedPrior, Never, WholeVideo
from baselines.trivial.random_window import RandomWindow

__all__ = ["CentreWindow", "FittedPrior", "Never", "RandomWindow", "WholeVideo"]
