"""The page in a browser: every state that it can show, by keyboard, without scripts, in dark mode, on a telephone."""

import os
import signal

import pytest

from browser import TAB, Browser
from clients import tls
from harness.config import route
from harness.process import running
from harness.wait import wait_until
from servers import toy

LONGEST = "r" * 64
TELEPHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def desktop(run):
    browser = Browser(run)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def telephone(run):
    browser = Browser(run, **TELEPHONE, dark=True, script=False)
    yield browser
    browser.close()


@pytest.fixture
def front(fronts, run, pki, toys):
    """Starts a daemon; `front.page` is its page."""
    def start(*blocks, **options):
        at = run.port()
        made = fronts.start(*(blocks or (pki.mail.block(),
                                         route("echo", run.port(), toys(toy.echo).port))),
                            observe=[f"127.0.0.1:{at}"], **options)
        made.page = f"http://127.0.0.1:{at}/?refresh=off"
        return made
    return start


def shown(browser, page):
    browser.open(page)
    text = browser.text()
    assert browser.complaints() == []
    assert browser.ask("document.documentElement.scrollWidth - window.innerWidth") <= 0, \
        "it is wider than the window"
    return text


def errors(text):
    return [line for line in text.splitlines() if line.startswith("Error:")]


def warnings(text):
    return [line for line in text.splitlines() if line.startswith("Warning:")]


def test_all_is_well(front, desktop, telephone):
    page = front().page
    for browser in (desktop, telephone):
        text = shown(browser, page)
        assert "Ready" in text and errors(text) == []


def test_a_certificate_expires(front, run, pki, toys, telephone):
    soon = pki.intermediate.issue("soon", ["mail.example.test"], end=5)
    text = shown(telephone, front(soon.block(), route("echo", run.port(), toys(toy.echo).port,
                                                      certificate=["soon"])).page)
    assert any("certificate soon expires in" in line for line in warnings(text))


def test_an_upstream_is_down(front, run, pki, desktop):
    port = run.port()
    made = front(pki.mail.block(), route("down", port, run.port()))
    assert "not tried yet" in shown(desktop, made.page)
    with tls.TlsClient(port, tls.context(pki)) as client:
        client.read_all()
    text = shown(desktop, made.page)
    assert any("route down: upstream" in line and "is down: refused" in line
               for line in errors(text))


def test_a_reload_is_refused(front, desktop):
    made = front()
    made.file.write_text(made.file.read_text() + "nonsense = 1\n")
    assert made.reload().returncode != 0
    text = shown(desktop, made.page)
    assert any("the last reload was refused" in line for line in errors(text))


def test_it_drains(front, run, pki, toys, desktop):
    port = run.port()
    made = front(pki.mail.block(), route("echo", port, toys(toy.echo).port), drain_timeout="60s")
    with tls.TlsClient(port, tls.context(pki)) as client:
        assert tls.says(client)
        made.send(signal.SIGTERM)
        wait_until(lambda: "Not ready: draining" in shown(desktop, made.page), "it to drain")
    made.verify_end(made.process.wait(60))


def test_a_worker_dies(front, desktop):
    made = front()
    victim = made.workers()[0]
    shown(desktop, made.page)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: not running(victim), "it to be dead")
    wait_until(lambda: any("1 worker died in the last hour" in line
                           for line in errors(shown(desktop, made.page))), "its death to be told")


@pytest.fixture
def crowded(front, run, pki, toys):
    """Two hundred routes, one with the longest name that there can be."""
    upstream = toys(toy.echo).port
    folder = run.make_folder("crowd")
    names = [LONGEST] + [f"route-{i}" for i in range(199)]
    blocks = [route(name, f"unix:{folder}/{i}", upstream) for i, name in enumerate(names)]
    return front(pki.mail.block(), *blocks)


def test_two_hundred_routes_and_long_names_fit(crowded, desktop, telephone):
    for browser in (desktop, telephone):
        text = shown(browser, crowded.page)
        assert LONGEST in text and "route-198" in text


def test_everything_can_be_reached_by_the_keyboard_and_is_seen_to_be(front, desktop):
    shown(desktop, front().page)
    links = desktop.ask("document.links.length")
    reached = []
    for _ in range(links):
        desktop.press(TAB)
        reached.append(desktop.ask("document.activeElement.textContent"))
        assert desktop.ask("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert len(set(reached)) == links


def test_what_is_said_by_colour_is_said_in_words_and_can_be_read(front, telephone, desktop):
    """Contrast as WCAG 2.1 has it: 4.5 to 1."""
    page = front().page
    for browser in (desktop, telephone):
        shown(browser, page)
        assert browser.ask(CONTRAST) >= 4.5


def test_dark_mode_is_dark(front, desktop, telephone):
    page = front().page
    background = "getComputedStyle(document.body).backgroundColor"
    shown(desktop, page), shown(telephone, page)
    assert desktop.ask(background) == "rgb(255, 255, 255)"
    assert telephone.ask(background) == "rgb(13, 17, 23)"


def test_it_renews_itself_unless_told_not_to(front, desktop):
    page = front().page
    refresh = "document.querySelectorAll('meta[http-equiv=refresh]').length"
    shown(desktop, page)
    assert desktop.ask(refresh) == 0
    desktop.open(page.split("?")[0])
    assert desktop.ask(refresh) == 1


def test_headings_tables_and_pictures_have_names(front, desktop):
    shown(desktop, front().page)
    assert desktop.ask("document.documentElement.lang") == "en"
    assert desktop.ask("document.querySelectorAll('h1').length") == 1
    assert desktop.ask("[...document.querySelectorAll('table')].every(t => t.caption)")
    assert desktop.ask("[...document.querySelectorAll('svg')].every("
                       "s => s.ariaLabel || s.ariaHidden === 'true')")


CONTRAST = """(() => {
    const light = text => {
        const [r, g, b] = text.match(/[0-9.]+/g).map(Number).map(v => v / 255)
            .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const paper = light(getComputedStyle(document.body).backgroundColor);
    let least = 21;
    for (const e of document.querySelectorAll('body *')) {
        if (!e.textContent.trim() || e.closest('svg')) continue;
        const ink = light(getComputedStyle(e).color);
        least = Math.min(least, (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05));
    }
    return least;
})()"""
