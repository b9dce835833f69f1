"""The stage of a run: certificates, backend, proxies and clients, each on its CPU."""

import json
import os
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager

from peers import Route, Setting
from processes import BenchError, Process, allow_many_files

KEY_TYPES = {
    "ecdsa": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "rsa": ["-newkey", "rsa:2048"],
}

HOST = "localhost"

# The one that must be used comes first. In TLS 1.2 the certificate's curve must be offered as well.
GROUPS = "X25519:P-256"
HYBRID = "X25519MLKEM768"

# Many connections to one address and port make the kernel search long for a free one.
MORE_ROUTES = 4


def key_files(directory, name):
    """Certificate, key, and both in one file."""
    return [os.path.join(directory, f"{name}.{kind}") for kind in ("crt", "key", "pem")]


def make_certificate(key, host, chain, secret):
    command = ["openssl", "req", "-x509", "-nodes", *KEY_TYPES[key], "-days", "60"]
    command += ["-keyout", secret, "-out", chain]
    command += ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    command += ["-addext", "extendedKeyUsage=serverAuth"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"openssl could not make a certificate:\n{done.stderr}")


def make_certificates(directory):
    for name in KEY_TYPES:
        chain, secret, pem = key_files(directory, name)
        make_certificate(name, HOST, chain, secret)
        with open(pem, "w", encoding="ascii") as joined:
            for part in (chain, secret):
                with open(part, encoding="ascii") as file:
                    joined.write(file.read())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Driven:
    """A program that prepares, says "ready", and takes a line for each further step. Prepared when
    constructed, then started, then dismissed."""

    def __init__(self, stage, name, command):
        self.process = Process(name, command, stage.client_cpus, stage.directory, pipes=True)
        try:
            self.wait_for("ready")
        except BaseException:
            self.process.stop()
            raise

    def _line(self):
        return self.process.child.stdout.readline()

    def tell(self):
        self.process.child.stdin.write("\n")
        self.process.child.stdin.flush()

    def start(self):
        self.tell()

    def wait_for(self, word):
        if self._line() != f"{word}\n":
            self.process.fail(f"did not get {word}")

    def result(self):
        line = self._line()
        if not line:
            self.process.fail("failed")
        return json.loads(line)

    def dismiss(self):
        self.process.stop()


class Client(Driven):
    """One run of bench-client."""

    def __init__(self, stage, program, port, arguments):
        super().__init__(stage, "client", [program, *arguments, "--port", str(port)])


class Stage:
    """Starts what a measurement asks for and ends all of it in close()."""

    def __init__(self, directory, programs, tlsfront):
        self.directory = directory
        self.client_program = os.path.join(programs, "bench-client")
        self.hybrid_program = os.path.join(programs, "bench-client-hybrid")
        self.backend_program = os.path.join(programs, "bench-backend")
        self.actor_program = os.path.join(programs, "bench-actor")
        self.tlsfront = tlsfront
        self.files = allow_many_files()
        self.backends = []
        self.proxies = {}

    def prepare(self, cpus):
        self.proxy_cpus, self.client_cpus = [cpus[0]], [cpus[1]]
        self.backend_port = free_port()
        os.chmod(self.directory, 0o755)  # workers that are nobody look into it
        make_certificates(self.directory)
        self.add_backend()

    def add_backend(self):
        """More than one only to hold more connections than one process may."""
        command = [self.backend_program, "0.0.0.0", str(self.backend_port)]
        name = f"backend-{len(self.backends)}"
        backend = Process(name, command, self.client_cpus, self.directory)
        self.backends.append(backend)
        backend.wait_for_port(self.backend_port)

    def program_of(self, peer):
        return peer.program or self.tlsfront

    @contextmanager
    def actor(self, case):
        """A backend that plays the case's script; gives its address."""
        port = free_port()
        command = [self.actor_program, case.more["script"], str(case.count), "127.0.0.1", str(port)]
        actor = Process("actor", command, self.client_cpus, self.directory)
        try:
            actor.wait_for_port(port)
            yield f"127.0.0.1:{port}"
        finally:
            actor.stop()

    def route_to(self, name, backend, key="ecdsa", **more):
        return Route(name, free_port(), *key_files(self.directory, key), backend, **more)

    def route(self, name, key, number):
        return self.route_to(name, f"127.0.0.{1 + number}:{self.backend_port}", key)

    def other_certificates(self, count):
        """Chain and key of so many, each with a name of its own."""
        files = [key_files(self.directory, f"other-{n}")[:2] for n in range(count)]
        for n, (chain, secret) in enumerate(files):
            if not os.path.exists(chain):
                make_certificate("ecdsa", f"host-{n}.example.test", chain, secret)
        return files

    def start_proxy(self, peer, workers=1, cpus=None, extra=()):
        """A fresh one, on the proxies' CPU unless cpus says otherwise; with further routes."""
        routes = [self.route(key, key, 0) for key in KEY_TYPES]
        routes += [self.route(f"more-{n}", "ecdsa", n) for n in range(1, MORE_ROUTES)]
        routes += extra
        directory = tempfile.mkdtemp(prefix=f"{peer.name}.", dir=self.directory)
        os.chmod(directory, 0o755)
        file = os.path.join(directory, f"{peer.name}.conf")
        with open(file, "w", encoding="ascii") as out:
            setting = Setting(directory, routes, workers, self.files, bool(extra))
            out.write(peer.configuration(setting))
        command = peer.command(self.program_of(peer), file)
        proxy = Process(peer.name, command, cpus or self.proxy_cpus, directory)
        proxy.peer, proxy.ports = peer, {route.name: route.port for route in routes}
        self.proxies[proxy.pid] = proxy
        for port in proxy.ports.values():
            proxy.wait_for_port(port)
        return proxy

    def stop_proxy(self, proxy):
        del self.proxies[proxy.pid]
        proxy.stop()

    def client(self, proxy, work, key="ecdsa", route=None, version="1.3", suite=None, groups=GROUPS,
               **more):
        """Arguments as in options.c; a value of True is an option without one."""
        arguments = [work, "--tls", version if proxy.peer.tls else "none"]
        if proxy.peer.tls:
            certificate = key_files(self.directory, key)[0]
            arguments += ["--suite", suite, "--groups", groups, "--certificate", certificate]
        for name, value in more.items():
            if value is True and proxy.peer.tls:
                arguments.append(f"--{name}")
            elif value is not True and value:
                arguments += [f"--{name}", str(value)]
        program = self.hybrid_program if HYBRID in groups else self.client_program
        return Client(self, program, proxy.ports[route or key], arguments)

    def close(self):
        for process in [*self.proxies.values(), *self.backends]:
            process.stop()


def settle():
    """What the proxy still does for the last connections belongs to them."""
    time.sleep(0.03)
