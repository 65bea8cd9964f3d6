"""The leaderboard's pages: static, offline, derived from the predictions alone."""

from leaderboard.site.build import Built, build_site

__all__ = ["Built", "build_site"]
