"""Three machines behind a balancer: clients in front, a server behind, in network namespaces.

    client 198.18.1.2 ---- 198.18.1.1 hub 198.18.2.1 ---- 198.18.2.2 server
                          198.18.11.1  |
                          198.18.12.1  +---- one 198.18.11.2, two 198.18.12.2, three 198.18.13.2
                          198.18.13.1

The balancer is on the hub. Each machine has its files under the same path, by a mount of its own, so
that equal machines have equal configurations.
"""

import base64
import os
import signal
import ssl
import subprocess
import threading
from collections import Counter

from clients import tls
from clients.observer import Metrics
from harness import config
from harness.binary import Binary
from harness.daemon import Tlsfront
from harness.netns import Namespaces
from harness.process import Process, descendants, kill_own
from harness.wait import wait_until
from servers import common
from servers.haproxy import HEAD, Haproxy
from servers.toy import Toy

ROLES = ("one", "two", "three")
NETS = {role: f"198.18.{11 + n}." for n, role in enumerate(ROLES)}
BALANCER, CLIENT, SERVER = "198.18.1.1", "198.18.1.2", "198.18.2.2"
PORT, UPSTREAM_PORT, AGENT_PORT = 995, 110, 9771  # in namespaces of our own
LINKS = (("client", "hub", "198.18.1.", "fd00:1::"), ("server", "hub", "198.18.2.", "fd00:2::"),
         *((role, "hub", NETS[role], f"fd00:{11 + n}::") for n, role in enumerate(ROLES)))
MACHINE = 'mount --bind "$1" "$2"; shift 2; exec "$@"'
GREETING = b"+OK hello\r\n"


# ---- the server ----------------------------------------------------------------------------------

class Server(Toy):
    """Notes whom the PROXY header names, then speaks POP3."""

    def __init__(self):
        self.clients = Counter()
        super().__init__(self._talk, (SERVER, UPSTREAM_PORT))

    def _talk(self, connection):
        lines = connection.makefile("rb")
        header = lines.readline().split()
        if header[:2] != [b"PROXY", b"TCP4"]:
            return
        self.clients[header[2].decode()] += 1
        connection.sendall(GREETING)
        for line in lines:
            connection.sendall(b"+OK " + line)
            if line.strip().upper() == b"QUIT":
                return


# ---- machines ------------------------------------------------------------------------------------

class Machine:
    """Its files, `folder` outside and `place` inside."""

    def __init__(self, run, spaces, role, place, pair, tickets):
        self.role, self.place = role, place
        self.folder = run.make_folder(f"{place.name}-{role}")
        self.wrapper = (*spaces.wrapper(role), "sh", "-ec", MACHINE, "sh", self.folder, place)
        self.install(pair)
        self.put(tickets)

    def put(self, files):
        """As a tool for such does it: a new file in the place of the old one."""
        for name, data in files.items():
            (self.folder / f"{name}.new").write_bytes(data)
            os.rename(self.folder / f"{name}.new", self.folder / name)

    def install(self, pair):
        self.put({"mail.crt": pair.chain.read_bytes(), "mail.key": pair.key.read_bytes()})


