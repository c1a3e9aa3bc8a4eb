"""The page in a real browser: what is done with it, and that nothing of a trail is executed."""

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from auditproxy.commands.view.opening import open_page
from tests.commands.view.viewing import (
    HOSTILE,
    hostile_events,
    viewed,
    write_numbered,
    write_recording,
)
from tests.fakes.browser import CHROMIUM, MISSING, REBOUND, TIMEOUT, browser
from tests.fakes.trails import write
from tests.reading.shop import write_shop

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Request

expect.set_options(timeout=TIMEOUT)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[BrowserContext]":
    """One browser for all tests of this file."""
    with browser(tmp_path_factory.mktemp("profile")) as made:
        yield made


class Watched:
    """A page whose console, faults and requests are kept."""

    def __init__(self, context: "BrowserContext") -> None:
        self.page: Page = context.new_page()
        self.faults: list[str] = []
        self.refusals_expected = False
        self.requested: list[str] = []
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: self.faults.append(f"dialog {dialog.message}"))
        self.page.on("request", self._request)

    def _request(self, request: "Request") -> None:
        self.requested.append(request.url)

    @contextlib.contextmanager
    def viewing(self, *arguments: str) -> Iterator[str]:
        """The address of a command that ends when the page asks nothing more."""
        with viewed(*arguments) as address:
            yield address
            # What has no answer yet would be refused, which the browser says.
            self.page.goto("about:blank")

    def open(self, address: str) -> "Page":
        """Go there, and wait for the list."""
        self.page.goto(address)
        self.page.wait_for_selector("#rows[aria-busy=false] tbody tr")
        return self.page


@pytest.fixture
def watched(context: "BrowserContext") -> Iterator[Watched]:
    """A page; at the end nothing was said on its console and nothing left the machine."""
    made = Watched(context)
    yield made
    made.page.close()
    # The browser itself says of each answer that it was 400, when it comes to it.
    refusals = [fault for fault in made.faults if "400 (Bad Request)" in fault]
    assert made.faults == (refusals if made.refusals_expected else [])
    assert [one for one in made.requested if not one.startswith("http://127.0.0.1:")] == []


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of the trail of the documents."""
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder / "logs")
    with viewed(str(folder / "logs")) as address:
        yield address


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of a trail of several pages."""
    folder = tmp_path_factory.mktemp("numbered")
    with viewed(str(write_numbered(folder / "audit.log", 250))) as address:
        yield address


def requests_of(page: "Page") -> list[str]:
    """The sentences of the list."""
    page.wait_for_selector("#rows[aria-busy=false]")
    return page.locator("#rows td.request").all_inner_texts()


def search(page: "Page", **fields: str) -> list[str]:
    """Fill fields in and search; the sentences."""
    for name, value in fields.items():
        page.locator(f"#filters [name={name}]").fill(value)
    with page.expect_response(lambda answer: "/api/requests" in answer.url):
        page.get_by_role("button", name="Search").click()
    return requests_of(page)


def test_the_list_and_the_timeline(watched: Watched, shop: str) -> None:
    """All requests in kubectl's words, counted by outcome; the token leaves the address."""
    page = watched.open(shop)
    sentences = requests_of(page)
    assert len(sentences) == 13
    assert sentences[0] == "deleted pod/web-x7k2p -n shop (dry run)"
    expected = "13 requests: 9 allowed, 2 forbidden, 1 unauthenticated, 1 open"
    assert page.locator("#totals").inner_text() == expected
    assert page.locator("#timeline rect[class]").count() > 5
    assert page.url == shop.partition("#")[0]


def test_search(watched: Watched, shop: str) -> None:
    """By fields and words; the address has the search, and back undoes it."""
    page = watched.open(shop)
    assert search(page, user="bob", code="403") == [
        "tried to delete deployment/web -n shop",
        "tried to read secret/db -n shop",
    ]
    assert page.url.endswith("?user=bob&code=403")
    assert search(page, text="secrets") == ["tried to read secret/db -n shop"]
    with page.expect_response(lambda answer: "/api/requests" in answer.url):
        page.go_back()
    assert len(requests_of(page)) == 2
    assert page.locator("#filters [name=text]").input_value() == ""
    with page.expect_response(lambda answer: "/api/requests" in answer.url):
        page.get_by_role("button", name="Clear").click()
    assert len(requests_of(page)) == 13
    assert search(page, user="nobody") == []
    assert page.locator("#none").is_visible()


