"""The pages in a browser: from the file system, without a request to anywhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from made_submissions import add_submission, made_dataset
from playwright.sync_api import Browser, expect

from leaderboard.site import build_site
from vid2vidmr.analysis import analyse
from vid2vidmr.analysis.page import analysis_page
from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.files import write_text

ONE = ("official",)
PAGES = (
    "index.html", "pairs.html", "reported.html", "submissions/minimatch/good.html",
    "methods/good.html", "analysis.html",
)  # fmt: skip


@pytest.fixture(scope="module")
def site(data_home, tmp_path_factory) -> Path:
    """A site of four submissions on a small minimatch, with its videos."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VID2VIDMR_DATA", str(data_home))
        dataset = load_dataset("minimatch")
        add_submission(folder / "root", dataset, "good", seeds=(0, 1), wrong=True)
        add_submission(folder / "root", dataset, "middling", shift=0.5, kind="untrained")
        add_submission(folder / "root", dataset, "bad", shift=1.5)
        add_submission(folder / "root", dataset, "blind", method="whole-video", kind="bias")
        alone = made_dataset(folder / "data", name="alone")
        patch.setattr("leaderboard.store.SNAPSHOTS", folder / "data")
        add_submission(
            folder / "root", alone, "nothing", method="whole-video", kind="bias", protocols=ONE
        )
        several = made_dataset(
            folder / "data", 12, name="several", label="one of many", exhaustive=True
        )
        for name, kind, method in (
            ("sure", "trained", None),
            ("whole", "untrained", "whole-video"),
            ("never", "bias", "never"),
        ):
            add_submission(
                folder / "root", several, name, kind=kind, method=method, protocols=("open",)
            )
        build_site(folder / "root", folder / "site", videos=True)
        run = folder / "good-files/official-0-0.jsonl"
        write_text(folder / "site/analysis.html", analysis_page(analyse(run)))
    return folder / "site"


@pytest.fixture
def page(browser: Browser):
    """A page that may ask for nothing but files, and whose console must stay empty."""
    yield from _page(browser)


def _page(browser: Browser, **options):
    context = browser.new_context(**options)
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request",
        lambda request: request.url.startswith(("file:", "data:")) or wrong.append(request.url),
    )
    yield page
    context.close()
    assert wrong == []


def test_a_phone_sees_a_result_on_its_first_screen(browser, site):
    for page in _page(browser, viewport={"width": 390, "height": 700}):
        page.goto((site / "index.html").as_uri())
        row = page.locator(".best tbody tr").first
        expect(row).to_contain_text("minimatch official")
        expect(row).to_contain_text("good")
        box = row.bounding_box()
        assert box["y"] + box["height"] < 700 and box["x"] + box["width"] <= 390
        row.get_by_role("link", name="minimatch").click()
        assert page.url.endswith("#minimatch-official")


def test_a_board_of_bias_rows_alone_is_folded_and_has_no_charts(page, site):
    page.goto((site / "index.html").as_uri())
    alone = page.locator("section", has=page.locator("#alone"))
    expect(alone.locator("table").first).to_be_hidden()
    expect(alone.locator(".charts")).to_have_count(0)
    expect(page.locator("section").last.locator("#alone")).to_have_count(1)
    alone.locator("summary").first.click()
    expect(alone.locator("table").first).to_be_visible()


def test_boards_sort_search_filter_and_choose_columns(page, site):
    page.goto((site / "index.html").as_uri())
    table = page.locator("#table-minimatch-official")
    tools = page.locator(".tools[data-for=table-minimatch-official]")
    methods = table.locator("tbody tr td:nth-child(2) > a")
    expect(methods).to_have_text(["good", "middling", "bad", "blind"])
    expect(table.locator("tbody")).to_contain_text("middling ≤ bias")  # six videos tell little
    expect(table.get_by_title("Mean overlap of the first window")).to_have_count(1)
    table.locator("thead").get_by_text("mIoU", exact=True).click()
    expect(table.locator("th[aria-sort]")).to_have_attribute("aria-sort", "descending")
    expect(methods.first).to_have_text("good")
    table.get_by_role("button", name="mIoU: Activate").focus()
    page.keyboard.press("Enter")
    expect(table.locator("th[aria-sort]")).to_have_attribute("aria-sort", "ascending")
    expect(methods.last).to_have_text("good")
    tools.get_by_label("Search").fill("dd")
    expect(methods).to_have_text(["middling"])
    expect(tools.locator("output")).to_have_text("1 of 4 rows")
    tools.get_by_label("Search").fill("")
    tools.locator("select").select_option("trained")
    expect(methods).to_have_text(["bad", "good"])  # still sorted
    expect(table.locator("thead")).not_to_contain_text("mAP@0.5")
    tools.get_by_text("Columns").click()
    tools.get_by_label("mAP@0.5").check()
    expect(table.locator("thead")).to_contain_text("mAP@0.5")
    page.reload()
    expect(methods).to_have_text(["bad", "good"])
    expect(table.locator("thead")).to_contain_text("mAP@0.5")
    expect(tools.locator("select")).to_have_value("trained")


