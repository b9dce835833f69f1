"""What is done to the daemon itself: reloads, upgrades, signals, killed and stopped processes, names that move."""

import os
import re
import signal
import time

from harness import config
from harness.daemon import STATUS_CONFIG_WRONG
from harness.wait import wait_until

from world import WORKERS

REPLACED = 60  # seconds for a worker to be there again
GRACE = 2      # after it is, for what was lost to be noticed
MOST_WORKERS = 4
UPGRADED = 180  # seconds for the command to be back

MISTAKES = ("nonsense\n", "route half {\n", config.route("none", 1, 2, certificate=("missing",)),
            'certificate gone { chain = "/nowhere/chain.pem" }\n', 'user = ""\n', 'control = ""\n')
# What a route has after one reload, and has no more, or otherwise, after the next.
EXTRAS = ({}, {"connection_rate_per_ip": "2/1s"}, {"connection_rate_per_ip": "60/1m"}, {"health_check": "100ms"},
          {"deny": ("127.0.0.1",)}, {"names": [config.server_name("mail.example.test", max_connections=1)]},
          {"names": [config.server_name(f"n{n}.example.test", 9) for n in range(50)]})
DIED = re.compile(r"event=worker-died .*?pid (\d+)")


class Deeds:
    def __init__(self, world, rng):
        self.world, self.front, self.rng = world, world.front, rng
        self.extra = world.run.port()
        self.workers = WORKERS
        self.victims, self.rotated = set(), 0

    def do_one(self):
        deed, = self.rng.choices(list(HOW_OFTEN), HOW_OFTEN.values())
        self.world.count(f"deed {deed.__name__}")
        try:
            deed(self)
        except Exception as failure:  # whatever it is, it should have gone well
            self.world.problem(f"{deed.__name__}: {failure!r}")

    # ---- reloads ---------------------------------------------------------------------------

    def write(self, *more, workers):
        blocks = list(self.world.blocks)
        if self.rng.random() < 0.5:
            blocks[:2] = [self.world.pki.renewed.block().replace("certificate renewed", "certificate mail"),
                          blocks[1]]
        self.front.write(*blocks, *more, workers=workers)

    def reloads(self):
        workers = self.rng.randint(2, MOST_WORKERS)
        more = [config.route("extra", self.extra, self.world.echo, **self.rng.choice(EXTRAS))] \
            if self.rng.random() < 0.5 else []
        self.write(*more, workers=workers)
        done = self.front.reload()
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        self.workers = workers
        self.wait_for_workers()

    def reloads_by_signal(self):
        self.write(workers=self.workers)
        self.front.send(signal.SIGHUP)

    def reloads_with_a_mistake(self):
        self.write(self.rng.choice(MISTAKES), workers=self.workers)
        done = self.front.reload()
        assert done.returncode == STATUS_CONFIG_WRONG, f"{done.returncode}: {done.stdout}{done.stderr}"

    def returns_to_the_first(self):
        self.front.write(*self.world.blocks, workers=WORKERS)
        assert self.front.reload().returncode == 0
        self.workers = WORKERS

    def has_all_workers_once(self):
        """Their sockets stay when they go, so that no queue is lost."""
        self.front.write(*self.world.blocks, workers=MOST_WORKERS)
        assert self.front.reload().returncode == 0
        self.returns_to_the_first()

    # ---- workers ---------------------------------------------------------------------------

    def serving(self):
        """The workers' process ids, less those that only finish their sessions."""
        self.front.workers()  # it remembers them for the end
        return [one["pid"] for one in self.front.status()["workers"] if one["state"] == "running"]

    def wait_for_workers(self, *without):
        def all_there():
            pids = self.serving()
            return len(pids) == self.workers and not set(pids) & set(without)

        wait_until(all_there, f"{self.workers} workers, none of {without}", REPLACED)

    def choose(self, most=1):
        pids = self.serving()
        chosen = self.rng.sample(pids, min(len(pids), self.rng.randint(1, most)))
        self.victims |= set(chosen)
        return chosen

    def hurt(self, pids, number):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kills(self):
        with self.world.trouble:
            chosen = self.choose(4)
            self.hurt(chosen, signal.SIGKILL)
            self.wait_for_workers(*chosen)
            time.sleep(GRACE)

    def stops_for_a_moment(self):
        with self.world.trouble:
            chosen = self.choose(2)
            self.hurt(chosen, signal.SIGSTOP)
            time.sleep(self.rng.uniform(0.1, 3))
            self.hurt(chosen, signal.SIGCONT)
            time.sleep(GRACE)

    def stops_for_good(self):
        with self.world.trouble:
            chosen = self.choose()
            self.hurt(chosen, signal.SIGSTOP)
            if self.rng.random() < 0.5:  # one that hangs has no veto
                self.write(workers=self.workers)
                assert self.front.reload().returncode == 0
            self.wait_for_workers(*chosen)
            time.sleep(GRACE)

    # ---- upgrades and drains ---------------------------------------------------------------

    def upgrades(self):
        """To the same binary: sessions stay where they are, and everything else is anew."""
        self.write(workers=self.workers)
        pid = self.front.pid
        done = self.front.command("upgrade", "-c", self.front.file, timeout=UPGRADED)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        told = self.front.status()
        assert told["pid"] == pid
        self.world.note_workers(told)
        self.wait_for_workers()

    def is_not_ready_for_a_moment(self):
        for ready in (False, True):
            assert self.front.command("drain", "-c", self.front.file).returncode == 0
            assert (self.front.command("status", "--ready", "-c", self.front.file).returncode ==
                    0) == ready
            self.world.stopping.wait(self.rng.uniform(0, 1))

    def changes_the_ticket_key(self):
        """For the next reload."""
        done = self.front.command("key", "ticket-new", self.world.ticket_key, "--keep",
                                  self.world.ticket_key.with_suffix(".old"))
        assert done.returncode == 0, done.stderr

    # ---- others than workers ---------------------------------------------------------------

    def replaced(self, kind):
        """A process of that kind, killed."""
        chosen = self.rng.choice(self.front.processes(kind))
        self.hurt([chosen], signal.SIGKILL)
        wait_until(lambda: chosen not in self.front.processes(kind), f"the {kind}'s end")
        wait_until(lambda: self.front.processes(kind), f"another {kind}", REPLACED)

    def kills_a_helper(self):
        """That costs nobody anything."""
        self.replaced(self.rng.choice(("signer", "resolver")))

    def kills_the_observer(self):
        with self.world.trouble:
            self.replaced("observer")
            time.sleep(GRACE)

    # ---- the rest --------------------------------------------------------------------------

    def rotates_the_log(self):
        self.rotated += 1
        log = self.front.options["log"]
        log.rename(log.with_suffix(f".{self.rotated}"))
        self.front.send(signal.SIGUSR1)
        wait_until(log.exists, "the new log")

    def asks_for_the_status_in_the_log(self):
        self.front.send(signal.SIGUSR2)

    def moves_names(self):
        self.world.name_upstreams(self.rng)

    def rests(self):
        self.world.stopping.wait(self.rng.uniform(1, 5))

    # ---- afterwards ------------------------------------------------------------------------

    def unexplained_deaths(self):
        """Of workers that nobody here has killed or stopped: log lines."""
        log = self.front.options["log"]
        found = []
        for file in sorted(log.parent.glob(log.stem + ".*")):
            with file.open(errors="replace") as lines:
                found += [line for line in lines if (died := DIED.search(line))
                          and int(died[1]) not in self.victims]
        return found


HOW_OFTEN = {Deeds.reloads: 6, Deeds.reloads_with_a_mistake: 4, Deeds.reloads_by_signal: 2,
             Deeds.kills: 4, Deeds.stops_for_a_moment: 4, Deeds.stops_for_good: 1,
             Deeds.rotates_the_log: 2, Deeds.asks_for_the_status_in_the_log: 2,
             Deeds.moves_names: 4, Deeds.rests: 12, Deeds.upgrades: 2,
             Deeds.is_not_ready_for_a_moment: 1, Deeds.changes_the_ticket_key: 1,
             Deeds.kills_a_helper: 3, Deeds.kills_the_observer: 1}
