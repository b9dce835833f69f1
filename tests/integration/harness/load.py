"""A steady load of new connections."""

import threading

from clients import tls


class Client(threading.Thread):
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


class Load:
    """So many clients at once, from now on until stop()."""

    def __init__(self, port, settings, clients=2):
        self.clients = [Client(port, settings) for _ in range(clients)]
        for client in self.clients:
            client.start()

    def stop(self):
        for client in self.clients:
            client.stopping.set()
            client.join()

    @property
    def made(self):
        return [client.made for client in self.clients]

    @property
    def failures(self):
        return [failure for client in self.clients for failure in client.failures]
