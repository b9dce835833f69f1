"""hitch's frontends, in the styles that its users write."""

import pytest

from harness.imports import Case, identify

WEB = "protocol=tcp upstream=127.0.0.1:6086"
# What hitch does by itself, other than tlsfront.
PRESETS = {"connect-timeout": "30s", "idle-timeout": "0"}

CASES = [
    Case("sample-of-a-package", """
frontend = {
    host = "*"
    port = "443"
}
backend = "[127.0.0.1]:6086"    # Varnish
workers = 4                     # number of CPU cores
daemon = on
user = "nobody"
pem-file = "mail.pem"
write-proxy-v2 = on             # Write PROXY header
""", f"tcp-443: listen=:443 {WEB} certificate=mail send-proxy=v2", {7},
         {"mail": "chain=DIR/mail.pem"}, {"workers": "4", "user": "nobody"}),
    Case("a-line", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
""", f"tcp-443: listen=:443 {WEB} certificate=mail"),
    Case("a-line-with-its-certificate", """
frontend = "[127.0.0.1]:443+news.pem"
frontend = "[127.0.0.2]:443"
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
""", f"""
tcp-443: listen=127.0.0.1:443 {WEB} certificate=news
tcp-443-2: listen=127.0.0.2:443 {WEB} certificate=mail
"""),
    Case("frontends-after-and-before-what-counts-for-all", """
frontend = {
    host = "127.0.0.1"
    port = "993"
}
backend = "[::1]:143"
tls-protos = TLSv1.3
pem-file = "mail.pem"
frontend = {
    host = "127.0.0.1"
    port = "995"
    tls-protos = TLSv1.2 TLSv1.3
}
""", """
imap-993: listen=127.0.0.1:993 protocol=imap upstream=[::1]:143 certificate=mail min-version=1.3
pop3-995: listen=127.0.0.1:995 protocol=pop3 upstream=[::1]:143 certificate=mail
"""),
    Case("the-last-certificate-is-the-default", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-file = "news.pem"
pem-file = "mail.pem"
""", f"tcp-443: listen=:443 {WEB} certificate=mail,news"),
    Case("a-directory-in-its-order", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-dir = "certs"
""", f"tcp-443: listen=:443 {WEB} certificate=mail,news", (),
         {"mail": "chain=DIR/certs/mail.pem"}),
    Case("a-directory-behind-a-file", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-dir = "certs"
pem-dir-glob = "ma*.pem"
pem-file = "news.pem"
""", f"tcp-443: listen=:443 {WEB} certificate=news,mail"),
    Case("a-directory-for-one-frontend", """
frontend = {
    host = "*"
    port = "443"
    pem-dir = "certs"
    pem-dir-glob = "news*"
}
frontend = {
    host = "*"
    port = "444"
}
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
""", f"""
tcp-443: listen=:443 {WEB} certificate=news
tcp-444: listen=:444 {WEB} certificate=mail
"""),
    Case("an-empty-directory", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-dir = "nothing"
""", f"#tcp-443: listen=:443 {WEB}", {1, 3}),
    Case("key-apart", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-file = {
    cert = "mail.crt"
    private-key = "mail.key"
}
""", f"tcp-443: listen=:443 {WEB} certificate=mail", (),
         {"mail": "chain=DIR/mail.crt key=DIR/mail.key"}),
    Case("stapling", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-file = {
    cert = "mail.pem"
    ocsp-resp-file = "mail.ocsp"
}
ocsp-dir = "/var/lib/hitch"
""", f"tcp-443: listen=:443 {WEB} certificate=mail", {5, 7}),
    Case("certificates-of-a-frontend-and-of-all", """
pem-file = "mail.pem"
frontend = {
    host = "*" port = "443"
    pem-file = "news.pem"
    match-global-certs = on
}
frontend = {
    host = "*" port = "444"
    pem-file = "news.pem"
}
backend = "[127.0.0.1]:6086"
""", f"""
tcp-443: listen=:443 {WEB} certificate=news,mail
tcp-444: listen=:444 {WEB} certificate=news
"""),
    Case("alpn", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
alpn-protos = "h2, http/1.1"
""", f"tcp-443: listen=:443 {WEB} certificate=mail alpn=h2,http/1.1"),
    Case("proxy-v1", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
write-proxy-v1 = on
write-proxy-v2 = off
""", f"tcp-443: listen=:443 {WEB} certificate=mail send-proxy=v1"),
    Case("proxy-by-its-short-name", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
write-proxy = on
proxy-tlv = on
""", f"tcp-443: listen=:443 {WEB} certificate=mail send-proxy=v2"),
    Case("behind-a-balancer", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
proxy-proxy = on
""", f"tcp-443: listen=:443 {WEB} certificate=mail send-proxy=v2 accept-proxy-from=0.0.0.0/0,::/0"),
    Case("octets-before-the-data", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
write-ip = on
""", f"#tcp-443: listen=:443 {WEB} certificate=mail", {4}),
    Case("what-nobody-knows", """
frontend = {
    host = "127.0.0.1"
    port = "443"
    frobnicate = on
}
frontend = {
    host = "127.0.0.1"
    port = "444"
    pem-file = {
        cert = "news.pem"
        frobnicate = on
    }
}
frontend = "[127.0.0.1]:445"
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
""", f"""
#tcp-443: listen=127.0.0.1:443 {WEB} certificate=mail
#tcp-444: listen=127.0.0.1:444 {WEB} certificate=news
tcp-445: listen=127.0.0.1:445 {WEB} certificate=mail
""", {4, 11}),
    Case("a-unix-socket", """
frontend = "[*]:443"
backend = "/run/varnish.sock"
pem-file = "mail.pem"
""", "tcp-443: listen=:443 protocol=tcp upstream=unix:/run/varnish.sock certificate=mail"),
    Case("a-name-behind-it", """
frontend = "[*]:443"
backend = "[localhost]:6086"
pem-file = "mail.pem"
backend-refresh = 30
backend-connect-timeout = 10
""", "tcp-443: listen=:443 protocol=tcp upstream=localhost:6086 certificate=mail connect-timeout=10s", {4}),
    Case("mutual", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
client-verify = required
client-verify-ca = "ca.crt"
""", f"tcp-443: listen=:443 {WEB} certificate=mail client-certificate=required client-ca=DIR/ca.crt"),
    Case("mutual-on-one", """
frontend = {
    host = "*"
    port = "443"
    client-verify = optional
    client-verify-ca = "ca.crt"
}
frontend = {
    host = "*"
    port = "444"
    client-verify = none
}
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
""", f"""
tcp-443: listen=:443 {WEB} certificate=mail client-certificate=optional client-ca=DIR/ca.crt
tcp-444: listen=:444 {WEB} certificate=mail client-certificate=none
"""),
    Case("mutual-without-authorities", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
client-verify = required
""", f"#tcp-443: listen=:443 {WEB} certificate=mail client-certificate=required"),
    Case("strict-names", """
frontend = {
    host = "*"
    port = "443"
    sni-nomatch-abort = on
}
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
""", f"tcp-443: listen=:443 {WEB} certificate=mail strict-sni=on"),
    Case("ciphers", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
ciphersuites = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
prefer-server-ciphers = on
ecdh-curve = "X25519:prime256v1"
""", f"tcp-443: listen=:443 {WEB} certificate=mail groups=X25519,secp256r1 "
         "ciphers=TLS_AES_128_GCM_SHA256,TLS_CHACHA20_POLY1305_SHA256,"
         "ECDHE-ECDSA-AES128-GCM-SHA256,ECDHE-RSA-AES128-GCM-SHA256"),
    Case("ciphers-by-class", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
ciphers = "EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH"
tls-protos = TLSv1.0 TLSv1.1 TLSv1.2
""", f"tcp-443: listen=:443 {WEB} certificate=mail", {4, 5}),
    Case("old-words-for-versions", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
tls = on
ssl = off
""", f"tcp-443: listen=:443 {WEB} certificate=mail", {4}),
    Case("logs", """
frontend = "[*]:443"
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
syslog = on
log-level = 2
keepalive = 3600
backlog = 100
""", f"tcp-443: listen=:443 {WEB} certificate=mail", {6, 7}, None,
         {"log": "syslog", "log-level": "info"}),
    Case("two-frontends-on-one-port", """
frontend = "[127.0.0.1]:443"
frontend = "[*]:443"
frontend = "[127.0.0.1]:443"
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
""", f"""
tcp-443: listen=127.0.0.1:443 {WEB} certificate=mail
tcp-443-2: listen=:443 {WEB} certificate=mail
#tcp: {WEB} certificate=mail
""", {3}),
    Case("no-frontend", """
backend = "[127.0.0.1]:6086"
pem-file = "mail.pem"
""", f"tcp-8443: listen=:8443 {WEB} certificate=mail"),
    Case("ports-by-name-and-without-one", """
frontend = {
    host = "localhost"
    port = "imaps"
}
frontend = {
    host = "127.0.0.1"
    port = "nonsense"
}
backend = "[127.0.0.1]:143"
pem-file = "mail.pem"
""", """
imap-993: listen=localhost:993 protocol=imap upstream=127.0.0.1:143 certificate=mail
#imap: protocol=imap upstream=127.0.0.1:143 certificate=mail
""", {5}),
]


@pytest.mark.parametrize("case", CASES, ids=identify)
def test_frontends_become_routes(binary, place, case):
    case.verify(binary, "hitch", place, PRESETS)
