"""Links between pages, and the paths of this repository that pages name, lead somewhere."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = (".", "docs", "baselines", "benchmarks", "builders", "leaderboard")
PAGES = sorted(
    page.relative_to(ROOT)
    for place in PLACES
    for page in (ROOT / place).glob("*.md" if place == "." else "**/*.md")
)
FOLDERS = "vid2vidmr|builders|baselines|leaderboard|tests|docs|benchmarks"
NAMED = re.compile(rf"`((?:{FOLDERS})/[\w./-]+)`")


@cache
def anchors(page: Path) -> frozenset[str]:
    """Give the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return frozenset(heading.replace(" ", "-") for heading in plain)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target.resolve())):
            broken.append(link)
    if "lab" not in page.parts:  # a record names files as they were
        broken += [path for path in NAMED.findall(text) if not (ROOT / path).exists()]
    assert broken == []