def test_a_saved_search(watched: Watched, shop: str) -> None:
    """The address of a search shows it in another tab, without the token."""
    watched.open(shop)
    page = watched.open(f"{shop.partition('#')[0]}?resource=pods/exec&outcome=allowed")
    assert requests_of(page) == ["exec web-7d4b9 -n shop -c app -- sh -c 'cat /etc/passwd'"]
    assert page.locator("#filters [name=resource]").input_value() == "pods/exec"
    page.get_by_role("button", name="Copy as command").click()
    expect(page.locator("#said")).to_contain_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("auditproxy events list ")
    assert copied.endswith(" --resource=pods/exec --where='outcome = '\\''allowed'\\'''")


def test_sql(watched: Watched, shop: str) -> None:
    """An expression, and what is wrong with one."""
    page = watched.open(shop)
    page.get_by_text("More filters").click()
    assert search(page, where="seconds > 1") == [
        "exec web-7d4b9 -n shop -c app -- sh -c 'cat /etc/passwd'"
    ]
    page.locator("[name=where]").fill("nothing = 1")
    page.get_by_role("button", name="Search").click()
    page.wait_for_selector("#fault:not([hidden])")
    assert 'column "nothing" not found' in page.locator("#fault").inner_text()
    watched.refusals_expected = True
    assert len(search(page, where="")) == 13
    assert page.locator("#fault").is_hidden()


def test_a_request_with_what_it_changed(watched: Watched, shop: str) -> None:
    """Facts, the difference, stages, annotations with their meanings, and bodies."""
    page = watched.open(shop)
    page.get_by_text("patched deployment/web -n shop (image").click()
    detail = page.get_by_role("complementary", name="The request")
    assert detail.get_by_role("heading").inner_text().endswith("(image shop:1.0 -> shop:1.1)")
    (row,) = detail.locator("table.diff tbody tr").all()
    assert row.locator("th").inner_text() == "spec.template.spec.containers[app].image"
    assert (row.locator("del").inner_text(), row.locator("ins").inner_text()) == (
        "shop:1.0",
        "shop:1.1",
    )
    assert "what the authorizer decided" in detail.inner_text()
    detail.get_by_text("Body of the answer").click()
    assert "image: shop:1.1" in detail.locator("pre").last.inner_text()
    assert "key=" in page.url
    again = watched.open(page.url)
    assert again.locator("table.diff ins").inner_text() == "shop:1.1"
    page.get_by_role("button", name="Close the request").click()
    assert "key=" not in page.url


def test_keyboard(watched: Watched, shop: str) -> None:
    """Everything without a mouse."""
    page = watched.open(shop)
    page.keyboard.press("/")
    page.keyboard.type("cat")
    with page.expect_response(lambda answer: "/api/requests" in answer.url):
        page.keyboard.press("Enter")
    assert len(requests_of(page)) == 1
    page.keyboard.press("Escape")
    with page.expect_response(lambda answer: "/api/requests" in answer.url):
        page.go_back()
    requests_of(page)
    for key in "jjk":
        page.keyboard.press(key)
    chosen = page.locator("#rows tbody tr[aria-selected=true]")
    assert chosen.evaluate("row => row === document.activeElement && row.sectionRowIndex") == 1 - 1
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("#detail:not([hidden])")
    assert page.evaluate("document.activeElement.id") == "detail"
    page.keyboard.press("Escape")
    page.wait_for_selector("#detail", state="hidden")
    assert chosen.evaluate("row => row === document.activeElement && row.sectionRowIndex") == 1
    page.keyboard.press("?")
    page.wait_for_selector("#keys[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("#keys", state="hidden")
    page.locator("#timeline").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert "3 allowed" in page.locator("#timeline-says").inner_text()
    with page.expect_response(lambda answer: "/api/requests" in answer.url):
        page.keyboard.press("Enter")
    assert len(requests_of(page)) == 3
    assert page.url.endswith(
        "?since=2026-11-23T09%3A01%3A00.000Z&until=2026-11-23T09%3A02%3A00.000Z"
    )


def test_pages(watched: Watched, numbered: str) -> None:
    """Older and newer, by keys and by buttons."""
    page = watched.open(numbered)
    assert requests_of(page)[0] == "read pod/pod-249 -n shop"
    assert page.get_by_role("button", name="Newer").is_disabled()
    for last in ("read pod/pod-50 -n shop", "read pod/pod-0 -n shop"):
        with page.expect_response(lambda answer: "/api/requests" in answer.url):
            page.keyboard.press("n")
        assert requests_of(page)[-1] == last
    assert page.get_by_role("button", name="Older").is_disabled()
    with page.expect_response(lambda answer: "/api/requests" in answer.url):
        page.get_by_role("button", name="Newer").click()
    assert requests_of(page)[0] == "read pod/pod-149 -n shop"


def test_a_time_is_chosen_by_dragging(watched: Watched, numbered: str) -> None:
    """Over bars of the timeline."""
    page = watched.open(numbered)
    box = page.locator("#timeline").bounding_box()
    assert box is not None
    middle = box["y"] + 40
    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=5)
    with page.expect_response(lambda answer: "/api/requests" in answer.url):
        page.mouse.up()
    assert 50 <= len(requests_of(page)) <= 80
    assert "since=2026-11-23T00%3A01%3A" in page.url