def test_a_pair_opens_and_its_moment_plays(page, site):
    page.goto((site / "submissions/minimatch/good.html").as_uri())
    page.get_by_text("pairs, official").click()
    table = page.locator("details[data-protocol=official]")
    first = table.locator("tbody tr").first.locator("a")
    name = first.inner_text()
    table.get_by_label("Search").fill(name)
    expect(table.locator("output")).to_contain_text("1 of ")
    first.click()
    page.wait_for_url("**/pairs.html#minimatch/official/*")
    expect(page.locator("#pair-facts")).to_contain_text(name)
    lanes = page.locator("#lanes tbody tr")
    expect(lanes).to_have_count(5)
    assert page.locator("#lanes tbody th").all_inner_texts() == [
        "truth", "good seed 0 of 0, 1", "middling seed 0", "bad seed 0", "blind seed 0",
    ]  # fmt: skip
    page.get_by_label("All seeds").check()
    expect(lanes).to_have_count(6)
    expect(lanes.locator("th")).to_contain_text(["good seed 0", "good seed 1", "middling seed 0"])
    first_two = page.locator("#lanes tbody tr:nth-child(-n + 3) td:nth-child(2)").all_inner_texts()
    assert len({*first_two}) == 3  # truth, and what either seed found
    page.get_by_label("All seeds").uncheck()
    expect(page.locator("#target-film span")).to_have_count(10)
    expect(page.locator("#query-film")).to_be_hidden()  # the player shows it
    start, end = (
        float(part) for part in lanes.first.locator("button").inner_text().rstrip(" s").split("–")
    )
    lanes.first.locator("button").click()
    page.wait_for_function(
        "start => document.getElementById('target').currentTime > start + 0.3", arg=start
    )
    assert page.evaluate("document.getElementById('target').error") is None
    assert page.evaluate("document.getElementById('target').videoWidth") > 0
    page.evaluate("document.getElementById('target').playbackRate = 16")
    page.wait_for_function("() => document.getElementById('target').paused")
    stopped = page.evaluate("document.getElementById('target').currentTime")
    assert end <= stopped < end + 6
    page.get_by_role("button", name="Play the query").click()
    page.wait_for_function("() => !document.getElementById('query').paused")
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#pair-facts")).not_to_contain_text(name)
    page.get_by_text("Methods", exact=True).click()
    page.locator("#methods").get_by_label("bad").uncheck()
    expect(lanes).to_have_count(4)
    page.get_by_label("Board").select_option("minimatch/recropped")
    page.wait_for_url("**/pairs.html#minimatch/recropped")
    expect(lanes).to_have_count(5)
    expect(page.locator("#query-facts")).to_contain_text(" s of ")
    page.locator("#pairs thead").get_by_text("class", exact=True).click()
    expect(page.locator("#pairs th[aria-sort]")).to_have_attribute("aria-sort", "ascending")
    walked = page.locator("#pairs tbody a").all_inner_texts()
    assert sorted(walked) != walked  # by class, another order than by name
    page.locator("#pairs tbody a").first.click()
    expect(page.get_by_role("button", name="Previous")).to_be_disabled()
    for name in walked[1:]:
        page.get_by_role("button", name="Next").click()
        expect(page.locator("#pair-facts")).to_contain_text(name)
    expect(page.get_by_role("button", name="Next")).to_be_disabled()


def test_rejects_misses_and_false_alarms_are_drawn(page, site):
    page.goto((site / "pairs.html").as_uri() + "#several/open")
    expect(page.locator("#score-name")).to_have_text("G-mIoU@1, %")
    moments = page.evaluate("pairs.truth.map((own) => own.length)")
    assert {*moments} == {0, 1, 2}
    rows = page.locator("#lanes tbody tr")

    def show(count: int) -> dict[str, str]:
        name = page.evaluate("at => pairs.id[at]", moments.index(count))
        page.goto((site / "pairs.html").as_uri() + f"#several/open/{name}")
        expect(page.locator("#pair-facts")).to_contain_text(f"{name} ·")
        expect(rows).to_have_count(4)
        return {text.split()[0]: text for text in rows.all_inner_texts()}

    null = show(0)
    assert "none" in null["truth"] and "false alarm" in null["whole"]
    assert "rejected" in null["never"] and "right" in null["never"] and "100.0" in null["never"]
    expect(page.locator("#lanes .alarm")).to_have_count(1)  # of whole; the other two reject
    expect(page.locator("#lanes .reject")).to_have_count(2)
    expect(page.locator("#lanes .missed")).to_have_count(0)
    both = show(2)
    assert both["truth"].count("–") == 2 and "2 moments" in page.locator("#pair-facts").inner_text()
    assert "miss" in both["never"] and "100 % sure" in both["whole"]
    expect(page.locator("#lanes .missed")).to_have_count(2)
    expect(page.locator("#lanes tr.truth .first")).to_have_count(2)
    expect(page.locator("#lanes .alarm")).to_have_count(0)


def test_the_viewer_is_used_by_keyboard(page, site):
    page.goto((site / "pairs.html").as_uri())
    expect(page.locator("#pair")).to_be_visible()
    page.get_by_role("button", name="Next").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#pair-facts")).to_contain_text("pair 2 of")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator("#lanes tbody")).to_contain_text("good seed 1")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Methods"
    page.keyboard.press("Enter")
    expect(page.locator("#find-method")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_are_accessible(browser, site, scheme, width):
    for page in _page(browser, color_scheme=scheme, viewport={"width": width, "height": 800}):
        for name in PAGES:
            page.goto((site / name).as_uri())
            if name == "pairs.html":
                expect(page.locator("#pair")).to_be_visible()
            for details in page.locator("details:not(.choice) > summary").all():
                details.click()
            # Without preload: the checker would ask for the style sheet again, which is refused.
            found = Axe().run(page, options={"preload": False})
            assert found.response["violations"] == [], f"{name}: {found.generate_report()}"
            assert page.evaluate("document.documentElement.scrollWidth") == width, name
