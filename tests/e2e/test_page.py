"""The page in a real browser.

It judges, explains, takes a file of reviews, is dark, fits a phone, and obeys the keyboard alone.
"""

import csv
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.integration.api_process import Api, put_model, ready

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=program, args=list(QUIET))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "model").mkdir()
    put_model(folder / "model", 1, "1")
    with ready(folder) as started:
        yield started


@pytest.fixture(params=["light", "dark on a phone"])
def page(request: pytest.FixtureRequest, browser: Browser, api: Api) -> Iterator[Page]:
    """The page, in both looks; it must not complain in the console, nor exceed its window."""
    phone = request.param != "light"
    context = browser.new_context(
        viewport={"width": 360 if phone else 900, "height": 800},
        color_scheme="dark" if phone else "light",
    )
    opened = context.new_page()
    complaints: list[str] = []
    opened.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    refused = re.compile(r"status of 4(22|29)")  # a browser notes each answer that is no success
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(str(api.client.base_url))
    yield opened
    assert opened.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert [] == [said for said in complaints if not refused.search(said)]
    context.close()


def test_a_review_is_judged_and_explained(page: Page) -> None:
    """By keyboard alone: the verdict, the words as typed, what each adds; it is remembered."""
    for keys in ("Tab", "Tab"):
        page.keyboard.press(keys)
    page.keyboard.type("Awful")
    page.keyboard.press("Tab")
    page.keyboard.type("It broke 😀 & I <blink>hate</blink> it")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#result:not([hidden])")

    assert page.inner_text("#verdict").endswith("% sure")
    assert "It broke 😀 & I <blink>hate</blink> it" == page.text_content("#words .message")
    assert page.locator("#words .for, #words .against").count() > 0
    page.click("summary")
    assert page.locator("#parts tr").count() > 5
    page.reload()
    assert "Awful" in page.inner_text("#history")
    page.click("#forget")
    assert "" == page.inner_text("#history")


def test_nothing_stands_in_the_way_of_anybody(page: Page) -> None:
    """axe-core finds no fault in it, empty, with a complaint and with a verdict, in both looks."""
    found = [_faults(page)]
    with page.expect_response(lambda answer: answer.status == 422):
        page.click("button[type=submit]")
    page.locator("#problem").wait_for()
    found.append(_faults(page))
    page.fill("#message", "It broke in a day, a waste of money, but the colour is lovely")
    page.click("button[type=submit]")
    page.wait_for_selector("#result:not([hidden])")
    page.click("summary")
    found.append(_faults(page))

    assert [[], [], []] == found


def _faults(page: Page) -> list[str]:
    seen = Axe().run(page).response
    assert len(seen["passes"]) > 10
    return [
        f"{fault['impact']}: {fault['help']}: {fault['nodes'][0]['html']}"
        for fault in seen["violations"]
    ]


def test_an_empty_review_is_answered_with_a_sentence(page: Page) -> None:
    """What the service says is shown, not a status."""
    complaint = page.locator("#problem")
    with page.expect_response(lambda answer: answer.status == 422):
        page.click("button[type=submit]")
    complaint.wait_for()

    assert "write something in one of them" in complaint.inner_text()


