"""Hostile text, uploads and forged requests in a real browser: text stays text, and access stays denied."""

import http.client
import io
import re
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from core.runs import Store
from core.runs.identity import hash_token
from pages.ui.run_bar import FULL, SLOW
from tests.browser.conftest import PASSWORD, PROJECT, Server, button, choose_pace, outcome, status
from tests.browser.drawing import draw
from tests.browser.table import select_first_row
from tests.runs import wait_for

NICKNAME = "<img src=x onerror=h()>"
TITLE = "<img src=x onerror='hacked=1'> [l](http://e.example) www.e.example $7$ '; --"
SENTENCE = f"{TITLE} <script>hacked=1</script> :material/home: :red[r] ![i](http://e.example/i.png) **b** a@e.example"
CLASSES = ["<img src=x onerror='hacked=1'> [l](http://e.example)", "www.e.example $7$ :material/home: :red[r]"]


@pytest.fixture
def guarded_page(page: Page) -> Page:
    """Return a page; the test fails if it sends requests to any server but its own."""
    requested = []
    page.on("request", lambda request: requested.append(request.url))
    yield page
    assert {urlsplit(url).hostname for url in requested if not url.startswith(("data:", "blob:"))} == {"localhost"}
    assert not [url for url in requested if urlsplit(url).path.endswith("/x")]


def expect_only_text(page: Page) -> None:
    """Check that no script ran and that no text became a link, image, formula or icon."""
    assert page.evaluate("window.hacked === undefined"), "a script ran"
    for selector in (
        "a[href*='e.example']",
        "img[src='x']",
        "img[src*='e.example']",
        ".katex:has-text('7')",
        "[aria-label='home icon']",
    ):
        for place in ("stMain", "stSidebar", "stBottom"):
            expect(page.get_by_test_id(place).locator(selector)).to_have_count(0)


def test_typed_markup_is_shown_as_text_to_its_owner_and_to_others(
    guarded_page: Page, new_page, server_url, store: Store
):
    page = guarded_page
    page.goto(f"{server_url}/runs?class=MARKUP")
    page.get_by_role("textbox", name="Your nickname").fill(NICKNAME)
    page.get_by_role("textbox", name="Your nickname").press("Enter")
    wait_for(lambda: store.nickname(hash_token(cookie(page))) == NICKNAME)
    page.goto(f"{server_url}/memorize?class=MARKUP&memorize_epochs=50&hidden_size=8&sentence={quote(SENTENCE)}")
    choose_pace(page, FULL)
    button(page, "Train").click()
    expect(status(page)).to_have_text("Finished · epoch 50 of 50")
    expect(page.locator(".reconstruction")).to_be_attached()
    for look in ("Gates", "Predictions", "Dependencies", "Generate"):
        page.get_by_role("tab", name=look).click()
        expect(page.get_by_role("tabpanel", name=look).get_by_test_id("stCode").first).to_be_attached()
        expect_only_text(page)
    [run] = store.list_runs(classroom="MARKUP")
    assert (run.config.sentence, run.nickname) == (SENTENCE, NICKNAME)

    page.goto(f"{server_url}/runs?class=MARKUP")
    select_first_row(page)
    page.get_by_label("Name", exact=True).fill(TITLE)
    page.get_by_label("Note", exact=True).fill(SENTENCE)
    button(page, "Save").click()
    expect(page.get_by_role("heading", name="<img src")).to_be_visible()
    expect_only_text(page)
    wait_for(lambda: store.run(run.id).note == SENTENCE)
    assert store.run(run.id).title == TITLE

    other = new_page()
    other.goto(f"{server_url}/memorize?run={run.id}")
    expect(status(other)).to_have_text(f"Finished · {NICKNAME}'s run · epoch 50 of 50")
    expect_only_text(other)
    other.goto(f"{server_url}/runs?class=MARKUP")
    select_first_row(other)
    expect(other.get_by_test_id("stText").get_by_text(SENTENCE)).to_be_visible()
    expect(other.get_by_role("button", name="Save")).to_have_count(0)
    expect(other.get_by_role("button", name="Delete")).to_have_count(0)
    expect_only_text(other)


def test_class_names_and_file_names_are_shown_as_text(guarded_page: Page, server_url: str):
    page = guarded_page
    rng, y = np.random.default_rng(0), np.arange(80) % 2
    x = (rng.integers(0, 60, (80, 28, 28)) + 150 * y[:, None, None]).astype(np.uint8)
    file = io.BytesIO()
    np.savez(file, x_train=x, y_train=y, x_test=x[:20], y_test=y[:20], classes=np.array(CLASSES))
    settings = "batch_size=10&classify_epochs=2&classify_lr=0.001&hidden=8"
    page.goto(f"{server_url}/classify?{settings}&tab=Confusion+matrix")
    page.get_by_text("Upload your images").click()
    upload = page.get_by_label("Zip or .npz file").locator("input")
    picture = {"name": f"{CLASSES[0].replace('/', '')}.npz", "mimeType": "application/zip", "buffer": b"nothing"}
    upload.set_input_files(picture)
    expect(page.get_by_text("This .npz cannot be used")).to_be_visible()
    expect_only_text(page)
    upload.set_input_files({"name": "own.npz", "mimeType": "application/zip", "buffer": file.getvalue()})
    expect(page.get_by_text("784 → 8 → 2")).to_be_visible()
    choose_pace(page, FULL)
    button(page, "Train").click()
    expect(status(page)).to_have_text("Finished · epoch 2 of 2")
    page.get_by_role("tab", name="Training").click()
    expect(outcome(page)).to_contain_text("20 test images are classified correctly")
    expect(page.locator(".card .class").filter(has_text="onerror").first).to_be_visible()
    expect_only_text(page)
    page.get_by_role("tab", name="Own image").click()
    expect(page.locator("canvas").last).to_be_visible()
    draw(page, [(140, 50), (140, 230)])
    expect(page.get_by_text("Prediction:")).to_be_visible()
    expect_only_text(page)