def test_while_the_index_is_made(watched: Watched, shop: str) -> None:
    """The newest requests and how far it is; then the page as it is."""
    page = watched.page
    row = {"key": [1, "a", "o"], "time": "2026-11-23T10:00:00.000Z", "user": HOSTILE[0]} | dict.fromkeys(
        ("request", "result", "took", "from", "client", "auditID", "outcome", "tone"), "plain"
    )  # fmt: skip
    begun = {"files": ["audit.log"], "fileCount": 1, "isMade": False, "sessions": 0}
    begun |= {"progress": {"events": 0, "percent": 34.4}, "rows": [row | {"witnesses": 1}]}
    page.route("**/api/trail", lambda route: route.fulfill(json=begun))
    page.goto(shop)
    expect(page.locator("#making-says")).to_contain_text("Making the index: 34 %.")
    expect(page.locator("#rows tbody tr")).to_have_count(1)
    assert page.locator("#rows tbody").inner_text().split("\t")[1] == HOSTILE[0]
    assert page.locator("#rows").get_attribute("aria-busy") == "true"
    assert page.locator("#filters").evaluate("one => one.inert")
    assert page.locator("#made").evaluate("one => one.value") == 34.4
    # What is asked for meanwhile is shown then, and refused by nobody.
    page.locator("#rows tbody tr").click()
    assert "key=" in page.url
    for key in "rnps":
        page.keyboard.press(key)
    assert "key=" not in page.url
    page.evaluate(
        "history.pushState(null, '', '?user=bob'); dispatchEvent(new PopStateEvent('popstate'))"
    )
    assert page.locator("#fault").is_hidden()
    assert {one.partition("/api/")[2] for one in watched.requested if "/api/" in one} == {"trail"}
    page.unroute("**/api/trail")
    expect(page.locator("#making")).to_be_hidden()
    assert 0 < len(requests_of(page)) < 13
    assert page.locator("#filters [name=user]").input_value() == "bob"
    assert not page.locator("#filters").evaluate("one => one.inert")


AGAIN = "Start it again, and open the address that it prints."


def test_when_the_command_has_ended(context: "BrowserContext", tmp_path: Path) -> None:
    """The page says so, by the answer or without one; a busy server is something else."""
    page = context.new_page()
    fault = page.locator("#fault")

    def says(text: str) -> None:
        page.get_by_role("button", name="Search").click()
        expect(fault).to_have_text(text)

    with viewed(str(write_numbered(tmp_path / "audit.log", 1))) as address:
        page.goto(address)
        page.wait_for_selector("#rows[aria-busy=false] tbody tr")
        assert fault.is_hidden()
        for told, text in (
            ({"error": "busy; try again"}, "busy; try again"),
            ({"error": "closed", "hasEnded": True}, f"auditproxy view has ended. {AGAIN}"),
        ):
            answer = json.dumps(told)
            page.route(
                "**/api/*", lambda route, *, body=answer: route.fulfill(status=503, body=body)
            )
            says(text)
            page.unroute("**/api/*")
    says(f"auditproxy view does not answer: it has ended, or cannot be reached. {AGAIN}")
    page.close()


def test_hostile_trails(watched: Watched, tmp_path: Path) -> None:
    """Every text of clients is shown, and none becomes an element, a script or another order."""
    log = write(tmp_path / "audit.log", hostile_events())
    with watched.viewing(str(log)) as address:
        page = watched.open(address)
        assert len(requests_of(page)) == len(HOSTILE)
        for place in range(len(HOSTILE)):
            row = page.locator("#rows tbody tr").nth(place)
            with page.expect_response(lambda answer: "/api/request?" in answer.url):
                row.click()
            page.wait_for_selector("#detail:not([hidden])")
            page.locator("#detail summary").evaluate_all(
                "all => all.forEach((one) => one.parentElement.open = true)"
            )
        assert page.locator("#rows").get_by_text("<script>alert(2)</script>").count() > 0
        assert "\\x1b[2J" in page.locator("#rows").inner_text()
        assert "a\\u202eb\\u2066c\\u200f" in page.locator("#rows").inner_text()
        assert "nul\\x00nul" in page.locator("#rows").inner_text()
        inside = "main img, main script, main iframe, main a, aside img, dialog img"
        assert page.locator(inside).count() == 0
        text = page.locator("body").inner_text()
        assert [char for char in text if not char.isprintable() and char not in "\n\t\xa0"] == []


