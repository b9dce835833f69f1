"""How each figure is taken: one function per kind of case, named by Case.measure.

Each takes the stage, a function that gives the proxy of a peer that runs all the time, the case and
the peer, and returns the figure of one round.
"""

import math
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from statistics import median

from processes import family, rationed, urgent
from stage import HOST, settle

GB = 1_000_000_000
PAIRS = 7


@contextmanager
def client_of(stage, proxy, case):
    """The case's client, ready."""
    client = stage.client(proxy, case.work, count=case.count, **case.tls, **case.more)
    try:
        yield client
    finally:
        client.dismiss()
        settle()


def work_cost(stage, proxy, case, meanwhile=nullcontext):
    """Runs the case's client once. Returns the CPU seconds of each process of the proxy."""
    with client_of(stage, proxy, case) as client:
        settle()
        before = proxy.cpu_times()
        with meanwhile(proxy.pid):
            client.start()
            client.result()
        settle()
        after = proxy.cpu_times()
    return {pid: after[pid] - before.get(pid, 0) for pid in after}


def cost(stage, proxy, case, meanwhile=nullcontext):
    """CPU time of one unit of the case."""
    units = case.count / GB if case.work in ("download", "upload", "script") else case.count
    return sum(work_cost(stage, proxy, case, meanwhile).values()) / units / case.per


def cpu(stage, proxy_of, case, peer):
    return cost(stage, proxy_of(peer), case)


def busy(stage, proxy_of, case, peer):
    """The same where the proxy never comes to the end of its work, as on a machine that is full."""
    return cost(stage, proxy_of(peer), case, rationed)


def script(stage, proxy_of, case, peer):
    """What a protocol's route adds: its cost for a script, that of a tcp route = 1."""
    with stage.actor(case) as backend:
        protocol = case.more["script"].partition("-")[0]
        routes = [stage.route_to(name, backend, protocol=name) for name in (protocol, "tcp")]
        proxy = fresh(stage, peer, extra=routes)
        try:
            inside, beside = (replace(case, tls={**case.tls, "route": route.name}) for route in routes)
            return median(cost(stage, proxy, inside) / cost(stage, proxy, beside) for _ in range(PAIRS))
        finally:
            stage.stop_proxy(proxy)


def latency(stage, proxy_of, case, peer):
    proxy = proxy_of(peer)
    with client_of(stage, proxy, case) as client:
        involved = [*family(proxy.pid), client.process.pid, *(each.pid for each in stage.backends)]
        with urgent(involved):
            client.start()
            return client.result()["p99_us"]


def fresh(stage, peer, workers=1, cpus=None, extra=()):
    """A proxy that has served a few connections, so that what is made once has been made."""
    proxy = stage.start_proxy(peer, workers, cpus, extra)
    suite = "TLS_AES_128_GCM_SHA256"
    warm_up = stage.client(proxy, "handshake", suite=suite, count=100, conns=2)
    try:
        warm_up.start()
        warm_up.result()
    finally:
        warm_up.dismiss()
    settle()
    return proxy


class Idlers:
    """So many sessions that do nothing, held by several clients; `work`: of what kind."""

    def __init__(self, stage, proxy, case, count, work="idle"):
        self.clients = []
        room = stage.files - 100
        while len(stage.backends) < math.ceil(count * 1.2 / room):  # they do not share quite evenly
            stage.add_backend()
        routes = [name for name in proxy.ports if name != "rsa"]
        share = min(math.ceil(count / len(routes)), room)
        try:
            for begin in range(0, count, share):
                part = min(share, count - begin)
                route = routes[len(self.clients) % len(routes)]
                client = stage.client(proxy, work, route=route, count=part, **case.tls)
                self.clients.append(client)
        except BaseException:
            self.dismiss()
            raise

    def dismiss(self):
        for client in self.clients:
            client.dismiss()


def workers_for(stage, sessions):
    """A session is two open files of its worker. Workers do not share quite evenly."""
    room = (stage.files - 200) / 2
    return 1 if sessions <= room else math.ceil(sessions * 1.1 / room)


def notes(stage, cases):
    """What a reader of the table has to know about this machine."""
    found = []
    for case in cases:
        workers_needed = workers_for(stage, case.idle or (case.count if case.work in ("idle", "half") else 0))
        if workers_needed > 1:
            found.append(
                f"{case}: with {workers_needed} workers, because a process may have"
                f" {stage.files:,} open files here and a session needs two."
            )
    return found


def memory(stage, proxy_of, case, peer):
    """What one more session adds. Without what the kernel needs for its sockets."""
    proxy = fresh(stage, peer)
    try:
        before = proxy.memory()
        idlers = Idlers(stage, proxy, case, case.count, case.work)
        try:
            settle()
            return (proxy.memory() - before) / case.count / case.per
        finally:
            idlers.dismiss()
    finally:
        stage.stop_proxy(proxy)


def many(stage, proxy_of, case, peer):
    """All of the proxy's memory, not the difference."""
    proxy = fresh(stage, peer, workers_for(stage, case.count))
    try:
        idlers = Idlers(stage, proxy, case, case.count, case.work)
        try:
            settle()
            return proxy.memory() / case.per
        finally:
            idlers.dismiss()
    finally:
        stage.stop_proxy(proxy)


def hundreds(stage, peer, case):
    """The case's certificates, and one that is asked for by name, at a route "hundreds"."""
    route = stage.route("hundreds", "ecdsa", 0)
    route.others = stage.other_certificates(case.certificates)
    return fresh(stage, peer, extra=[route])


def certificates(stage, proxy_of, case, peer):
    """The cost of a unit at a route with many certificates, at one with a single one = 1."""
    proxy = hundreds(stage, peer, case)
    try:
        by_name = {**case.tls, "name": HOST}
        among, alone = (replace(case, tls={**by_name, "route": route}) for route in ("hundreds", "ecdsa"))
        return median(cost(stage, proxy, among) / cost(stage, proxy, alone) for _ in range(PAIRS))
    finally:
        stage.stop_proxy(proxy)


def certificate_memory(stage, proxy_of, case, peer):
    """What one more certificate adds, in all processes."""
    few = fresh(stage, peer)
    many = hundreds(stage, peer, case)
    try:
        return (many.memory() - few.memory()) / case.certificates / case.per
    finally:
        stage.stop_proxy(few)
        stage.stop_proxy(many)


def workers(stage, proxy_of, case, peer):
    """What two workers on two free CPUs would carry, if one carries 1.

    Client and backend need one of the two CPUs here, so that the rate itself says nothing. CPU time
    does: each worker has its own, and two are done when the busier one is.
    """
    one, two = fresh(stage, peer), fresh(stage, peer, 2, stage.proxy_cpus + stage.client_cpus)
    try:
        alone = sum(work_cost(stage, one, case).values())
        return alone / max(work_cost(stage, two, case).values())
    finally:
        stage.stop_proxy(one)
        stage.stop_proxy(two)


def burden(stage, proxy_of, case, peer):
    """The cost of a unit beside many idle sessions, relative to that of a proxy without: both in
    turn, several times."""
    count = workers_for(stage, case.idle)
    loaded, free = fresh(stage, peer, count), fresh(stage, peer, count)
    try:
        idlers = Idlers(stage, loaded, case, case.idle)
        try:
            return median(cost(stage, loaded, case) / cost(stage, free, case) for _ in range(PAIRS))
        finally:
            idlers.dismiss()
    finally:
        stage.stop_proxy(loaded)
        stage.stop_proxy(free)