@pytest.mark.parametrize(
    "forged", ["../../etc/passwd", "' OR 1=1 --", "<script>hacked=1</script>", "ü\0\u202e", "x" * 3_000]
)
def test_a_forged_run_in_the_url_is_explained(guarded_page: Page, server_url: str, forged: str):
    guarded_page.goto(f"{server_url}/memorize?run={quote(forged)}")
    expect(guarded_page.get_by_text("This run no longer exists")).to_be_visible()
    expect_only_text(guarded_page)


def test_a_forged_cookie_gives_no_access_to_a_run(new_page, server_url: str, store: Store):
    ann = new_page()
    ann.goto(f"{server_url}/memorize")
    choose_pace(ann, SLOW)
    button(ann, "Train").click()
    expect(status(ann)).to_have_text(re.compile("Training · epoch"))
    run_id = re.search(r"run=([\w-]+)", ann.url)[1]
    token = cookie(ann)
    owner = store.run(run_id).owner
    assert owner == hash_token(token)
    for forged in (owner[:43], f"{token[:-1]}{'A' if token[-1] != 'A' else 'B'}", quote("../ü' OR 1=1")):
        eve = new_page()
        eve.context.add_cookies([{"name": "learner", "value": forged, "url": server_url}])
        eve.goto(f"{server_url}/memorize?run={run_id}")
        expect(status(eve)).to_have_text(re.compile("somebody else's run"))
        expect(button(eve, "Stop")).to_be_disabled()
        expect(button(eve, "Pause")).to_be_disabled()
        eve.context.close()
    button(ann, "Stop").click()
    expect(status(ann)).to_have_text(re.compile("Stopped · epoch"))


def cookie(page: Page) -> str:
    page.wait_for_function("document.cookie.includes('learner=')")
    return next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "learner")


def test_no_secret_is_in_the_log_the_urls_or_the_database(new_page, server: Server, store: Store):
    page, urls = new_page(), []
    page.on("request", lambda request: urls.append(request.url))
    page.on("framenavigated", lambda frame: urls.append(frame.url))
    page.goto(f"{server.url}/memorize?sentence=secrets&memorize_epochs=50&hidden_size=8")
    choose_pace(page, FULL)
    button(page, "Train").click()
    expect(status(page)).to_have_text("Finished · epoch 50 of 50")
    token = cookie(page)
    page.get_by_role("link", name="Runs").first.click()
    page.get_by_text("Teacher panel").click()
    password = page.get_by_label("Password", exact=True)
    for typed in (f"wrong {PASSWORD}", PASSWORD):
        password.fill(typed)
        password.press("Enter")
        if typed != PASSWORD:
            expect(page.get_by_text("not the teacher's password").first).to_be_visible()
    expect(button(page, "Pause new runs without a class code")).to_be_visible()
    urls.append(page.url)
    with sqlite3.connect(server.data / "runs.sqlite") as file:
        assert file.execute("SELECT count(*) FROM runs WHERE owner = ?", [hash_token(token)]).fetchone() == (1,)
    contents = [path.read_bytes() for path in [server.log, *server.data.rglob("*")] if path.is_file()]
    for secret in (token, PASSWORD):
        assert not [url for url in urls if secret in url or quote(secret) in url]
        assert not any(secret.encode() in content for content in contents)
    assert any(b"runs" in content for content in contents)
    button(page, "Log out").click()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()


def test_address_and_xsrf_protection_are_streamlit_s_defaults():
    script = (
        "from streamlit.config import get_option as o; print(o('server.address'), o('server.enableXsrfProtection'))"
    )
    output = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    assert output.split() == ["None", "True"]


def test_an_upload_without_the_xsrf_token_is_refused(server: Server):
    request = urllib.request.Request(
        f"{server.url}/_stcore/upload_file/somebody/file",
        data=b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nf\r\n--x--\r\n',
        headers={"Content-Type": "multipart/form-data; boundary=x"},
        method="PUT",
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert refused.value.code == 403
    assert "xsrf" in refused.value.read().decode().lower()


def test_an_upload_above_the_size_limit_is_refused(guarded_page: Page, server: Server, tmp_path: Path):
    page, limit = guarded_page, 200 * 2**20
    page.goto(f"{server.url}/classify")
    page.get_by_text("Upload your images").click()
    upload = page.get_by_label("Zip or .npz file").locator("input")
    with (tmp_path / "large.zip").open("wb") as large:
        large.truncate(limit + 2**20)
    upload.set_input_files(tmp_path / "large.zip")
    expect(page.get_by_text("File must be 200.0MB or smaller")).to_be_visible()

    # without the browser's own check, the server refuses the upload before reading it
    with page.expect_request(lambda request: request.method == "PUT") as sent:
        upload.set_input_files({"name": "small.npz", "mimeType": "application/zip", "buffer": b"nothing"})
    expect(page.get_by_text("This .npz cannot be used")).to_be_visible()
    target = urlsplit(sent.value.url)
    headers = {name: value for name, value in sent.value.all_headers().items() if not name.startswith(":")}
    connection = http.client.HTTPConnection(target.hostname, target.port, timeout=30)
    connection.request("PUT", target.path, headers=headers | {"content-length": str(limit + 1)})
    assert connection.getresponse().status == 413
    connection.close()
