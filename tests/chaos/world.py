"""The daemon with all kinds of routes, those behind it, and what everybody has to know of the trouble made."""

import random
import subprocess
import threading
import time

from clients.dialects import ALL
from harness import config
from harness.daemon import Tlsfront
from harness.modes import HOSTNAME
from servers import secure, toy
from servers.recording import Recording

from moody import Moody, MoodyTls

MODES = ("implicit", "required", "optional")
WORKERS = 3
TOKEN = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ"

# The daemon's own /etc/hosts. The second has addresses that change, the first comes and goes.
FICKLE, MOVING = "fickle.chaos.test", "moving.chaos.test"
OWN_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'

# Those who never end anything must not outlive the run.
SHORT = {"handshake_timeout": "4s", "connect_timeout": "2s", "idle_timeout": "6s"}


class Forgetful(Recording):
    """Speaks the protocol, notes nothing; on every address of loopback. What it does not understand ends the
    connection."""

    def __init__(self, protocol):
        super().__init__(protocol, where=("0.0.0.0", 0))

    def _record(self, connection):
        try:
            super()._record(connection)
        except (IndexError, KeyError, ValueError):
            pass

    def note(self):
        session = super().note()
        self.sessions.clear()
        self.sessions.append(session)  # the base looks how many there were
        return session


class Trouble:
    """When workers were killed or stopped: sessions may have been lost then."""

    def __init__(self):
        self.lock, self.open, self.last = threading.Lock(), 0, 0.0

    def __enter__(self):
        with self.lock:
            self.open += 1

    def __exit__(self, *_):
        with self.lock:
            self.open -= 1
            self.last = time.monotonic()

    def since(self, moment):
        with self.lock:
            return self.open > 0 or self.last >= moment


class Front(Tlsfront):
    """Its file is replaced as a whole, because somebody reads it all the time."""

    def write(self, *blocks, **options):
        self.options |= options
        new = self.file.with_suffix(".new")
        new.write_text(config.settings(self.options) + "".join(blocks))
        new.replace(self.file)


