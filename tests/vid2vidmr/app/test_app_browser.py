"""The page of an archive in a browser: served, and written for offline use."""

import threading

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from vid2vidmr.app.desk import Ask, Desk, Example
from vid2vidmr.app.server import HOST, listening_on, make_app, server_of
from vid2vidmr.archive.search import Searcher

expect.set_options(timeout=30_000)  # a search takes a second, on a machine that does nothing else


@pytest.fixture(scope="module")
def address(archive_folder, tmp_path_factory):
    desk = Desk(Searcher(archive_folder, "scan"), tmp_path_factory.mktemp("room"))
    desk.ask(Ask(queries=(Example(video=0, start_s=0, end_s=10),)))  # compiles the scan
    server = server_of(make_app(desk))
    with listening_on(0) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield f"http://{HOST}:{listening.getsockname()[1]}/"
        server.should_exit = True
        thread.join()


@pytest.fixture
def page(browser, address):
    """A page that may ask nobody but its server, and whose console must stay empty."""
    yield from _page(browser, (address, "blob:"))


def _page(browser, allowed, **options):
    context = browser.new_context(**options)
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    known = ("data:", *allowed)
    page.on("request", lambda asked: asked.url.startswith(known) or wrong.append(asked.url))
    yield page
    context.close()
    assert wrong == []


def _search(page, address):
    page.goto(address)
    page.locator("#video").select_option(index=1)
    page.get_by_label("In", exact=True).fill("0:10")
    page.get_by_label("Out", exact=True).fill("0:22")
    page.get_by_label("Least score").fill("0")
    page.locator("h1").click()
    page.keyboard.press("s")
    expect(page.locator("#hits li")).to_have_count(10)


def _accessible(page, width):
    # Without preload: the checker would ask for the style sheet again, which is refused.
    found = Axe().run(page, options={"preload": False})
    assert found.response["violations"] == [], found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_moment_is_marked_found_judged_and_taken_out_by_keyboard(page, address):
    page.goto(address)
    page.wait_for_function("() => document.getElementById('query').readyState >= 1")
    page.evaluate("document.getElementById('query').currentTime = 10")
    page.keyboard.press("i")
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("j")
    page.keyboard.press("l")
    page.wait_for_function("() => document.getElementById('query').currentTime > 10.5")
    page.keyboard.press("k")
    page.evaluate("document.getElementById('query').currentTime = 20")
    page.keyboard.press("o")
    expect(page.locator("#in")).to_have_value("0:10")
    expect(page.locator("#out")).to_have_value("0:20")
    page.get_by_label("Least score").fill("0")
    page.get_by_label("Least score").press("Enter")
    hits = page.locator("#hits li")
    expect(hits).to_have_count(10)
    expect(page.locator("#lanes .query")).to_have_count(1)
    expect(hits.first).to_have_attribute("aria-current", "true")
    page.locator("h1").click()
    first, second = (hits.nth(i).locator(".play").get_attribute("aria-label") for i in (0, 1))
    page.keyboard.press("x")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("() => !document.getElementById('hit').paused")
    page.keyboard.press("a")
    expect(page.locator("#lanes .accepted")).to_have_count(1)
    expect(page.locator("#count")).to_contain_text("1 of 10 hits, 1 rejected")
    page.get_by_role("button", name="Search again").click()
    kept = second.replace("hit 2", "hit 1")
    expect(hits.first.locator(".play")).to_have_attribute("aria-label", kept)
    gone = first.partition(":")[2]
    assert not any(gone in label for label in page.locator("#hits .play").all_inner_texts())
    page.locator("#form").select_option("csv")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export", exact=True).click()
    assert download.value.suggested_filename == "found.csv"
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 2 and ",1.000," in lines[1]


def test_several_examples_and_one_of_what_is_not_meant_by_keyboard(page, address):
    page.goto(address)
    for video, key in ((1, "e"), (2, "n"), (0, None)):
        page.locator("#video").select_option(index=video)
        page.get_by_label("In", exact=True).fill("0:10")
        page.get_by_label("Out", exact=True).fill("0:22")
        page.locator("h1").click()
        if key:
            page.keyboard.press(key)
            expect(page.get_by_label("Out", exact=True)).to_have_value("")
    kept = page.locator("#examples li")
    expect(kept).to_have_count(2)
    expect(kept.last).to_contain_text("not ")
    page.locator("#fuse").select_option("best")
    page.get_by_label("Least score").fill("0")
    page.locator("h1").click()
    with page.expect_request("**/search") as sent:
        page.keyboard.press("s")
    asked = sent.value.post_data_json
    part = {"start_s": 10, "end_s": 22}
    assert asked["queries"] == [{"video": 1, **part}, {"video": 0, **part}]
    assert asked["negatives"] == [{"video": 2, **part}] and asked["fuse"] == "best"
    expect(page.locator("#lanes .query")).to_have_count(2)
    _accessible(page, page.viewport_size["width"])
    page.get_by_role("button", name="Remove not").click()
    expect(kept).to_have_count(1)
    page.get_by_label("In", exact=True).fill("0:09")
    page.get_by_label("Out", exact=True).fill("")
    page.get_by_role("button", name="Not like this").click()
    expect(page.locator("#query-note")).to_contain_text("in before out")


def test_a_file_is_dropped_and_what_cannot_be_is_said(page, address, archive_folder, tmp_path):
    page.goto(address)
    video = next((archive_folder.parent / "data/minimatch/videos").iterdir())
    page.locator("#file").set_input_files(video)
    expect(page.locator("#video option")).to_have_count(7)
    expect(page.locator("#video option").last).to_have_text(video.name)
    page.get_by_label("In", exact=True).fill("soon")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator("#said")).to_contain_text("is no time")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_accessible(browser, address, scheme, width):
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    for page in _page(browser, (address,), **options):
        _search(page, address)
        page.keyboard.press("a")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("x")
        page.locator("summary").click()
        _accessible(page, width)


def test_a_written_page_works_offline(browser, archive_folder, cli, tmp_path):
    videos = archive_folder.parent / "data/minimatch/videos"
    query = f"{sorted(videos.iterdir())[0]}@0:10-0:22"
    common = ("search", query, "--archive", archive_folder, "--method", "scan", "--min-score", 0)
    ran = cli(*common, "--top", 3, "--page", tmp_path / "found")
    assert ran.code == 0 and "index.html" in ran.err
    assert cli(*common, "--page", tmp_path / "found").code == 2  # nothing is overwritten
    for page in _page(browser, ("file:",), viewport={"width": 390, "height": 800}):
        page.goto((tmp_path / "found/index.html").as_uri())
        hits = page.locator("#hits li")
        expect(hits).to_have_count(3)
        assert page.evaluate("document.querySelector('#hits img').decode()") is None
        expect(page.get_by_role("button", name="Accept")).to_have_count(0)
        hits.nth(1).locator(".play").click()
        page.wait_for_function("() => document.getElementById('hit').currentTime > 0.3")
        page.wait_for_function("() => document.getElementById('query').videoWidth > 0")
        for name in ("found.csv", "found.json"):
            expect(page.get_by_role("link", name=name)).to_have_attribute("href", name)
            assert (tmp_path / "found" / name).stat().st_size
        _accessible(page, 390)