class Frontend(Tlsfront):
    """tlsfront on a machine, from a binary of its own that can be upgraded."""

    def __init__(self, run, machine, binary, **options):
        self.machine, self.own = machine, Binary(machine.folder, binary)
        self.outside = machine.folder
        place = machine.place
        options = {"control": place / "control.sock", "state": place / "state",
                   "observe": [f"unix:{place}/observer.sock"], "observe_agent": [f":{AGENT_PORT}"],
                   "ticket_key": [place / "ticket.key", place / "ticket-2.key"],
                   "drain_timeout": "30s"} | options
        super().__init__(run, place / "tlsfront", f"{machine.folder.name}-log", [],
                         wrapper=machine.wrapper, **options)
        self.file = place / "tlsfront.conf"
        self.arrange()

    def arrange(self, **options):
        """The configuration: that of all machines, unless told otherwise."""
        place = self.machine.place
        self.write(
            f"certificate mail {{\n    chain = {place}/mail.crt\n    key = {place}/mail.key\n}}\n",
            config.route("mail", f":{PORT}", f"{SERVER}:{UPSTREAM_PORT}", **({
                "protocol": "pop3", "send_proxy": "v1",
                "accept_proxy_from": [f"{net}1" for net in NETS.values()]} | options)))

    def write(self, *blocks, **options):
        self.options |= options
        (self.outside / "tlsfront.conf").write_text(
            config.settings(self.options) + "".join(blocks))

    def command(self, *arguments, text=None, timeout=60):
        return subprocess.run([*map(str, self.wrapper), self.tool, *map(str, arguments)], input=text,
                              text=True, capture_output=True, timeout=timeout, check=False)

    def metrics(self):
        return Metrics(self.outside / "observer.sock")

    # ---- what is done to it ----

    def stop(self):
        self.terminate()

    def begin(self):
        self.finished = False
        self.start()

    def kill(self):
        """All of it at once, as when a machine loses its power."""
        family = descendants(self.pid)
        self.process.popen.kill()
        self.process.wait()
        for pid in family:
            kill_own(pid)
        self.finished = True

    def drained(self, wanted):
        if self.status()["ready"] == wanted:
            done = self.command("drain", "-c", self.file)
            assert done.returncode == 0, done.stderr

    def _reload_well(self):
        done = self.reload()
        assert done.returncode == 0, done.stderr

    def renew(self, pair):
        self.machine.install(pair)
        self._reload_well()

    def take_tickets(self, files):
        self.machine.put(files)
        self._reload_well()

    def next_version(self):
        return "9" * len(self.own.version())

    def upgrade(self, version):
        self.own.release(version)
        self._upgrade()

    def upgrade_to(self, binary):
        self.own.replace(binary.read_bytes())
        self._upgrade()

    def _upgrade(self):
        done = self.command("upgrade", "-c", self.file, timeout=90)
        assert done.returncode == 0, done.stderr


class HaproxyFrontend:
    """haproxy that does TLS itself, for comparison."""

    SECTIONS = """
listen mail
    bind :{port} ssl crt {place}/mail.pem tls-ticket-keys {place}/ticket.key
    tcp-request connection expect-proxy layer4 if {{ src {balancers} }}
    server mail {server}:{upstream} send-proxy
"""

    def __init__(self, run, machine):
        self.run, self.machine, self.process = run, machine, None
        folder, place = machine.folder, machine.place
        (folder / "haproxy.cfg").write_text(HEAD.format(folder=place) + self.SECTIONS.format(
            port=PORT, place=place, server=SERVER, upstream=UPSTREAM_PORT,
            balancers=" ".join(f"{net}1" for net in NETS.values())))
        self._join()

    def _join(self):
        folder = self.machine.folder
        (folder / "mail.pem").write_text((folder / "mail.crt").read_text() +
                                         (folder / "mail.key").read_text())

    def begin(self):
        self.process = self.run.start(
            f"{self.machine.folder.name}-haproxy",
            [*self.machine.wrapper, common.program("haproxy", "haproxy"), "-W", "-db", "-f",
             self.machine.place / "haproxy.cfg"])

    start = begin

    def stop(self):
        self.process.send(signal.SIGUSR1)
        self.process.wait(60)

    terminate = stop

    def kill(self):
        Frontend.kill(self)

    @property
    def pid(self):
        return self.process.pid

    def _reload(self):
        before = descendants(self.pid)
        self.process.send(signal.SIGUSR2)
        wait_until(lambda: set(descendants(self.pid)) - set(before), "haproxy's next worker", 30)

    def renew(self, pair):
        self.machine.install(pair)
        self._join()
        self._reload()

    def take_tickets(self, files):
        self.machine.put(files)
        self._reload()

    def next_version(self):
        return ""  # the same again: it is re-executed by each reload

    def upgrade(self, version):
        self._reload()


