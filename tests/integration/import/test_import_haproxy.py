"""haproxy's TCP frontends, in the styles that its users write."""

import pytest

from harness.imports import Case, identify

POP3S = "listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=127.0.0.1:110"


def listen(bind, *more, head="", server="server s 127.0.0.1:110"):
    return "\n".join([*head.splitlines(), "listen pop3s", f"    bind {bind}", f"    {server}", *more, ""])

# What haproxy does by itself, other than tlsfront.
PRESETS = {"connect-timeout": "0", "idle-timeout": "0"}

CASES = [
    Case("a-listen", listen(":995 ssl crt mail.pem"), f"pop3s: {POP3S}", (), {"mail": "chain=DIR/mail.pem"}),
    Case("a-whole-file", """
global
    log /dev/log local0
    log /dev/log local1 notice
    chroot /var/lib/haproxy
    stats socket /run/haproxy/admin.sock mode 660 level admin
    stats timeout 30s
    user nobody
    daemon
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets

defaults
    log     global
    mode    tcp
    option  tcplog
    option  dontlognull
    timeout connect 5000
    timeout client  50000
    timeout server  50000

frontend ft_pop3s
    bind *:995 ssl crt mail.pem
    default_backend bk_pop3

backend bk_pop3
    server pop3 127.0.0.1:110
""", f"ft_pop3s: {POP3S} connect-timeout=5s idle-timeout=50s "
         "ciphers=TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384", {4, 5, 6, 8, 10}, None,
         {"user": "nobody", "log": "syslog"}),
    Case("http-is-left", """
defaults
    mode http
    option httplog
    timeout client 30s
    timeout server 30s
frontend web
    bind :443 ssl crt mail.pem
    default_backend web
backend web
    server w 127.0.0.1:80
listen pop3s
    mode tcp
    bind :995 ssl crt mail.pem
    server s 127.0.0.1:110
""", f"pop3s: {POP3S} idle-timeout=30s", {3, 6, 9}),
    Case("both-families", listen("0.0.0.0:995,[::]:995 v6only ssl crt mail.pem"),
         f"pop3s: {POP3S.replace('0.0.0.0', '')}"),
    Case("an-ipv6-socket-takes-both", listen(":::995 v4v6 ssl crt mail.pem"),
         f"pop3s: {POP3S.replace('0.0.0.0', '')}"),
    Case("only-ipv6", listen("[::1]:995,ipv6@:996 v6only ssl crt mail.pem"),
         f"pop3s: {POP3S.replace('0.0.0.0:995', '[::1]:995,[::]:996')}"),
    Case("several-binds", """
listen imap
    bind 10.0.0.1:993 ssl crt mail.pem
    bind 10.0.0.2:993 ssl crt mail.pem
    bind 10.0.0.3:993 ssl crt news.pem
    bind 10.0.0.1:143
    server s 127.0.0.1:143
""", """
imap: listen=10.0.0.1:993,10.0.0.2:993 protocol=imap certificate=mail upstream=127.0.0.1:143
imap-2: listen=10.0.0.3:993 protocol=imap certificate=news upstream=127.0.0.1:143
""", {5}),
    Case("a-range-of-ports", listen(":995 ssl crt mail.pem", "    bind :10000-10010 ssl crt mail.pem"),
         f"pop3s: {POP3S}", {4}),
    Case("unix-sockets", """
listen imap
    bind unix@/run/imaps.sock mode 600 ssl crt mail.pem
    bind /run/imaps2.sock ssl crt mail.pem
    server s unix@/run/dovecot/imap
""", """
#imap: listen=unix:/run/imaps.sock protocol=tcp certificate=mail upstream=unix:/run/dovecot/imap
imap-2: listen=unix:/run/imaps2.sock protocol=tcp certificate=mail upstream=unix:/run/dovecot/imap
""", {2}),
    Case("abstract-sockets", listen("abns@pop3s ssl crt mail.pem"), "", {2}),
    Case("certificates", listen(":995 ssl crt mail.pem crt news.crt"),
         f"pop3s: {POP3S.replace('certificate=mail', 'certificate=mail,news')}", (),
         {"news": "chain=DIR/news.crt key=DIR/news.key"}),
    Case("a-directory", listen(":995 ssl crt certs/"),
         f"pop3s: {POP3S.replace('certificate=mail', 'certificate=mail,news')}", (),
         {"mail": "chain=DIR/certs/mail.pem"}),
    Case("bases", """
global
    crt-base certs
    ca-base .
listen pop3s
    bind :995 ssl crt news.pem ca-file ca.crt verify optional
    server s 127.0.0.1:110
""", "pop3s: listen=0.0.0.0:995 protocol=pop3 certificate=news upstream=127.0.0.1:110 "
         "client-certificate=optional client-ca=DIR/ca.crt", (), {"news": "chain=DIR/certs/news.pem"}),
    Case("mutual", listen(":995 ssl crt mail.pem ca-file ca.crt verify required"),
         f"pop3s: {POP3S} client-certificate=required client-ca=DIR/ca.crt"),
    Case("mutual-by-the-system", listen(":995 ssl crt mail.pem ca-file @system-ca verify required"),
         f"#pop3s: {POP3S} client-certificate=required", {2}),
    Case("tls-words", listen(":995 ssl crt mail.pem alpn pop3,h2 strict-sni ssl-min-ver TLSv1.3 curves X25519:P-256 no-sslv3"),
         f"pop3s: {POP3S} alpn=pop3,h2 strict-sni=on min-version=1.3 groups=X25519,P-256", {2}),
    Case("tls-words-that-are-lost", listen(":995 ssl crt mail.pem ssl-max-ver TLSv1.2 allow-0rtt ciphers HIGH"),
         f"pop3s: {POP3S}", {2}),
    Case("behind-a-balancer", listen(":995 accept-proxy ssl crt mail.pem"),
         f"pop3s: {POP3S} accept-proxy-from=0.0.0.0/0,::/0"),
    Case("proxy-header-v1", listen(":995 ssl crt mail.pem", server="server s 127.0.0.1:110 send-proxy"),
         f"pop3s: {POP3S} send-proxy=v1"),
    Case("proxy-header-v2", listen(":995 ssl crt mail.pem", server="server s 127.0.0.1:110 send-proxy-v2-ssl-cn"),
         f"pop3s: {POP3S} send-proxy=v2"),
    Case("not-the-same-header-for-all", listen(":995 ssl crt mail.pem", "    server t 127.0.0.2:110 backup", server="server s 127.0.0.1:110 send-proxy"),
         f"#pop3s: {POP3S},127.0.0.2:110 send-proxy=v1", {4}),
    Case("a-backup", listen(":995 ssl crt mail.pem", "    server b 10.0.0.7:110 backup", "    server c 10.0.0.8:110 disabled"),
         f"pop3s: {POP3S},10.0.0.7:110"),
    Case("the-port-that-the-client-came-to", """
listen pop3s
    bind :995 ssl crt mail.pem
    server s 10.0.0.5
""", "pop3s: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=10.0.0.5:995"),
    Case("the-port-that-the-client-came-to-on-the-same-host", """
listen smtps
    bind 127.0.0.1:465 ssl crt mail.pem
    server a unix@/run/smtp.sock
    server b 127.0.0.1
listen pop3s
    bind :995 ssl crt mail.pem
    server s localhost
frontend imaps
    bind :993 ssl crt mail.pem
    use_backend news if { ssl_fc_sni news.example.test }
    default_backend imap
backend imap
    server s 127.0.0.1:143
backend news
    server s 127.0.0.1
listen nntps
    bind 127.0.0.2:563 ssl crt mail.pem
    server s 127.0.0.1
""", """
#smtps: listen=127.0.0.1:465 protocol=smtp certificate=mail upstream=unix:/run/smtp.sock,127.0.0.1:465 balance=rotate
#pop3s: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=localhost:995
#imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143
#imaps/news.example.test: upstream=127.0.0.1:993
nntps: listen=127.0.0.2:563 protocol=nntp certificate=mail upstream=127.0.0.1:563
""", {4, 7, 15}),
    Case("times-and-limits", """
defaults
    timeout client 30m
    timeout server 1h
    timeout queue 10s
    maxconn 2000
listen pop3s
    bind :995 ssl crt mail.pem
    maxconn 100
    server s 127.0.0.1:110 maxconn 50
listen imaps
    bind :993 ssl crt mail.pem
    timeout tunnel 2h
    server s 127.0.0.1:143
""", f"""
pop3s: {POP3S} idle-timeout=1h max-connections=100
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 idle-timeout=2h max-connections=2000
""", {4, 9}),
    Case("one-limit-for-several-bind-lines", """
defaults
    maxconn 2000
frontend pop3s
    bind :995 ssl crt mail.pem
    bind :1995 ssl crt mail.pem
    maxconn 100
    default_backend b
frontend imaps
    bind :993 ssl crt mail.pem
    bind :1993 ssl crt news.pem
    maxconn 100
    default_backend b
frontend nntps
    bind :563 ssl crt mail.pem
    bind :1563 ssl crt news.pem
    stick-table type ip size 100k expire 1m store conn_rate(1m)
    tcp-request connection track-sc0 src
    tcp-request connection reject if { src_conn_rate gt 30 }
    default_backend b
backend b
    server s 127.0.0.1:110
""", f"""
pop3s: listen=0.0.0.0:995,0.0.0.0:1995 protocol=pop3 certificate=mail upstream=127.0.0.1:110 max-connections=100
#imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:110 max-connections=100
#imaps-2: listen=0.0.0.0:1993 protocol=pop3 certificate=news upstream=127.0.0.1:110 max-connections=100
#nntps: listen=0.0.0.0:563 protocol=nntp certificate=mail upstream=127.0.0.1:110 max-connections=2000 connection-rate-per-ip=30/1m
#nntps-2: listen=0.0.0.0:1563 protocol=pop3 certificate=news upstream=127.0.0.1:110 max-connections=2000 connection-rate-per-ip=30/1m
""", {2, 11, 18}),
    Case("one-limit-that-no-route-can-exceed", """
defaults
    maxconn 2000
frontend pop3s
    bind 0.0.0.0:995 ssl crt mail.pem
    bind [::]:995 v6only ssl crt mail.pem
    default_backend b
frontend imaps
    bind :993 ssl crt mail.pem maxconn 900
    bind :1993 ssl crt news.pem maxconn 1100
    default_backend b
frontend nntps
    bind :563 ssl crt mail.pem
    bind :1563 ssl crt mail.pem interface eth0
    default_backend b
frontend ldaps
    bind :636 ssl crt mail.pem
    bind :1636 ssl crt news.pem
    maxconn 0
    default_backend b
backend b
    server s 127.0.0.1:110
""", f"""
pop3s: listen=:995 protocol=pop3 certificate=mail upstream=127.0.0.1:110 max-connections=2000
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:110 max-connections=900
imaps-2: listen=0.0.0.0:1993 protocol=pop3 certificate=news upstream=127.0.0.1:110 max-connections=1100
nntps: listen=0.0.0.0:563 protocol=nntp certificate=mail upstream=127.0.0.1:110 max-connections=2000
#nntps-2: listen=0.0.0.0:1563 protocol=pop3 certificate=mail upstream=127.0.0.1:110 max-connections=2000
ldaps: listen=0.0.0.0:636 protocol=ldap certificate=mail upstream=127.0.0.1:110 max-connections=0
ldaps-2: listen=0.0.0.0:1636 protocol=pop3 certificate=news upstream=127.0.0.1:110 max-connections=0
""", {13}),
    Case("one-limit-for-each-frontend", """
defaults
    maxconn 2000
listen pop3s
    bind :995 ssl crt mail.pem
    server s 127.0.0.1:110
listen imaps
    bind :993 ssl crt mail.pem
    server s 127.0.0.1:143
""", f"""
pop3s: {POP3S} max-connections=2000
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 max-connections=2000
"""),
    Case("the-smaller-limit-of-a-bind-line-and-its-frontend", """
defaults
    maxconn 100
listen pop3s
    bind :995 ssl crt mail.pem maxconn 200
    server s 127.0.0.1:110
listen imaps
    bind :993 ssl crt mail.pem maxconn 50
    server s 127.0.0.1:143
""", f"""
pop3s: {POP3S} max-connections=100
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 max-connections=50
"""),
    Case("one-table-for-several-frontends", """
frontend pop3s
    bind :995 ssl crt mail.pem
    tcp-request connection track-sc0 src table b
    tcp-request connection reject if { src_conn_rate(b) gt 30 }
    default_backend b
frontend imaps
    bind :993 ssl crt mail.pem
    tcp-request connection track-sc0 src table b
    default_backend b
backend b
    stick-table type ip size 1m expire 1m store conn_rate(1m)
    server s 127.0.0.1:110
""", f"""
#pop3s: {POP3S} connection-rate-per-ip=30/1m
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:110
""", {4}),
    Case("how-often-in-two-ways", listen(":995 ssl crt mail.pem",
                                         "    stick-table type ip size 100k expire 1m store conn_rate(1m)",
                                         "    tcp-request connection track-sc0 src",
                                         "    tcp-request connection reject if { src_conn_rate gt 30 }",
                                         "    tcp-request content reject if { src_conn_rate gt 60 }"),
         f"#pop3s: {POP3S} connection-rate-per-ip=30/1m", {7}),
    Case("named-defaults", """
defaults short
    timeout client 1m
defaults long
    timeout client 1h
listen pop3s from short
    bind :995 ssl crt mail.pem
    server s 127.0.0.1:110
listen imaps
    bind :993 ssl crt mail.pem
    server s 127.0.0.1:143
""", f"""
pop3s: {POP3S} idle-timeout=1m
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 idle-timeout=1h
"""),
    Case("source", listen(":995 ssl crt mail.pem", "    source 127.0.0.3"), f"pop3s: {POP3S} source=127.0.0.3"),
    Case("transparent", listen(":995 ssl crt mail.pem", "    source 0.0.0.0 usesrc clientip"),
         f"pop3s: {POP3S} source=transparent"),
    Case("tls-behind-it", listen(":995 ssl crt mail.pem", server="server s mail.example.test:995 ssl verify required ca-file ca.crt "
                                 "verifyhost mail.example.test crt news.pem"),
         "pop3s: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=mail.example.test:995 upstream-tls=verify "
         "upstream-ca=DIR/ca.crt upstream-name=mail.example.test upstream-certificate=news"),
    Case("tls-behind-it-is-not-left-out", listen(":995 ssl crt mail.pem", server="server s 127.0.0.1:995 ssl verify none"),
         "#pop3s: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=127.0.0.1:995", {3}),
    Case("servers-in-turns", """
frontend imaps
    bind :993 ssl crt mail.pem transparent
    default_backend b
backend b
    balance leastconn
    default-server check inter 3s
    server s 10.0.0.1:143 weight 5
    server t 10.0.0.2:143
listen pop3s
    bind :995 ssl crt mail.pem
    server s 127.0.0.1:110 check
    server t 127.0.0.2:110 check
""", """
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.1:143,10.0.0.2:143 balance=least health-check=3s freebind=on
pop3s: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=127.0.0.1:110,127.0.0.2:110 balance=rotate health-check=2s
""", {7}),
    Case("servers-by-name", """
frontend imaps
    bind :993 ssl crt mail.pem crt news.pem
    acl customers ssl_fc_sni customers.example.test
    use_backend news if { ssl_fc_sni -i news.example.test www.news.example.test }
    use_backend customers if customers
    default_backend b
backend b
    server s 10.0.0.5:143 send-proxy-v2
backend news
    server s 10.0.0.6:143
backend customers
    server s 10.0.0.7:143 send-proxy-v2
""", """
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail,news upstream=10.0.0.5:143 send-proxy=v2
imaps/news.example.test: upstream=10.0.0.6:143 send-proxy=off
imaps/www.news.example.test: upstream=10.0.0.6:143 send-proxy=off
imaps/customers.example.test: upstream=10.0.0.7:143 send-proxy=v2
"""),
    Case("servers-by-the-end-of-names", """
frontend imaps
    bind :993 ssl crt mail.pem
    use_backend news if { ssl_fc_sni_end .news.example.test }
    default_backend b
frontend pop3s
    bind :995 ssl crt mail.pem
    use_backend news if { ssl_fc_sni -m end example.test }
    default_backend b
backend b
    server s 10.0.0.5:143
backend news
    server s 10.0.0.6:143
""", """
#imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143
#imaps/*.news.example.test: upstream=10.0.0.6:143
#pop3s: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=10.0.0.5:143
#pop3s/example.test: upstream=10.0.0.6:143
#pop3s/*.example.test: upstream=10.0.0.6:143
""", {3, 7}),
    Case("names-with-an-end-whose-server-is-the-others-too", """
frontend imaps
    bind :993 ssl crt mail.pem
    use_backend a if { ssl_fc_sni a.news.example.test }
    use_backend b if { ssl_fc_sni_end .news.example.test }
    default_backend b
backend a
    server s 10.0.0.5:143
backend b
    server s 10.0.0.6:143
""", """
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.6:143
imaps/a.news.example.test: upstream=10.0.0.5:143
imaps/*.news.example.test: upstream=10.0.0.6:143
"""),
    Case("the-first-line-that-covers-a-name-counts", """
frontend imaps
    bind :993 ssl crt mail.pem
    use_backend b if { ssl_fc_sni_end .news.example.test }
    use_backend a if { ssl_fc_sni a.news.example.test }
    default_backend b
backend a
    server s 10.0.0.5:143
backend b
    server s 10.0.0.6:143
""", """
#imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.6:143
#imaps/*.news.example.test: upstream=10.0.0.6:143
""", {4}),
    Case("no-pattern-but-a-name", """
frontend imaps
    bind :993 ssl crt mail.pem
    use_backend a if { ssl_fc_sni *.example.test }
    default_backend b
backend a
    server s 10.0.0.5:143
backend b
    server s 10.0.0.6:143
""", "#imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.6:143", {3}),
    Case("who-may-connect", listen(":995 ssl crt mail.pem", "    acl own src 10.0.0.0/8 192.0.2.7",
                                   "    tcp-request connection reject if { src 10.1.0.0/16 }",
                                   "    tcp-request connection reject if !own"),
         f"pop3s: {POP3S} allow=10.0.0.0/8,192.0.2.7 deny=10.1.0.0/16"),
    Case("who-may-connect-in-other-words", listen(":995 ssl crt mail.pem",
                                                  "    tcp-request connection accept if { src 10.0.0.0/8 } || { src 192.0.2.7 }",
                                                  "    tcp-request connection reject"),
         f"pop3s: {POP3S} allow=10.0.0.0/8,192.0.2.7"),
    Case("who-may-connect-by-a-file", listen(":995 ssl crt mail.pem", "    tcp-request connection reject if { src -f bad.lst }"),
         f"#pop3s: {POP3S}", {4}),
    Case("how-often", """
frontend pop3s
    bind :995 ssl crt mail.pem
    stick-table type ip size 100k expire 1m store conn_rate(1m)
    tcp-request connection track-sc0 src
    tcp-request connection reject if { sc0_conn_rate gt 30 }
    default_backend b
frontend imaps
    bind :993 ssl crt mail.pem
    tcp-request connection reject if { src_conn_rate(b) ge 10 }
    default_backend b
backend b
    stick-table type ip size 1m expire 1m store conn_rate(10s)
    server s 127.0.0.1:110
""", f"""
pop3s: {POP3S} connection-rate-per-ip=30/1m
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:110 connection-rate-per-ip=9/10s
"""),
    Case("rules-that-cannot-be-said", """
frontend pop3s
    bind :995 ssl crt mail.pem
    stick-table type ip size 1m expire 1m store conn_cur,conn_rate(10s)
    tcp-request connection track-sc0 src
    tcp-request connection reject if { sc0_conn_cur gt 10 }
    default_backend b
backend b
    server s 127.0.0.1:110
""", f"#pop3s: {POP3S}", {3, 5}),
    Case("chosen-by-other-things-than-the-name", """
frontend pop3s
    bind :995 ssl crt mail.pem
    use_backend other if { src 10.0.0.0/8 }
    default_backend b
backend b
    server s 127.0.0.1:110
backend other
    server s 127.0.0.2:110
""", f"#pop3s: {POP3S}", {3, 7}),
    Case("dropped-in-silence", listen(":995 ssl crt mail.pem", "    tcp-request connection silent-drop if { src 10.0.0.0/8 }"),
         f"pop3s: {POP3S} deny=10.0.0.0/8"),
    Case("what-defaults-say-of-servers", """
defaults
    default-server ssl ca-file ca.crt verify required verifyhost mail.example.test send-proxy-v2 check inter 5s
frontend pop3s
    bind :995 ssl crt mail.pem
    default_backend b
backend b
    server s 10.0.0.9:995
""", "pop3s: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=10.0.0.9:995 upstream-tls=verify "
         "upstream-ca=DIR/ca.crt upstream-name=mail.example.test send-proxy=v2 health-check=5s"),
    Case("what-named-defaults-say-of-servers", """
defaults plain
defaults secure
    default-server ssl ca-file ca.crt verifyhost mail.example.test
defaults other
    default-server backup
listen pop3s from secure
    bind :995 ssl crt mail.pem
    default-server verifyhost news.example.test
    server s 10.0.0.9:995
listen imaps from plain
    bind :993 ssl crt mail.pem
    server s 127.0.0.1:143
""", """
pop3s: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=10.0.0.9:995 upstream-tls=verify upstream-ca=DIR/ca.crt upstream-name=news.example.test
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143
"""),
    Case("defaults-of-defaults", """
defaults base
    mode tcp
    timeout client 1m
    default-server ssl ca-file ca.crt verifyhost mail.example.test
defaults mail from base
    timeout connect 3s
    default-server send-proxy-v2
defaults other
    mode http
listen pop3s from mail
    bind :995 ssl crt mail.pem
    server s 10.0.0.9:995
defaults from mail
    timeout connect 4s
listen imaps
    bind :993 ssl crt mail.pem
    server s 10.0.0.9:993
""", """
pop3s: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=10.0.0.9:995 upstream-tls=verify upstream-ca=DIR/ca.crt upstream-name=mail.example.test send-proxy=v2 connect-timeout=3s idle-timeout=1m
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.9:993 upstream-tls=verify upstream-ca=DIR/ca.crt upstream-name=mail.example.test send-proxy=v2 connect-timeout=4s idle-timeout=1m
"""),
    Case("defaults-that-name-themselves", """
defaults a from a
    timeout client 1m
listen pop3s from a
    bind :995 ssl crt mail.pem
    server s 127.0.0.1:110
""", f"pop3s: {POP3S} idle-timeout=1m"),
    Case("what-defaults-say-of-servers-is-not-left-out", """
defaults
    default-server ssl verify none
listen pop3s
    bind :995 ssl crt mail.pem
    server s 127.0.0.1:110
""", f"#pop3s: {POP3S}", {5}),
    Case("tls-words-of-a-server-in-clear", listen(":995 ssl crt mail.pem", server="server s 127.0.0.1:110 ca-file ca.crt verifyhost a.example.test"),
         f"pop3s: {POP3S}", {3}),
    Case("what-default-server-says-is-taken-back", """
defaults
    default-server ssl ca-file ca.crt verify required verifyhost a.example.test send-proxy check backup disabled
listen pop3s
    bind :995 ssl crt mail.pem
    server s 127.0.0.1:110 no-ssl no-send-proxy no-check no-backup enabled
    server t 127.0.0.2:110 no-ssl no-send-proxy no-check no-backup
""", f"pop3s: {POP3S}"),
    Case("both-proxy-headers", """
listen pop3s
    bind :995 ssl crt mail.pem
    default-server send-proxy-v2
    server s 127.0.0.1:110 send-proxy
listen imaps
    bind :993 ssl crt mail.pem
    default-server send-proxy send-proxy-v2
    server s 127.0.0.1:143 no-send-proxy-v2
""", f"""
pop3s: {POP3S} send-proxy=v2
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 send-proxy=v1
"""),
    Case("a-name-is-taken-back", """
listen pop3s
    bind :995 ssl crt mail.pem
    default-server ssl ca-file ca.crt verifyhost a.example.test send-proxy-v2
    server s 127.0.0.1:110 no-verifyhost no-send-proxy
""", f"pop3s: {POP3S} upstream-tls=verify upstream-ca=DIR/ca.crt send-proxy=v2", {4}),
    Case("a-check-has-the-server's-own-time", """
listen pop3s
    bind :995 ssl crt mail.pem
    default-server check
    server s 127.0.0.1:110 inter 30s
listen imaps
    bind :993 ssl crt mail.pem
    default-server inter 20s
    server s 127.0.0.1:143 check
listen nntps
    bind :563 ssl crt mail.pem
    default-server inter 20s
    server s 127.0.0.1:119
""", f"""
pop3s: {POP3S} health-check=30s
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 health-check=20s
nntps: listen=0.0.0.0:563 protocol=nntp certificate=mail upstream=127.0.0.1:119
"""),
    Case("who-may-connect-to-a-backend-by-name", """
frontend imaps
    bind :993 ssl crt mail.pem
    use_backend news if { ssl_fc_sni news.example.test }
    default_backend b
backend b
    server s 10.0.0.5:143
backend news
    tcp-request content reject unless { src 10.0.0.0/8 }
    server s 10.0.0.6:143
""", "#imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143", {3, 8}),
    Case("how-often-to-a-backend-by-name", """
frontend imaps
    bind :993 ssl crt mail.pem
    use_backend news if { ssl_fc_sni news.example.test }
    default_backend b
backend b
    server s 10.0.0.5:143
backend news
    stick-table type ip size 100k expire 1m store conn_rate(1m)
    tcp-request content track-sc0 src
    tcp-request content reject if { sc0_conn_rate gt 30 }
    server s 10.0.0.6:143
""", "#imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143", {3, 10}),
    Case("how-often-to-a-backend", """
frontend pop3s
    bind :995 ssl crt mail.pem
    default_backend b
backend b
    stick-table type ip size 100k expire 1m store conn_rate(1m)
    tcp-request content track-sc0 src
    tcp-request content reject if { sc0_conn_rate gt 30 }
    server s 127.0.0.1:110
""", f"#pop3s: {POP3S}", {7}),
    Case("who-may-connect-in-two-kinds-of-rules", listen(":995 ssl crt mail.pem",
                                                         "    tcp-request connection accept if { src 10.0.0.0/8 }",
                                                         "    tcp-request content reject"),
         f"#pop3s: {POP3S}", {4}),
    Case("an-accept-that-is-not-understood", listen(":995 ssl crt mail.pem",
                                                    "    tcp-request connection reject if { src 10.0.0.0/8 }",
                                                    "    tcp-request content accept if { req_len gt 0 }"),
         f"pop3s: {POP3S} deny=10.0.0.0/8", {5}),
    Case("two-kinds-of-rules-that-only-reject", listen(":995 ssl crt mail.pem",
                                                       "    tcp-request connection reject if { src 10.0.0.0/8 }",
                                                       "    tcp-request content reject if { src 192.0.2.7 }"),
         f"pop3s: {POP3S} deny=10.0.0.0/8,192.0.2.7"),
    Case("who-may-connect-by-defaults", """
defaults closed
    tcp-request connection reject if { src 10.0.0.0/8 }
listen pop3s from closed
    bind :995 ssl crt mail.pem
    tcp-request connection reject if { src 192.0.2.7 }
    server s 127.0.0.1:110
listen imaps from closed
    bind :993 ssl crt mail.pem
    tcp-request content accept if { src 192.0.2.7 }
    server s 127.0.0.1:143
""", f"""
pop3s: {POP3S} deny=10.0.0.0/8,192.0.2.7
#imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 deny=10.0.0.0/8
""", {9}),
    Case("what-cannot-be-written", """
global
    log /dev/log local0
listen pop3s
    bind :995 ssl crt mail\x01.pem
    server s 127.0.0.1:110
listen imaps
    bind :993 ssl crt mail.pem ca-file ca\x7f.crt verify required
    server s 127.0.0.1:143
listen nntps
    bind :563 ssl crt mail.pem tls-ticket-keys keys\x02
    server s 127.0.0.1:119
""", f"""
#pop3s: {POP3S.replace('=mail', '=mail-')}
#imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 client-certificate=required client-ca=
nntps: listen=0.0.0.0:563 protocol=nntp certificate=mail upstream=127.0.0.1:119
""", {4, 7, 10}),
    Case("sections-of-other-kinds", """
resolvers dns
    nameserver a 127.0.0.1:53
userlist people
    user alice insecure-password hunter2
listen pop3s
    bind :995 ssl crt mail.pem
    server s localhost:110 resolvers dns
""", "pop3s: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=localhost:110", {1, 3}),
    Case("quotes-and-comments", """
# a comment
listen "pop3s"   # another
    bind ":995" ssl crt 'mail.pem'
    server s 127.0.0.1:110  # the server
""", f"pop3s: {POP3S}"),
    Case("variables", listen('"$ADDRESS:995" ssl crt mail.pem', "    bind :995 ssl crt mail.pem"),
         f"pop3s: {POP3S}", {2}),
    Case("what-a-backend-by-name-says-of-times-is-told", """
defaults
    timeout connect 5s
    timeout client 1m
    timeout server 1m
frontend pop3s
    bind :995 ssl crt mail.pem
    use_backend slow if { ssl_fc_sni slow.example.org }
    default_backend quick
backend quick
    server s 127.0.0.1:110
backend slow
    timeout connect 20s
    timeout server 10m
    balance source
    server s 127.0.0.2:110
    server t 127.0.0.3:110
""", f"""
pop3s: {POP3S} connect-timeout=5s idle-timeout=1m
pop3s/slow.example.org: upstream=127.0.0.2:110,127.0.0.3:110 balance=source
""", {12, 13}),
    Case("a-backend-by-name-is-not-checked-because-the-default-one-is", """
frontend pop3s
    bind :995 ssl crt mail.pem
    use_backend other if { ssl_fc_sni other.example.org }
    default_backend checked
backend checked
    server s 127.0.0.1:110 check inter 7s
backend other
    server s 127.0.0.2:110
""", f"""
pop3s: {POP3S} health-check=7s
pop3s/other.example.org: upstream=127.0.0.2:110 health-check=off
"""),
    Case("times-that-are-shorter-than-ours-may-be", """
listen pop3s
    timeout connect 10
    timeout client 50ms
    timeout server 50ms
    bind :995 ssl crt mail.pem
    server s 127.0.0.1:110 check inter 20
""", f"pop3s: {POP3S} connect-timeout=100ms idle-timeout=100ms health-check=100ms", {2, 3, 6}),
    Case("who-stands-by-by-name-takes-no-turns-because-others-do", """
frontend pop3s
    bind :995 ssl crt mail.pem
    use_backend other if { ssl_fc_sni other.example.org }
    default_backend turns
backend turns
    server s 127.0.0.1:110
    server t 127.0.0.2:110
backend other
    server s 127.0.0.3:110
    server t 127.0.0.4:110 backup
""", f"""
pop3s: {POP3S},127.0.0.2:110 balance=rotate
pop3s/other.example.org: upstream=127.0.0.3:110,127.0.0.4:110 balance=first
"""),
    Case("rules-that-both-have-from-their-defaults", """
defaults
    mode tcp
    tcp-request connection reject if { src 10.0.0.0/8 }
frontend pop3s
    bind :995 ssl crt mail.pem
    use_backend other if { ssl_fc_sni other.example.org }
    default_backend b
backend b
    server s 127.0.0.1:110
backend other
    server s 127.0.0.2:110
""", f"""
pop3s: {POP3S} deny=10.0.0.0/8
pop3s/other.example.org: upstream=127.0.0.2:110
"""),
    Case("rules-of-a-backend-by-name", """
frontend pop3s
    bind :995 ssl crt mail.pem
    use_backend other if { ssl_fc_sni other.example.org }
    default_backend b
backend b
    server s 127.0.0.1:110
backend other
    tcp-request content reject if { src 10.0.0.0/8 }
    server s 127.0.0.2:110
""", f"#pop3s: {POP3S}", {3, 8}),
    Case("a-backend-has-no-clients", """
frontend pop3s
    bind :995 ssl crt mail.pem
    balance leastconn
    timeout connect 7s
    default_backend b
backend b
    maxconn 10
    timeout client 10s
    server s 127.0.0.1:110
""", f"pop3s: {POP3S}", {3, 4, 7, 8}),
    Case("what-looks-at-clients-and-cannot-be-said", """
listen imaps
    bind :993 ssl crt mail.pem
    tcp-request content lua.guard
    server s 127.0.0.1:143
listen nntps
    bind :563 ssl crt mail.pem
    tcp-request content do-resolve(txn.x,dns) src
    server s 127.0.0.1:119
listen ldaps
    bind :636 ssl crt mail.pem
    filter spoe engine guard config spoe.conf
    server s 127.0.0.1:389
listen smtps
    bind :465 ssl crt mail.pem
    filter trace
    tcp-request connection set-mark 7
    tcp-request connection track-sc1 src
    server s 127.0.0.1:25
""", """
#imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143
#nntps: listen=0.0.0.0:563 protocol=nntp certificate=mail upstream=127.0.0.1:119
#ldaps: listen=0.0.0.0:636 protocol=ldap certificate=mail upstream=127.0.0.1:389
smtps: listen=0.0.0.0:465 protocol=smtp certificate=mail upstream=127.0.0.1:25
""", {3, 7, 11, 15, 16, 17}),
    Case("what-nobody-knows", """
listen pop3s
    bind :995 ssl crt mail.pem
    frobnicate
    server s 127.0.0.1:110
listen imaps
    bind :993 ssl crt mail.pem frobnicated
    server s 127.0.0.1:143
frontend nntps
    bind :563 ssl crt mail.pem
    default_backend b
backend b
    server s 127.0.0.1:119 frobnicated
""", f"""
#pop3s: {POP3S}
#imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143
#nntps: listen=0.0.0.0:563 protocol=nntp certificate=mail upstream=127.0.0.1:119
""", {3, 6, 12}),
    Case("what-nobody-knows-of-the-process", listen(":995 ssl crt mail.pem", head="global\n    frobnicate"),
         f"pop3s: {POP3S}", {2}),
    Case("what-is-not-served-there", listen(":995 ssl crt mail.pem", "    disabled"), f"#pop3s: {POP3S}", {4}),
    Case("behind-some-balancers", """
listen pop3s
    bind :995 ssl crt mail.pem
    acl more src 192.0.2.8
    tcp-request connection expect-proxy layer4 if { src 10.0.0.0/8 192.0.2.7 }
    tcp-request connection expect-proxy layer4 if more
    server s 127.0.0.1:110
listen imaps
    bind :993 ssl crt mail.pem
    tcp-request connection expect-proxy layer4
    server s 127.0.0.1:143
listen nntps
    bind :563 ssl crt mail.pem
    tcp-request connection expect-proxy layer4 unless { src 10.0.0.0/8 }
    server s 127.0.0.1:119
listen ldaps
    bind :636 ssl crt mail.pem
    tcp-request connection expect-proxy layer4 if { src -f balancers.lst }
    server s 127.0.0.1:389
""", f"""
pop3s: {POP3S} accept-proxy-from=10.0.0.0/8,192.0.2.7,192.0.2.8
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 accept-proxy-from=0.0.0.0/0,::/0
#nntps: listen=0.0.0.0:563 protocol=nntp certificate=mail upstream=127.0.0.1:119
#ldaps: listen=0.0.0.0:636 protocol=ldap certificate=mail upstream=127.0.0.1:389
""", {13, 17}),
    Case("behind-balancers-by-defaults", """
defaults balanced
    tcp-request connection expect-proxy layer4 if { src 10.0.0.0/8 }
listen pop3s from balanced
    bind :995 ssl crt mail.pem
    tcp-request connection expect-proxy layer4 if { src 192.0.2.7 }
    server s 127.0.0.1:110
""", f"pop3s: {POP3S} accept-proxy-from=10.0.0.0/8,192.0.2.7"),
    Case("which-balancers-may-connect", """
listen pop3s
    bind :995 accept-proxy ssl crt mail.pem
    tcp-request connection reject unless { src 10.0.0.0/8 }
    server s 127.0.0.1:110
listen imaps
    bind :993 accept-proxy ssl crt mail.pem
    tcp-request content reject unless { src 10.0.0.0/8 }
    server s 127.0.0.1:143
""", f"""
#pop3s: {POP3S} accept-proxy-from=0.0.0.0/0,::/0 allow=10.0.0.0/8
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 accept-proxy-from=0.0.0.0/0,::/0 allow=10.0.0.0/8
""", {3}),
    Case("authorities-in-two-files", """
listen pop3s
    bind :995 ssl crt mail.pem ca-file mail.crt ca-verify-file ca.crt verify required
    server s 127.0.0.1:110
listen imaps
    bind :993 ssl crt mail.pem ca-verify-file ca.crt verify required
    server s 127.0.0.1:143
listen nntps
    bind :563 ssl crt mail.pem ca-file mail.crt ca-verify-file ca.crt verify none
    server s 127.0.0.1:119
""", f"""
#pop3s: {POP3S} client-certificate=required client-ca=DIR/mail.crt
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 client-certificate=required client-ca=DIR/ca.crt
nntps: listen=0.0.0.0:563 protocol=nntp certificate=mail upstream=127.0.0.1:119 client-certificate=none
""", {2}),
    Case("what-is-turned-off-but-is-so-anyway-is-told", """
listen pop3s
    bind :995 ssl crt mail.pem
    no option redispatch
    no option nolinger
    no log
    server s 127.0.0.1:110
""", f"pop3s: {POP3S}", {3, 5}),
]


@pytest.mark.parametrize("case", CASES, ids=identify)
def test_frontends_become_routes(binary, place, case):
    case.verify(binary, "haproxy", place, PRESETS)


def test_options_of_one_certificate_withhold_the_route(binary, place):
    (place / "list.crt").write_text(f"{place}/mail.pem [verify required ca-file ca.crt]\n")
    Case("crt-list", listen(":995 ssl crt-list list.crt"), f"#pop3s: {POP3S}", {2}).verify(binary, "haproxy", place, PRESETS)
