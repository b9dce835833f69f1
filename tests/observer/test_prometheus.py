"""Prometheus itself scrapes; promtool judges what it reads, and the rules that come along."""

import json
import re
import subprocess
import urllib.parse
import urllib.request

import pytest

from clients import tls
from clients.observer import fetch
from harness.config import route
from harness.tree import DOCS
from harness.wait import wait_until
from servers import toy

RULES = DOCS / "observability"


@pytest.fixture(scope="module")
def served(fronts, run, pki, module_toys):
    """(the observer's port, with everything in it that there can be)"""
    port, down, optional, at = run.port(), run.port(), run.port(), run.port()
    echo = module_toys(toy.echo).port
    fronts.start(pki.mail.block(), route("echo", port, echo),
                 route("down", down, run.port(), client_certificate="optional",
                       client_ca=pki.people.certificate, client_crl=pki.crl),
                 route("optional", optional, echo, protocol="smtp", tls="optional"),
                 observe=[f"127.0.0.1:{at}"])
    for version in ("1.2", "1.3"):
        with tls.TlsClient(port, tls.context(pki, version)) as client:
            assert tls.says(client)
    with tls.TlsClient(down, tls.context(pki)) as client:
        client.read_all()
    return at


def test_promtool_has_nothing_to_say_against_the_metrics(served):
    _, _, text = fetch(served)
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                          capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_promtool_takes_the_rules_and_each_fires_when_it_should():
    for words in (["check", "rules", RULES / "alerts.yml"],
                  ["test", "rules", RULES / "alerts_test.yml"]):
        done = subprocess.run(["promtool", *words], text=True, capture_output=True, timeout=60,
                              check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def metrics_in(text):
    names = re.findall(r"\b(?:tlsfront|process)_[a-z_]+", text)
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def test_rules_dashboard_and_manual_name_what_there_is(served):
    _, _, text = fetch(served)
    there = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    dashboard = json.loads((RULES / "dashboard.json").read_text())
    asked = {target["expr"] for panel in dashboard["panels"] for target in panel["targets"]}
    assert metrics_in(" ".join(asked)) <= there
    assert metrics_in((RULES / "alerts.yml").read_text()) <= there
    assert there <= metrics_in((DOCS / "observe.md").read_text())


class Prometheus:
    def __init__(self, run, target):
        folder = run.make_folder("prometheus")
        self.port = run.port()
        config = folder / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            f"rule_files: ['{RULES}/alerts.yml']\n"
            "scrape_configs:\n"
            "  - job_name: tlsfront\n"
            f"    static_configs: [{{targets: ['127.0.0.1:{target}']}}]\n")
        self.process = run.start("prometheus", [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}"])

    def ask(self, path, **arguments):
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(arguments)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def query(self, expression):
        found = self.ask("/api/v1/query", query=expression)
        return found["result"] if found else None


@pytest.fixture(scope="module")
def prometheus(run, served):
    made = Prometheus(run, served)
    yield made
    made.process.stop()


def test_prometheus_scrapes_it_and_its_rules_see_what_is_wrong(prometheus):
    [up] = wait_until(lambda: prometheus.query('up{job="tlsfront"} == 1'), "a scrape", 60)
    assert up["value"][1] == "1"
    [target] = prometheus.ask("/api/v1/targets")["activeTargets"]
    assert target["health"] == "up" and target["lastError"] == ""
    versions = {one["metric"]["version"] for one in prometheus.query("tlsfront_handshakes_total")}
    assert versions == {"TLSv1.2", "TLSv1.3"}
    [median] = prometheus.query(
        "histogram_quantile(0.5, sum by (le) (tlsfront_handshake_seconds_bucket))")
    assert float(median["value"][1]) >= 0

    def pending():
        alerts = prometheus.ask("/api/v1/alerts")["alerts"]
        return [one for one in alerts if one["labels"]["alertname"] == "TlsfrontUpstreamDown"]

    [alert] = wait_until(pending, "the upstream's alert to be pending", 60)
    assert alert["labels"]["route"] == "down"


def test_every_question_of_the_dashboard_is_understood(prometheus):
    wait_until(lambda: prometheus.query('up{job="tlsfront"} == 1'), "a scrape", 60)
    dashboard = json.loads((RULES / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            expression = target["expr"].replace("$instance", ".*").replace("$route", ".*")
            assert prometheus.query(expression) is not None, expression
