"""A steady load of new connections."""

import threading

from clients import tls


class Load(threading.Thread):
    """Connects, talks and leaves, over and over; notes every failure."""

    def __init__(self, port, settings):
        super().__init__(daemon=True)
        self.port, self.settings = port, settings
        self.made, self.failures = 0, []
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            try:
                with tls.TlsClient(self.port, self.settings) as client:
                    assert tls.says(client)
                self.made += 1
            except Exception as error:  # whatever it is, it is a lost connection
                self.failures.append(repr(error))
