"""What students might type, upload and forge, in a real browser: it is shown as text, and gets them nowhere."""

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
from tests.browser.conftest import PASSWORD, PROJECT, Server
from tests.browser.drawing import draw
from tests.browser.table import tick_first_row
from tests.runs import wait_for

NICKNAME = "<img src=x onerror=h()>"
TITLE = "<img src=x onerror='hacked=1'> [l](http://e.example) www.e.example $7$ '; --"
SENTENCE = f"{TITLE} <script>hacked=1</script> :material/home: :red[r] ![i](http://e.example/i.png) **b** a@e.example"
CLASSES = ["<img src=x onerror='hacked=1'> [l](http://e.example)", "www.e.example $7$ :material/home: :red[r]"]


@pytest.fixture
def wary(page: Page) -> Page:
    """A page that may ask nobody but its own server for anything."""
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    yield page
    assert {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))} == {"localhost"}
    assert not [url for url in asked if urlsplit(url).path.endswith("/x")]


def expect_nothing_acts(page: Page) -> None:
    assert page.evaluate("window.hacked === undefined"), "a script ran"
    for acting in (
        "a[href*='e.example']",
        "img[src='x']",
        "img[src*='e.example']",
        ".katex:has-text('7')",
        "[aria-label='home icon']",
    ):
        within = page.get_by_test_id("stMain").locator(acting)
        expect(within).to_have_count(0)


def test_what_is_typed_is_shown_as_text_to_its_owner_and_to_others(wary: Page, new_page, server_url, store: Store):
    page = wary
    page.goto(f"{server_url}/runs?class=MARKUP")
    page.get_by_role("textbox", name="Your nickname").fill(NICKNAME)
    page.get_by_role("textbox", name="Your nickname").press("Enter")
    wait_for(lambda: store.nickname(hash_token(cookie(page))) == NICKNAME)
    page.goto(f"{server_url}/memorize?class=MARKUP&memorize_epochs=50&hidden_size=8&sentence={quote(SENTENCE)}")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text("Finished epoch 50 of 50")).to_be_visible()
    expect(page.locator(".reconstruction")).to_be_attached()
    for look in ("Gates", "Predictions", "Dependencies", "Generate"):
        page.get_by_role("tab", name=look).click()
        expect(page.get_by_role("tabpanel", name=look).get_by_test_id("stCode").first).to_be_attached()
        expect_nothing_acts(page)
    [run] = store.list_runs(classroom="MARKUP")
    assert (run.config.sentence, run.nickname) == (SENTENCE, NICKNAME)

    page.goto(f"{server_url}/runs?class=MARKUP")
    tick_first_row(page)
    page.get_by_label("Name", exact=True).fill(TITLE)
    page.get_by_label("Note", exact=True).fill(SENTENCE)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="<img src")).to_be_visible()
    expect_nothing_acts(page)
    wait_for(lambda: store.run(run.id).note == SENTENCE)
    assert store.run(run.id).title == TITLE

    other = new_page()
    other.goto(f"{server_url}/memorize?run={run.id}")
    expect(
        other.get_by_text(f"You are watching a run of {NICKNAME}".replace("=", "\u2060=").replace(">", "\u2060>"))
    ).to_be_visible()
    expect_nothing_acts(other)
    other.goto(f"{server_url}/runs?class=MARKUP")
    tick_first_row(other)
    expect(other.get_by_test_id("stText").get_by_text(SENTENCE)).to_be_visible()
    expect(other.get_by_role("button", name="Save")).to_have_count(0)
    expect(other.get_by_role("button", name="Delete")).to_have_count(0)
    expect_nothing_acts(other)


def test_class_names_and_file_names_are_shown_as_text(wary: Page, server_url: str):
    page = wary
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
    expect_nothing_acts(page)
    upload.set_input_files({"name": "own.npz", "mimeType": "application/zip", "buffer": file.getvalue()})
    expect(page.get_by_text("784 → 8 → 2")).to_be_visible()
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text("Test accuracy")).to_be_visible()
    expect(page.locator(".samples .sample").first).to_contain_text("onerror")
    page.get_by_role("tab", name="Own image").click()
    expect(page.locator("canvas").last).to_be_visible()
    draw(page, [(140, 50), (140, 230)])
    expect(page.get_by_text("Prediction:")).to_be_visible()
    expect_nothing_acts(page)


@pytest.mark.parametrize(
    "forged", ["../../etc/passwd", "' OR 1=1 --", "<script>hacked=1</script>", "ü\0\u202e", "x" * 3_000]
)
def test_a_forged_run_in_the_address_is_explained(wary: Page, server_url: str, forged: str):
    wary.goto(f"{server_url}/memorize?run={quote(forged)}")
    expect(wary.get_by_text("The run that this address names is not here")).to_be_visible()
    expect_nothing_acts(wary)


