"""Both ways of STARTTLS in front of one server."""

from harness.config import route

MODES = ("required", "optional")
HOSTNAME = "front.example.test"  # what tlsfront calls itself


def start_both(fronts, run, pki, protocol, upstream, **options):
    """A daemon with a route for each mode: {mode: port}. With `allowed` a third, optional, where
    passwords may pass in clear, and `implicit` a fourth."""
    ports = {name: run.port() for name in (*MODES, "allowed", "implicit")}
    front = fronts.start(pki.mail.block(), *(
        route(name, port, upstream, protocol=protocol, hostname=HOSTNAME,
              tls="optional" if name == "allowed" else name,
              plaintext_login="allow" if name == "allowed" else None, **options)
        for name, port in ports.items()))
    return front, ports