def answered(address: str, **headers: str) -> int:
    """The code of a question with other headers than the page's."""
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_others_get_nothing(context: "BrowserContext", shop: str) -> None:
    """A name of somebody else's, another origin, and a wrong token, as a browser sends them."""
    origin, _, token = shop.partition("/#token=")
    port = origin.rpartition(":")[2]
    page = context.new_page()
    rebound = page.goto(f"http://{REBOUND}:{port}/")
    assert rebound is not None
    assert rebound.status == 421
    # A page of another origin asks, with the token and without.
    page.goto("data:text/html,<title>x</title>")
    for headers in ("{}", json.dumps({"Authorization": f"Bearer {token}"})):
        asked: Any = page.evaluate(
            f"fetch('{origin}/api/trail', {{headers: {headers}}}).then(() => 'read', () => 'refused')"
        )
        assert asked == "refused"
    page.set_content(f"<iframe src='{origin}/'></iframe>")
    page.wait_for_selector("iframe")
    page.close()
    assert answered(f"{origin}/api/trail", Authorization=f"Bearer {token}x") == 401
    assert answered(f"{origin}/api/trail", Authorization=f"Bearer {token}") == 200


def test_the_file_that_opens_the_page(watched: Watched, shop: str, tmp_path: Path) -> None:
    """A browser that is given the file shows the page, with its token."""
    open_page(shop, str(tmp_path), lambda uri: watched.open(uri))
    assert watched.page.url == shop.partition("#")[0]
    assert len(requests_of(watched.page)) == 13
    watched.requested = [one for one in watched.requested if not one.startswith("file://")]


