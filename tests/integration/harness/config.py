"""Configuration text for tlsfront, from Python values."""


def value(item):
    if isinstance(item, (list, tuple)):
        return "{" + ", ".join(f'"{one}"' for one in item) + "}"
    if isinstance(item, int):
        return str(item)
    return f'"{item}"'


def settings(options, indent=""):
    return "".join(f"{indent}{key.replace('_', '-')} = {value(item)}\n"
                   for key, item in options.items() if item is not None)


def address(item):
    """A number is a port of 127.0.0.1."""
    if isinstance(item, (list, tuple)):
        return [address(one) for one in item]
    return f"127.0.0.1:{item}" if isinstance(item, int) else str(item)


def server_name(name, upstream=None, **options):
    """A block for a route's `names`."""
    body = {"upstream": address(upstream) if upstream is not None else None}
    return f'    server-name "{name}" {{\n{settings(body | options, "        ")}    }}\n'


def route(name, listen, upstream, *, protocol="tcp", certificate=("mail",), tls="implicit",
          names=(), **options):
    """A route block. A number as `listen` or `upstream` is a port of 127.0.0.1. `names`: its
    server-name blocks."""
    body = {"listen": address(listen), "protocol": protocol, "tls": tls,
            "certificate": certificate, "upstream": address(upstream)}
    if protocol == "smtp":
        # The servers of the suite trust nobody for their address.
        options.setdefault("relay_risk", "accepted")
    return f"route {name} {{\n{settings(body | options, '    ')}{''.join(names)}}}\n"


def acme(name, listen, challenges, **options):
    """An acme route block on a port of 127.0.0.1."""
    body = {"listen": f"127.0.0.1:{listen}", "protocol": "acme", "challenges": challenges}
    return f"route {name} {{\n{settings(body | options, '    ')}}}\n"