# ---- balancers -----------------------------------------------------------------------------------

class HaproxyBalancer:
    """In TCP mode, with PROXY v2 and health checks."""

    def __init__(self, run, spaces, name, words):
        self.haproxy = Haproxy(run, name, "\n".join((
            "listen mail", f"    bind {BALANCER}:{PORT}", "    option redispatch 1", "    retries 5",
            *(f"    server {role} {NETS[role]}2:{PORT} send-proxy-v2 check inter 100ms rise 1 fall 2 "
              f"{words}" for role in ROLES))) + "\n", wrapper=spaces.wrapper("hub"))

    def take_out(self, frontend):
        """It is told, by the machine itself where that can tell, and has noticed."""
        if isinstance(frontend, Frontend):
            frontend.drained(True)
        else:
            self.haproxy.ask(f"set server mail/{frontend.machine.role} state drain")
        self.haproxy.wait_for("mail", frontend.machine.role, "DRAIN")

    def notices_death(self, frontend):
        self.haproxy.wait_for("mail", frontend.machine.role, "DOWN")

    def take_back(self, frontend):
        if isinstance(frontend, Frontend):
            frontend.drained(False)
        else:
            self.haproxy.ask(f"set server mail/{frontend.machine.role} state ready")
        self.haproxy.wait_for("mail", frontend.machine.role, "UP")

    def close(self):
        self.haproxy.stop()


class Dnat:
    """The kernel's, by nftables: it looks at nobody, and is told."""

    TABLE = """
table ip fleet {{}}
delete table ip fleet
table ip fleet {{
    chain prerouting {{
        type nat hook prerouting priority dstnat; policy accept;
        ip daddr {balancer} tcp dport {port} dnat to numgen inc mod {count} map {{ {map} }}
    }}
}}
"""

    def __init__(self, spaces):
        self.spaces, self.roles = spaces, list(ROLES)
        self._write()

    def _write(self):
        self.spaces.command("hub", "nft", "-f", "-", text=self.TABLE.format(
            balancer=BALANCER, port=PORT, count=len(self.roles),
            map=", ".join(f"{n} : {NETS[role]}2" for n, role in enumerate(self.roles))))

    def take_out(self, frontend):
        self.roles.remove(frontend.machine.role)
        self._write()

    notices_death = take_out

    def take_back(self, frontend):
        self.roles.append(frontend.machine.role)
        self._write()

    def close(self):
        self.spaces.command("hub", "nft", "delete", "table", "ip", "fleet")


# ---- clients -------------------------------------------------------------------------------------

class Tally:
    """What became of those who came."""

    def __init__(self):
        self.lock = threading.Lock()
        self.served, self.resumed = 0, 0
        self.refused, self.lost = [], []
        self.serials = Counter()

    def note(self, kind, what):
        with self.lock:
            getattr(self, kind).append(what)


class Visitor(threading.Thread):
    """Comes, says a word and leaves, over and over, with the ticket of the last time."""

    def __init__(self, spaces, settings, tally):
        super().__init__(daemon=True)
        self.spaces, self.settings, self.tally = spaces, settings, tally
        self.ticket = None
        self.stopping = threading.Event()

    def run(self):
        self.spaces.enter("client")
        while not self.stopping.is_set():
            self._visit()
            self.stopping.wait(0.01)

    def _visit(self):
        try:
            client = open_session(self.settings, self.ticket)
        except (OSError, ssl.SSLError, AssertionError) as error:
            self.tally.note("refused", repr(error))
            return
        with client:
            try:
                assert client.command(b"NOOP").startswith(b"+OK")
                self._served(client)
            except (OSError, ssl.SSLError, AssertionError) as error:
                self.tally.note("lost", repr(error))

    def _served(self, client):
        with self.tally.lock:
            self.tally.served += 1
            self.tally.resumed += client.tls.session_reused
        self.ticket = client.tls.session