def test_a_file_is_judged_and_comes_back(page: Page, tmp_path: Path) -> None:
    """All rows in order, quotes and line breaks whole; progress to the end; bad rows' reasons."""
    rows = [[str(n), f'Title, "{n}"', "" if n == 5 else f"two\nlines {n}"] for n in range(700)]
    rows[6] = ["6", "", ""]
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    with source.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "title", "message"], *rows])
    page.set_input_files("#file", source)
    page.click("text=Judge 700 rows")
    page.wait_for_selector("#download:not([hidden])")
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(target)
    with target.open(newline="", encoding="utf-8") as file:
        head, *scored = csv.reader(file)

    added = ["label", "probability", "abstained", "model_version", "error"]
    assert ["id", "title", "message", *added] == head
    assert rows == [row[:3] for row in scored]
    assert "700 of 700 rows judged" == page.inner_text("#batchtext")
    told = page.inner_text("#errors")
    assert "1 row could not be judged" in told
    assert "Row 7: title and message are both empty" in told
    counts = Counter("undecided" if row[5] == "true" else row[3] for row in scored if row[3])
    shares = page.inner_text("#shares")
    assert all(
        f"{times} {label} ({times / 6.99:.1f} %)" in shares for label, times in counts.items()
    )
    assert "both empty" in scored[6][7]
    assert ["1"] * 699 == [row[6] for n, row in enumerate(scored) if n != 6]
    assert {"true", "false"} >= {row[5] for n, row in enumerate(scored) if n != 6}
    assert all(
        row[3] in {"negative", "positive"} and 0 <= float(row[4]) <= 1
        for n, row in enumerate(scored)
        if n != 6
    )
    assert 1 == page.evaluate("document.getElementById('progress').value")


def _judged(page: Page, folder: Path) -> str:
    """Have the chosen file judged; return the scored one."""
    page.click("#start")
    page.wait_for_selector("#download:not([hidden])")
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(folder / "out.csv")
    return (folder / "out.csv").read_text()


def test_columns_of_other_names_are_chosen(page: Page, tmp_path: Path) -> None:
    """Semicolons, usual names found, the first rows shown; without a column nothing is judged."""
    source = tmp_path / "in.csv"
    source.write_text("stars;headline;body;note\n5;Great;I love it;x\n1;Bad;It broke;y\n")
    page.set_input_files("#file", source)
    page.wait_for_selector("#preview:not([hidden])")
    assert ["headline", "body"] == [
        page.locator(f"#{name}column option:checked").inner_text() for name in ("title", "text")
    ]
    assert "1\t5\tGreat\tI love it\tx" in page.inner_text("#firstrows")
    assert page.is_checked("#hasheader")
    page.select_option("#titlecolumn", label="none")
    page.select_option("#textcolumn", label="none")
    assert page.locator("#start").is_disabled()
    assert "Choose which column holds the reviews" in page.inner_text("#fileproblem")
    page.select_option("#textcolumn", label="note")
    assert ["x", "y"] == page.locator("#firstrows .chosen").all_inner_texts()
    page.select_option("#textcolumn", label="body")
    head, first, _ = _judged(page, tmp_path).splitlines()
    assert [] == _faults(page)
    assert "stars;headline;body;note;label;probability;abstained;model_version;error" == head
    assert first.startswith("5;Great;I love it;x;")
    empty = tmp_path / "empty.csv"
    empty.write_text("title\n")
    page.set_input_files("#file", empty)
    page.wait_for_selector("#fileproblem:not([hidden])")
    assert "The file has no rows below its header." == page.inner_text("#fileproblem")


@pytest.mark.parametrize(
    ("encoding", "said"), [("cp1252", True), ("utf-16", False), ("utf-8-sig", False)]
)
def test_letters_with_accents_come_through(
    page: Page, tmp_path: Path, encoding: str, *, said: bool
) -> None:
    """Whatever a spreadsheet wrote; what was guessed is said."""
    source = tmp_path / "in.csv"
    source.write_bytes("title,text\nCafé,Très bon à boire\n".encode(encoding))
    page.set_input_files("#file", source)
    page.wait_for_selector("#preview:not([hidden])")

    assert "1\tCafé\tTrès bon à boire" in page.inner_text("#firstrows")
    assert said == page.is_visible("#encoding")
    found = _judged(page, tmp_path)
    assert "Café,Très bon à boire," in found
    assert found.startswith("\ufeff"), "a spreadsheet will read the letters right, too"


