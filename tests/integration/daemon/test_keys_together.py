"""Keys that come and go together: by one reload, in whatever company, and nobody is served less."""

import os
import random
import re

import pytest

from clients import tls
from clients.observer import fetch
from harness.config import acme, route, server_name
from harness.tree import TREE
from servers import toy

ROUNDS = 60


class Choices:
    """What each key may have; None: it is not there. Only values that are accepted in any company."""

    def __init__(self, run, pki, folder, upstream):
        secrets = [folder / f"ticket-{number}.key" for number in range(3)]
        for secret in secrets:
            secret.write_bytes(os.urandom(48))
            secret.chmod(0o600)
        self.log = folder / "tlsfront.log"
        self.challenges = folder / "challenges"
        self.challenges.mkdir()
        self.observe = run.port()
        self.port, self.second, self.acme = run.port(), run.port(), run.port()
        self.upstream = upstream
        here = f"127.0.0.1:{upstream}"
        self.top = {
            "workers": [None, 1, 2, 3], "state": [folder / "state"],
            "observe": [None, [f"127.0.0.1:{self.observe}"]],
            "observe_agent": [None, [f"unix:{folder}/agent.sock"]],
            "ticket_key": [None, secrets[:1], secrets[:2], secrets[1:], secrets],
            "log_level": [None, "error", "debug"], "log_format": [None, "text", "json"],
            "log": [None, self.log], "key_isolation": [None, "off"], "sandbox": [None],
            "start_with": [None, "last-good"], "watch": [None, "on"],
            "drain_delay": [None, "1s"], "drain_newcomers": [None, "reset"],
            "drain_timeout": [None, "5s"]}
        self.route = {
            "freebind": [None, "on"], "balance": [None, "rotate", "least", "source"],
            "health_check": [None, "5s"], "handshake_timeout": [None, "20s"],
            "connect_timeout": [None, "8s"], "idle_timeout": [None, "10m"],
            "tcp_user_timeout": [None, "90s"], "max_connections": [None, 1000],
            "max_connections_per_ip": [None, 500], "allow": [None, ["127.0.0.0/8"]],
            "deny": [None, ["192.0.2.0/24"]], "source": [None, "127.0.0.2"],
            "client_certificate": [None, "optional"], "min_version": [None, "1.3"],
            "alpn": [None, ["toy"]], "groups": [None, ["x25519", "secp256r1"]],
            "upstream": [[here], [here, f"127.0.0.1:{run.port()}"]]}
        self.client_ca = pki.people.certificate
        self.blocks = [pki.mail.block(), pki.renewed.block()]

    def draw(self, dice):
        """(blocks, settings) of one configuration."""
        top = {key: dice.choice(values) for key, values in self.top.items()}
        keys = {key: dice.choice(values) for key, values in self.route.items()}
        if keys["client_certificate"]:
            keys["client_ca"] = self.client_ca
        names = [server_name(name, self.upstream) for name in ("a.example", "b.example")
                 if dice.random() < 0.5]
        blocks = [*self.blocks, route("always", self.port, keys.pop("upstream"), names=names,
                                      certificate=dice.choice([["mail"], ["mail", "renewed"]]), **keys)]
        if dice.random() < 0.5:
            blocks.append(route("sometimes", self.second, self.upstream))
        if dice.random() < 0.5:
            blocks.append(acme("challenges", self.acme, self.challenges))
        return blocks, top


@pytest.fixture
def choices(run, pki, toys, request):
    folder = run.make_folder(re.sub(r"\W", "-", request.node.name))
    return Choices(run, pki, folder, toys(toy.echo).port)


def test_each_key_of_the_top_takes_part(choices):
    text = (TREE / "config" / "schema.c").read_text()
    rows = text[text.index("global_keys[] = {"):]
    keys = set(re.findall(r'^    \{"([a-z-]+)"', rows[:rows.index(".name = NULL")], re.MULTILINE))
    assert keys - {key.replace("_", "-") for key in choices.top} == {"user", "control"}  # the harness needs them as they are


@pytest.mark.parametrize("sandbox", ["on", "off"])
def test_no_company_of_keys_harms(fronts, pki, choices, sandbox):
    dice = random.Random(sandbox)
    choices.top["sandbox"] = [sandbox]
    if sandbox == "on":
        choices.top["start_with"] = [None]  # it wants a directory that was given up
    blocks, top = choices.draw(dice)
    front = fronts.start(*blocks, **top)
    with tls.TlsClient(choices.port, tls.context(pki)) as session:
        for number in range(ROUNDS):
            blocks, top = choices.draw(dice)
            front.write(*blocks, **top)
            done = front.reload()
            assert done.returncode == 0, f"{number}: {done}\n{front.file.read_text()}"
            assert len(front.status()["ticket_keys"]) == len(top["ticket_key"] or [])
            if top["observe"]:
                assert fetch(choices.observe, "/metrics")[0] == 200
            with tls.TlsClient(choices.port, tls.context(pki)) as client:
                assert tls.says(client)
        assert tls.says(session)
