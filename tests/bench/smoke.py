"""Does the bench still work? A little of everything with tlsfront alone; figures are not judged."""

import os
from dataclasses import replace
from math import isfinite

import measure
import overload
from cases import CASES, HYBRID
from peers import PEERS
from processes import BenchError

AMOUNT = {"handshake": 4, "echo": 20, "download": 200_000, "upload": 200_000, "idle": 20, "half": 20, "abort": 4,
          "script": 200_000}


def check_refusal(stage, proxy):
    """A client that cannot be disappointed proves nothing."""
    try:
        stage.client(proxy, "handshake", key="ecdsa", route="rsa", **CASES[0].tls).dismiss()
    except BenchError as error:
        if "another certificate" in str(error):
            return
        raise
    raise BenchError("the client takes a wrong certificate")


def check_floods(stage, tlsfront):
    client_files = overload.make_chain(stage.directory, 2048)
    for flood in overload.FLOODS:
        found = overload.observe(stage, tlsfront, replace(flood, crowd=4), 0.2, client_files)
        if any(found[kind]["failed"] or not found[kind]["served"] for kind in overload.HONEST):
            raise BenchError(f"{flood.name}: honest clients are not served beside four others")
        print(f"ok  flood {flood.name}", flush=True)


def check(stage):
    tlsfront = next(peer for peer in PEERS if peer.name == "tlsfront")
    running = measure.fresh(stage, tlsfront)
    check_refusal(stage, running)
    measure.PAIRS = 1
    for case in CASES:
        if case.tls is HYBRID and not os.path.exists(stage.hybrid_program):
            continue  # its client is built for a whole bench only
        small = replace(case, count=AMOUNT[case.work], idle=20 if case.idle else 0,
                        certificates=3 if case.certificates else 0)
        figure = getattr(measure, case.measure)(stage, lambda peer: running, small, tlsfront)
        # So few sessions may fit in memory that the proxy had already.
        if not isfinite(figure) or (figure <= 0 and case.measure not in ("memory", "certificate_memory")):
            raise BenchError(f"{case.name}: {figure} is no figure")
        print(f"ok  {case.name}", flush=True)
    check_floods(stage, tlsfront)