def open_session(settings, ticket=None):
    """One that has been greeted; in the calling thread's namespace."""
    client = tls.TlsClient(PORT, settings, host=BALANCER, session=ticket)
    try:
        greeting = client.read_until(b"\r\n")
        assert greeting == GREETING, greeting
    except BaseException:
        client.socket.close()
        raise
    return client


class Visitors:
    """So many at once, from now on until stop()."""

    def __init__(self, spaces, settings, count=2):
        self.tally = Tally()
        self.all = [Visitor(spaces, settings, self.tally) for _ in range(count)]
        for one in self.all:
            one.start()

    def wait_for(self, more=20):
        """Until so many more have been served, or turned away."""
        def seen():
            return self.tally.served + len(self.tally.refused) + len(self.tally.lost)

        target = seen() + more
        wait_until(lambda: seen() >= target, f"{more} more to come", 120)

    def stop(self):
        for one in self.all:
            one.stopping.set()
        for one in self.all:
            one.join()
        return self.tally


# ---- ticket keys, before a change and after each of its steps -----------------------------------

def tlsfront_tickets():
    """As docs/operations.md says: first all open what the new key has sealed, then all seal with it."""
    spare, old, new = (os.urandom(48) for _ in range(3))
    return [{"ticket.key": first, "ticket-2.key": second}
            for first, second in ((old, spare), (old, new), (new, old))]


def haproxy_tickets():
    """The last but one of three seals; the last waits for the next change."""
    keys = [base64.b64encode(os.urandom(48)) + b"\n" for _ in range(4)]
    return [{"ticket.key": b"".join(keys[:3])}, {"ticket.key": b"".join(keys[1:])}]


# ---- the whole -----------------------------------------------------------------------------------

class Fleet:
    """`kind` is "tlsfront" or "haproxy"; `through` is "haproxy" or "dnat". `options` are global settings
    of tlsfront's."""

    def __init__(self, run, pki, binary, name, *, kind="tlsfront", through="haproxy", **options):
        self.spaces = Namespaces(LINKS)
        self.spaces.command("hub", "sysctl", "-q", "net.ipv4.ip_forward=1")
        self.settings = tls.context(pki)
        self.server = self.spaces.run("server", Server)
        place = run.make_folder(name)
        first, *self.ticket_steps = (tlsfront_tickets if kind == "tlsfront" else haproxy_tickets)()
        machines = [Machine(run, self.spaces, role, place, pki.mail, first) for role in ROLES]
        self.frontends = [Frontend(run, one, binary, **options) if kind == "tlsfront"
                          else HaproxyFrontend(run, one) for one in machines]
        for one in self.frontends:
            one.start()
        asks = kind == "tlsfront" and options.get("observe_agent", True)
        words = f"agent-check agent-port {AGENT_PORT} agent-inter 100ms" if asks else ""
        self.balancer = Dnat(self.spaces) if through == "dnat" else \
            HaproxyBalancer(run, self.spaces, f"{name}-balancer", words)
        if through == "haproxy":
            for one in self.frontends:
                self.balancer.haproxy.wait_for("mail", one.machine.role, "UP")

    def visitors(self, count=2):
        return Visitors(self.spaces, self.settings, count)

    def sessions(self, count):
        """Open, and greeted."""
        return [self.spaces.run("client", lambda: open_session(self.settings)) for _ in range(count)]

    def close(self):
        problems = []
        for close in (self.balancer.close, *(one.terminate for one in self.frontends
                                             if one.process.running()), self.server.close):
            try:
                close()
            except AssertionError as problem:
                problems.append(str(problem))
        self.spaces.close()
        assert problems == [], "\n".join(problems)
