"""The site mirrors the repository, so that a link that holds in a checkout holds in the guide.

Links to what has no page (code, folders) become their text.
"""

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

PLACES = (
    "*.md",
    "docs/**/*",
    "baselines/**/*.md",
    "benchmarks/*.md",
    "builders/**/*.md",
    "leaderboard/*.md",
)
SUFFIXES = (".md", ".png", ".ipynb", ".css", ".js", ".txt")
LINK = re.compile(r"\[((?:[^][]|!\[[^]]*\]\([^)]*\))*)\]\((?!\w+:|#)([^)#\s]+)[^)]*\)")


def on_config(config: MkDocsConfig) -> None:
    """Put the pages that a pattern of the navigation finds in its place."""
    root = Path(config.config_file_path).parent
    for section in config.nav or []:
        for title, entries in section.items():
            if isinstance(entries, list):
                section[title] = [page for entry in entries for page in _found(root, entry)]


def _found(root: Path, entry: str | dict[str, str]) -> list[str | dict[str, str]]:
    if not isinstance(entry, str) or "*" not in entry:
        return [entry]
    return [path.relative_to(root).as_posix() for path in sorted(root.glob(entry))]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take the pages of the whole repository, under the paths that they have there."""
    root = Path(config.config_file_path).parent
    paths = [path for place in PLACES for path in root.glob(place) if path.suffix in SUFFIXES]
    own = [
        File(
            path.relative_to(root).as_posix(), str(root), config.site_dir, config.use_directory_urls
        )
        for path in sorted(paths)
    ]
    return Files([*(file for file in files if file.src_dir != config.docs_dir), *own])


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leave the text of links to files without a page."""
    root = Path(config.config_file_path).parent

    def shown(link: re.Match[str]) -> str:
        path = os.path.normpath(Path(page.file.src_uri).parent / link[2])
        has_no_page = (root / path).exists() and not files.get_file_from_path(path)
        return link[1] if has_no_page else link[0]

    return LINK.sub(shown, markdown)
