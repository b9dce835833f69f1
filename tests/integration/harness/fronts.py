"""The daemons of one test module."""

from harness.daemon import Tlsfront


class Fronts:
    def __init__(self, run, binary, name):
        self.run, self.binary, self.name = run, binary, name
        self.made = []

    def new(self, *blocks, **options):
        """Configured, not started."""
        # Tests end their sessions; a drain that lasts is a test that forgot to.
        options = {"drain_timeout": "5s"} | options
        front = Tlsfront(self.run, self.binary, f"{self.name}-{len(self.made)}", blocks, **options)
        self.made.append(front)
        return front

    def start(self, *blocks, **options):
        return self.new(*blocks, **options).start()

    def finish(self):
        """Every daemon that still runs must end well."""
        problems = []
        for front in self.made:
            if front.process is None or front.finished:
                continue
            try:
                front.terminate()
            except AssertionError as problem:
                problems.append(f"{front.folder.name}: {problem}")
                front.process.stop()
        assert problems == [], "\n".join(problems)