def test_what_is_no_csv_is_refused(page: Page, tmp_path: Path) -> None:
    """A picture or JSON makes no table."""
    for name, content in (("a.csv", b"\x89PNG\r\n\x1a\n\0\0"), ("b.csv", b'[{"title": "x"}]')):
        source = tmp_path / name
        source.write_bytes(content)
        page.set_input_files("#file", source)
        page.wait_for_selector("#fileproblem:not([hidden])")
        assert page.inner_text("#fileproblem").startswith("This is no CSV")
        assert not page.is_visible("#preview")


def test_a_file_without_a_header_is_judged_whole(page: Page, tmp_path: Path) -> None:
    """Its first line is a row: guessed, shown, and to be set right by hand."""
    source = tmp_path / "in.csv"
    source.write_text('"2","Great","I love it."\n"1","Bad","It broke after a week."\n')
    page.set_input_files("#file", source)
    page.wait_for_selector("#preview:not([hidden])")
    assert not page.is_checked("#hasheader")
    assert "1\t2\tGreat\tI love it." in page.inner_text("#firstrows")
    page.check("#hasheader")
    assert "Judge 1 row" == page.inner_text("#start")
    page.uncheck("#hasheader")
    assert ["1", "2"] == [page.input_value(f"#{name}column") for name in ("title", "text")]
    page.select_option("#titlecolumn", label="column 2")
    assert "Judge 2 rows" == page.inner_text("#start")
    head, first, _ = _judged(page, tmp_path).splitlines()
    assert "column_1,column_2,column_3,label,probability,abstained,model_version,error" == head
    assert first.startswith("2,Great,I love it.,")
    assert [] == _faults(page)


def test_a_person_says_what_it_really_is(page: Page) -> None:
    """Both labels can be said of an answer; it is taken down, and said to be."""
    page.fill("#message", "I love it")
    page.click("button[type=submit]")
    page.wait_for_selector("#result:not([hidden])")
    with page.expect_response("**/api/v1/feedback") as answer:
        page.click("#feedback button[data-label=negative]")
    assert answer.value.json()["known"] is True
    page.locator("#thanks", has_text="thank you").wait_for()
    assert 1 == page.locator("#feedback [aria-pressed=true]").count()


def test_another_language_is_said(page: Page) -> None:
    """And so are words that the model does not know."""
    page.fill("#message", "Comprei o produto na semana passada e gostei muito dele.")
    page.click("button[type=submit]")
    page.wait_for_selector("#result:not([hidden])")
    assert "does not look English" in page.inner_text("#hints")
    page.fill("#message", "It is the best that I have had in this house")
    page.click("button[type=submit]")
    page.wait_for_selector("#hints", state="hidden")


def test_too_many_requests_are_forgotten(page: Page) -> None:
    """What stands at the top of the page is looked for again after a refusal."""
    refused = {"status": 429, "headers": {"retry-after": "1"},
               "json": {"detail": "Too many requests: try again in 1 s."}}  # fmt: skip
    page.route("**/api/v1/model", lambda route: route.fulfill(**refused), times=1)
    page.evaluate("showModel()")
    page.locator("#model", has_text="Too many requests").wait_for()
    page.locator("#model", has_text="version 1").wait_for()


def test_the_reference_asks_nobody_else(browser: Browser, api: Api) -> None:
    """Every endpoint is on it and can be tried; no request leaves the service.

    No padlock where no key is asked for.
    """
    opened = browser.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: complaints.append(message.text)
              if message.type == "error" else None)  # fmt: skip
    opened.goto(f"{api.client.base_url}/docs")
    opened.wait_for_selector(".opblock")

    shown = opened.inner_text("#reference")
    for path in ("predict", "predict/batch", "feedback", "model", "health"):
        assert f"/api/v1/{path}" in shown
    assert "Judge one review" in shown
    assert "Authorize" not in shown
    opened.click("text=Judge one review")
    opened.click("text=Try it out")
    with opened.expect_response("**/api/v1/predict*") as answer:
        opened.click("text=Execute")
    assert answer.value.ok
    base = str(api.client.base_url)
    assert [] == [url for url in asked if not re.match(rf"{base}|data:|blob:", url)]
    assert [] == complaints
    opened.close()