class World:
    def __init__(self, run, pki, binary, seed):
        self.run, self.pki, self.seed = run, pki, seed
        self.trouble, self.problems, self.counts = Trouble(), [], {}
        self.most_workers = 0  # at a time, those of before an upgrade too
        self.lock, self.stopping = threading.Lock(), threading.Event()
        self.ports, self.blocks, self.toys = {}, [pki.mail.block(), pki.renewed.block()], []
        self.tokens = run.make_folder("tokens")
        self.observer, self.ticket_key = run.port(), run.make_folder("tickets") / "key"
        subprocess.run([binary, "key", "ticket-new", self.ticket_key], check=True,
                       capture_output=True)
        self.hosts = run.folder / "hosts"
        self.name_upstreams(random.Random(0))
        self._make_routes()
        self.front = Front(run, binary, "chaos", self.blocks, workers=WORKERS,
                              drain_timeout="5s", observe=f"127.0.0.1:{self.observer}",
                              ticket_key=self.ticket_key, log=run.folder / "chaos" / "daemon.log",
                              wrapper=("unshare", "--mount", "sh", "-ec", OWN_HOSTS, self.hosts))

    # ---- routes ----------------------------------------------------------------------------

    def _add(self, name, upstream, **options):
        self.ports[name] = self.run.port()
        self.blocks.append(config.route(name, self.ports[name], upstream, hostname=HOSTNAME,
                                        **options))

    def _toy(self, made):
        self.toys.append(made)
        return made.port

    def _make_routes(self):
        for dialect in ALL:
            good = self._toy(Forgetful(dialect.protocol))
            bad = self._toy(Moody(dialect.protocol, self.seed))
            for mode in MODES:
                names = {"protocol": dialect.protocol, "tls": mode}
                self._add(f"{dialect.protocol}-{mode}", f"{MOVING}:{good}", **names)
                self._add(f"{dialect.protocol}-{mode}-moody",
                          [f"{FICKLE}:{bad}", f"127.0.0.1:{bad}"], **names, **SHORT,
                          greeting_timeout=None if dialect.protocol == "ldap" else "2s")
        echo = self.echo = self._toy(toy.Toy(toy.echo))
        self._add("echo", echo, certificate=("mail", "renewed"))
        self._add("announced", echo, accept_proxy_from=("127.0.0.0/8",))
        self._add("announcing", echo, send_proxy="v2", **SHORT)
        self._add("limited", echo, max_connections=20, max_connections_per_ip=5, **SHORT)
        self._make_guarded_routes(echo)
        self._make_routes_of_several_servers(echo)
        for need in ("optional", "required"):
            self._add(f"people-{need}", echo, client_certificate=need, client_crl=self.pki.crl,
                      client_ca=self.pki.people.certificate)
        self.ports["acme"] = self.run.port()
        self.blocks.append(config.acme("acme", self.ports["acme"], self.tokens))

    def _make_guarded_routes(self, echo):
        """Honest clients come from 127.0.0.1, as those do who attack."""
        self._add("guarded", echo, allow=("127.0.0.0/8",), deny=("127.0.0.66/32",))
        self._add("closed", echo, deny=("0.0.0.0/0", "::/0"), **SHORT)
        self._add("rated", echo, connection_rate_per_ip="5/1s", **SHORT)
        self._add("rated-moody", self._toy(Moody("imap", self.seed)), protocol="imap", tls="optional",
                  connection_rate_per_ip="20/1s", health_check="200ms", **SHORT)

    def _make_routes_of_several_servers(self, echo):
        """Visited by health checks, balanced, chosen by name, reached by TLS."""
        good, moody = self._toy(Forgetful("pop3")), self._toy(Moody("pop3", self.seed))
        sick = [f"127.0.0.1:{moody}", f"127.0.0.2:{moody}", f"{FICKLE}:{moody}"]
        self._add("checked", [self.run.port(), good], protocol="pop3", balance="rotate",
                  health_check="200ms")
        for balance in ("least", "source"):
            self._add(f"sick-{balance}", sick, protocol="pop3", balance=balance, health_check="100ms",
                      greeting_timeout="1s", **SHORT)
        settings = secure.context(self.pki.mail)
        secured = self._toy(toy.Toy(secure.secured(settings, toy.echo)))
        self._add("secured", secured, upstream_tls="verify", upstream_ca=self.pki.trust,
                  health_check="500ms")
        moody_inside = self._toy(MoodyTls(settings, self.seed))
        self._add("secured-moody", [f"127.0.0.1:{moody_inside}", f"{FICKLE}:{moody_inside}"],
                  upstream_tls="verify", upstream_ca=self.pki.trust,
                  upstream_name="mail.example.test", **SHORT)
        self._add("not-secured", moody, upstream_tls="verify", upstream_ca=self.pki.trust, **SHORT)
        named = [config.server_name("mail.example.test", good, health_check="200ms"),
                 config.server_name("*.example.test", echo, max_connections=5)]
        for mode in ("implicit", "required"):
            self._add(f"named-{mode}", sick, protocol="pop3", tls=mode, names=named, **SHORT)

    def name_upstreams(self, rng):
        """In place: the daemon sees this file, not its name."""
        lines = ["127.0.0.1 localhost", f"127.0.{rng.randint(1, 9)}.1 {MOVING}"]
        if rng.random() < 0.7:
            lines.append(f"127.0.{rng.randint(1, 9)}.2 {FICKLE}")
        self.hosts.write_text("\n".join([*lines, ""]))

    # ---- what happened ---------------------------------------------------------------------

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def note_workers(self, status):
        with self.lock:
            self.most_workers = max(self.most_workers, len(status["workers"]))

    def problem(self, text):
        with self.lock:
            self.problems.append(f"{time.strftime('%H:%M:%S')} {text}")
        print(f"PROBLEM {text}", flush=True)

    def close(self):
        for one in self.toys:
            one.close()