def test_an_edited_cookie_is_nobody_s(new_page, server_url: str, store: Store):
    ann = new_page()
    ann.goto(f"{server_url}/memorize")
    ann.get_by_role("slider", name="Slow motion").press("End")
    ann.get_by_role("button", name="Train", exact=True).click()
    expect(ann.get_by_text(re.compile("Learning epoch"))).to_be_visible()
    run_id = re.search(r"run=([\w-]+)", ann.url)[1]
    token = cookie(ann)
    owner = store.run(run_id).owner
    assert owner == hash_token(token)
    for forged in (owner[:43], f"{token[:-1]}{'A' if token[-1] != 'A' else 'B'}", quote("../ü' OR 1=1")):
        eve = new_page()
        eve.context.add_cookies([{"name": "learner", "value": forged, "url": server_url}])
        eve.goto(f"{server_url}/memorize?run={run_id}")
        expect(eve.get_by_text("You are watching a run of")).to_be_visible()
        expect(eve.get_by_role("button", name="Stop", exact=True)).to_be_disabled()
        eve.context.close()
    ann.get_by_role("button", name="Stop", exact=True).click()
    expect(ann.get_by_text("Stopped epoch")).to_be_visible()


def cookie(page: Page) -> str:
    page.wait_for_function("document.cookie.includes('learner=')")
    return next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "learner")


def test_no_secret_lies_in_the_log_the_addresses_or_the_store(new_page, server: Server, store: Store):
    page, addresses = new_page(), []
    page.on("request", lambda request: addresses.append(request.url))
    page.on("framenavigated", lambda frame: addresses.append(frame.url))
    page.goto(f"{server.url}/memorize?sentence=secrets&memorize_epochs=50&hidden_size=8")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text("Finished epoch 50 of 50")).to_be_visible()
    token = cookie(page)
    page.get_by_role("link", name="Runs").first.click()
    page.get_by_text("For the teacher").click()
    password = page.get_by_label("Password", exact=True)
    for typed in (f"wrong {PASSWORD}", PASSWORD):
        password.fill(typed)
        password.press("Enter")
        if typed != PASSWORD:
            expect(page.get_by_text("not the teacher's password").first).to_be_visible()
    expect(page.get_by_role("button", name="Pause new runs")).to_be_visible()
    addresses.append(page.url)
    with sqlite3.connect(server.data / "runs.sqlite") as file:
        assert file.execute("SELECT count(*) FROM runs WHERE owner = ?", [hash_token(token)]).fetchone() == (1,)
    kept = [path.read_bytes() for path in [server.log, *server.data.rglob("*")] if path.is_file()]
    for secret in (token, PASSWORD):
        assert not [url for url in addresses if secret in url or quote(secret) in url]
        assert not any(secret.encode() in content for content in kept)
    assert any(b"runs" in content for content in kept)
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()


def test_the_server_binds_and_guards_itself_as_streamlit_does_by_default():
    ask = "from streamlit.config import get_option as o; print(o('server.address'), o('server.enableXsrfProtection'))"
    told = subprocess.run([sys.executable, "-c", ask], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert told.split() == ["None", "True"]


def test_an_upload_without_the_token_against_forged_requests_is_refused(server: Server):
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


def test_an_upload_larger_than_its_bound_is_refused(wary: Page, server: Server, tmp_path: Path):
    page, bound = wary, 200 * 2**20
    page.goto(f"{server.url}/classify")
    page.get_by_text("Upload your images").click()
    upload = page.get_by_label("Zip or .npz file").locator("input")
    with (tmp_path / "large.zip").open("wb") as large:
        large.truncate(bound + 2**20)
    upload.set_input_files(tmp_path / "large.zip")
    expect(page.get_by_text("File must be 200.0MB or smaller")).to_be_visible()

    # who leaves the page's own check out is refused by the server, before it has read anything
    with page.expect_request(lambda request: request.method == "PUT") as sent:
        upload.set_input_files({"name": "small.npz", "mimeType": "application/zip", "buffer": b"nothing"})
    expect(page.get_by_text("This .npz cannot be used")).to_be_visible()
    address = urlsplit(sent.value.url)
    headers = {name: value for name, value in sent.value.all_headers().items() if not name.startswith(":")}
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    connection.request("PUT", address.path, headers=headers | {"content-length": str(bound + 1)})
    assert connection.getresponse().status == 413
    connection.close()