def test_without_a_token(context: "BrowserContext", tmp_path: Path) -> None:
    """The page says what to do."""
    with viewed(str(write_numbered(tmp_path / "audit.log", 1))) as address:
        page = context.new_page()
        page.goto(address.partition("#")[0])
        page.wait_for_selector("#fault:not([hidden])")
        assert (
            page.locator("#fault").inner_text().endswith("open the address that auditproxy printed")
        )
        page.close()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of the trail of the documents with the recording of its exec."""
    folder = tmp_path_factory.mktemp("recorded")
    write_shop(folder / "logs")
    (folder / "recordings").mkdir()
    write_recording(folder / "recordings")
    with viewed(str(folder / "logs"), f"--recordings={folder / 'recordings'}") as address:
        yield address


def terminal(page: "Page") -> str:
    """What the player shows."""
    return page.locator(".screen").inner_text()


def test_a_session_is_played(watched: Watched, recorded: str) -> None:
    """From its request, with pauses cut and at eight times the speed, to its end."""
    page = watched.open(recorded)
    page.get_by_text("exec web-7d4b9").click()
    page.get_by_role("button", name="Show its recording").click()
    page.wait_for_selector("#session:not([hidden]) .screen")
    assert "view=sessions&session=" in page.url
    assert page.locator(".done li").all_inner_texts() == [
        "0:00:01 $ ls -l",
        "0:00:30 $ cat /etc/passwd",
        "0:00:42 $ exit",
    ]
    assert terminal(page).strip() == ""
    page.get_by_label("Speed").select_option("8")
    page.get_by_label("Longest pause").select_option("1")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.locator(".screen")).to_contain_text("nologin")
    expect(page.locator("#play")).to_have_text("Play")
    shown = terminal(page)
    assert "<b>shop</b>" in shown
    assert shown.rstrip().endswith("$ exit")
    assert page.locator("#player-time").inner_text() == "0:00:42 / 0:00:42"
    assert page.locator(".screen b, .screen script").count() == 0
    page.get_by_role("button", name="Show its request").click()
    page.wait_for_selector("#requests:not([hidden])")
    expect(page.locator("#rows tbody tr")).to_have_count(1)
    assert requests_of(page) == ["exec web-7d4b9 -n shop -c app -- sh -c 'cat /etc/passwd'"]


COLOURED = (
    "\x1b[31mred\x1b[m \x1b[38;5;196mcube\x1b[m \x1b[48;2;1;2;3mtrue\x1b[m \x1b[1;4mbold\x1b[m "
    "\x1b[7mback\x1b[m \x1b[30;40mhidden\x1b[m\r\n"
    "\x1b[31;<script>alert(1)</script>m\x1b[32m<b onclick=alert(2) style=color:red>\x1b[m\r\n"
    "\x1b[38;2;999;0;0murl(javascript:alert(3))\x1b[m;background:url(//x.test)\r\n$ "
)
"""Output that a container wrote, honest and hostile."""


def test_colours_of_a_session(watched: Watched, tmp_path: Path) -> None:
    """The terminal's colours and attributes, which can be turned off; all else is text."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    header = {"version": 2, "width": 70, "height": 6, "timestamp": 1}
    lines = [header | {"auditproxy": {"kind": "exec", "tty": True}}, [0.0, "o", COLOURED]]
    name = "2026-11-28T02-13-20.123456Z_shop_web_audit_made.cast"
    (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_shop(tmp_path / "logs")
    with watched.viewing(str(tmp_path / "logs"), f"--recordings={folder}") as address:
        watched.open(address)
        page = watched.page
        page.goto(f"{address.partition('#')[0]}?view=sessions&session={name}")
        expect(page.locator(".screen")).to_contain_text("red cube true bold back hidden")

        def style(text: str, what: str) -> str:
            found = page.locator(".screen .row span", has_text=text).first
            return str(found.evaluate(f"one => getComputedStyle(one).{what}"))

        assert style("red", "color") == "rgb(224, 87, 91)"
        assert style("cube", "color") == "rgb(255, 0, 0)"
        assert style("true", "backgroundColor") == "rgb(1, 2, 3)"
        assert style("bold", "fontWeight") == "700"
        assert style("bold", "textDecorationLine") == "underline"
        assert style("back", "backgroundColor") == "rgb(216, 222, 230)"
        assert style("back", "color") == "rgb(11, 14, 18)"
        assert style("hidden", "color") == style("hidden", "backgroundColor")
        shown = terminal(page)
        for text in ("<b onclick=alert(2) style=color:red>", ";background:url(//x.test)"):
            assert text in shown
        assert page.locator(".screen b, .screen script, .screen [onclick]").count() == 0
        page.locator("#colours").uncheck()
        expect(page.locator(".screen .row span:not(.cursor)")).to_have_count(0)
        assert terminal(page) == shown


def test_places_of_a_session(watched: Watched, recorded: str) -> None:
    """A command's time, a text, the slider, and keys."""
    page = watched.open(recorded)
    page.keyboard.press("s")
    page.wait_for_selector("#session-rows tbody tr")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("#session:not([hidden]) .screen")
    page.get_by_role("button", name="0:00:30").click()
    expect(page.locator(".screen")).to_contain_text("cat /etc")
    assert "shop:x" not in terminal(page)
    page.get_by_label("Find in the session").fill("TOTAL")
    page.get_by_role("button", name="Find next").click()
    expect(page.locator("#player-hits")).to_have_text("1 of 1")
    expect(page.locator(".screen")).not_to_contain_text("cat /etc")
    assert "total 8" in terminal(page)
    page.get_by_label("Time").fill("42.4")
    expect(page.locator(".screen")).to_contain_text("exit")
    page.locator("#session").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".screen")).not_to_contain_text("exit")
    page.keyboard.press("Space")
    expect(page.locator("#play")).to_have_text("Pause")
    page.keyboard.press("Space")
    expect(page.locator("#play")).to_have_text("Play")
    page.keyboard.press("Escape")
    page.wait_for_selector("#session", state="hidden")
    assert "session=" not in page.url
    page.keyboard.press("/")
    page.keyboard.type("nobody")
    page.keyboard.press("Enter")
    expect(page.locator("#session-count")).to_have_text("0 sessions")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    page.wait_for_selector("#requests:not([hidden])")
    assert len(requests_of(page)) == 13


def test_without_recordings(watched: Watched, shop: str) -> None:
    """There is nothing to choose."""
    page = watched.open(shop)
    assert page.get_by_role("button", name="Sessions").is_hidden()


def test_what_readers_hear(watched: Watched, recorded: str) -> None:
    """Roles and names: each field has a label, the list is a grid with one tab stop."""
    page = watched.open(recorded)
    snapshot = page.locator("body").aria_snapshot()
    for part in (
        '- searchbox "Text /"',
        '- grid "Requests, newest first"',
        '- columnheader "Request"',
        '- button "Older n" [disabled]',
        'group "13 requests:',
        "- banner",
        "- main",
    ):
        assert part in snapshot
    assert page.locator("#rows tbody tr[tabindex='0']").count() == 1
    unnamed = page.locator("input:visible, select:visible, button:visible").evaluate_all(
        "all => all.filter((one) => !(one.labels?.length || one.textContent.trim() "
        "|| one.ariaLabel)).length"
    )
    assert unnamed == 0
