"""Pebble: a real ACME authority on loopback, with a name server that puts every name there."""

import json
import ssl
import urllib.request

from servers import common


class Pebble:
    """It comes to `http_port` for http-01 and to `tls_port` for tls-alpn-01."""

    def __init__(self, run, pki, http_port, tls_port):
        program = common.program("pebble", "pebble")
        names = common.program("pebble-challtestsrv", "pebble")
        folder = run.make_folder(f"pebble-{http_port}")
        self.port, self.management, dns, control = (run.port() for _ in range(4))
        self.pki = pki
        config = folder / "config.json"
        config.write_text(json.dumps({"pebble": {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(pki.mail.chain), "privateKey": str(pki.mail.key),
            "httpPort": http_port, "tlsPort": tls_port,
            "ocspResponderURL": "", "externalAccountBindingRequired": False}}))
        resolver = run.start("pebble-names", [
            names, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", f"127.0.0.1:{dns}",
            "-http01", "", "-https01", "", "-tlsalpn01", "", "-management", f"127.0.0.1:{control}"],
            log=folder / "names.log")
        common.wait_for_port(resolver, control)
        # Every order is validated anew, and at once.
        self.process = run.start("pebble", [
            program, "-strict", "-config", config, "-dnsserver", f"127.0.0.1:{dns}"],
            log=folder / "pebble.log", env={
                "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"})
        common.wait_for_port(self.process, self.port)
        common.wait_for_port(self.process, self.management)
        self.url = f"https://127.0.0.1:{self.port}/dir"

    def root(self):
        """The certificate that its certificates lead to, PEM."""
        trust = ssl.create_default_context(cafile=self.pki.trust)
        with urllib.request.urlopen(f"https://127.0.0.1:{self.management}/roots/0", timeout=30,
                                    context=trust) as answer:
            return answer.read().decode()
