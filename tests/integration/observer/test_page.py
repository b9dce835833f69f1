"""The page, as far as it can be judged without a browser (./dev test observer has one)."""

import base64
import hashlib
import html.parser
import re

import pytest

from clients.observer import fetch
from harness.config import route
from servers import toy

VOID = {"meta", "br"}


class Strict(html.parser.HTMLParser):
    """Every element is closed, in order; nothing is fetched and nothing run."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert not {"style", "src", "srcset", "action"} & set(names), (tag, attrs)
        assert not [name for name in names if name.startswith("on")], (tag, attrs)
        assert tag not in {"script", "link", "img", "iframe", "object", "form"}
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name == "href"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag


@pytest.fixture(scope="module")
def at(fronts, run, pki, module_toys):
    at = run.port()
    fronts.start(pki.mail.block(), route("echo", run.port(), module_toys(toy.echo).port),
                 observe=[f"127.0.0.1:{at}"])
    return at


def test_its_style_is_the_only_thing_that_its_policy_allows(at):
    status, headers, text = fetch(at, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    [style] = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'none'")


def test_it_is_well_formed_and_its_links_lead_somewhere(at):
    page = Strict(fetch(at, "/")[2])
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        else:
            assert fetch(at, link)[0] == 200, link


def test_it_renews_itself_unless_told_not_to(at):
    assert 'http-equiv="refresh"' in fetch(at, "/")[2]
    assert 'http-equiv="refresh"' not in fetch(at, "/?refresh=off")[2]


def test_what_comes_with_the_question_is_not_shown(at):
    text = fetch(at, "/?refresh=<b>x</b>&y=<script>z</script>")[2]
    assert "<b>" not in text and "<script" not in text
