"""nginx's mail and stream blocks, in the styles that its users write."""

import pytest

from harness.imports import Case, identify

TLS = "ssl_certificate mail.crt; ssl_certificate_key mail.key;"


def stream(server, **more):
    """A stream block in one line, with one server."""
    return f"stream {{ {more.get('context', '')} server {{ {TLS} {server} }} }}\n"


POP3S = "listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=127.0.0.1:110"
# What nginx does by itself, other than tlsfront.
PRESETS = {"connect-timeout": "1m", "idle-timeout": "10m"}
MAIL_PRESETS = {"idle-timeout": "24h"}

CASES = [
    Case("a-stream", stream("listen 995 ssl; proxy_pass 127.0.0.1:110;"), f"pop3-995: {POP3S}", (),
         {"mail": "chain=DIR/mail.crt key=DIR/mail.key"}),
    Case("a-whole-file", """
user nobody;
worker_processes auto;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
include modules-enabled/*.conf;
events {
    worker_connections 768;
    # multi_accept on;
}
stream {
    ssl_certificate     mail.crt;
    ssl_certificate_key mail.key;
    ssl_protocols       TLSv1.2 TLSv1.3;
    ssl_session_cache   shared:SSL:10m;
    server {
        listen 995 ssl;
        proxy_pass 127.0.0.1:110;
    }
}
http {
    include mime.types;
    server { listen 80; location / { root /var/www; } }
}
""", f"pop3-995: {POP3S}", {3, 14, 20}, None,
         {"user": "nobody", "workers": "auto", "log": "/var/log/nginx/error.log", "log-level": "warn"}),
    Case("both-families", stream("listen 993 ssl; listen [::]:993 ssl; proxy_pass 127.0.0.1:143;"),
         "imap-993: listen=:993 protocol=imap certificate=mail upstream=127.0.0.1:143"),
    Case("one-socket-for-both", stream("listen [::]:993 ssl ipv6only=off; proxy_pass 127.0.0.1:143;"),
         "imap-993: listen=:993 protocol=imap certificate=mail upstream=127.0.0.1:143"),
    Case("clear-and-tls", """
stream {
    ssl_certificate mail.pem;
    ssl_certificate_key mail.pem;
    server {
        listen 127.0.0.1:143;
        listen 127.0.0.1:993 ssl;
        proxy_pass 10.0.0.5:143;
    }
}
""", "imap-993: listen=127.0.0.1:993 protocol=imap certificate=mail upstream=10.0.0.5:143", {5},
         {"mail": "chain=DIR/mail.pem"}),
    Case("an-upstream-block", """
stream {
    upstream nntp {
        zone nntp 64k;
        server news1.example.test:119;
    }
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    server { listen 563 ssl; proxy_pass nntp; }
}
""", "nntp-563: listen=0.0.0.0:563 protocol=nntp certificate=mail upstream=news1.example.test:119"),
    Case("a-backup", """
stream {
    upstream imap {
        server 10.0.0.7:143 backup;
        server 10.0.0.5:143 max_fails=2 fail_timeout=30s;
        server 10.0.0.6:143 down;
    }
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    server { listen 993 ssl; proxy_pass imap; }
}
""", "imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143,10.0.0.7:143",
         {4}),
    Case("two-kinds-of-keys", """
stream {
    server {
        listen 443 ssl;
        ssl_certificate     mail.crt;
        ssl_certificate_key mail.key;
        ssl_certificate     news.crt;
        ssl_certificate_key news.key;
        proxy_pass unix:/run/app.sock;
    }
}
""", "tcp-443: listen=0.0.0.0:443 protocol=tcp certificate=mail,news upstream=unix:/run/app.sock"),
    Case("what-stands-below-counts", """
stream {
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    proxy_timeout 10m;
    server { listen 993 ssl; proxy_pass 127.0.0.1:143; }
    server {
        listen 995 ssl; proxy_pass 127.0.0.1:110;
        ssl_certificate news.crt; ssl_certificate_key news.key;
        proxy_timeout 1h30m;
        proxy_connect_timeout 500ms;
        ssl_handshake_timeout 5s;
    }
}
""", """
imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 idle-timeout=10m
pop3-995: listen=0.0.0.0:995 protocol=pop3 certificate=news upstream=127.0.0.1:110 idle-timeout=90m connect-timeout=500ms handshake-timeout=5s
"""),
    Case("versions-and-ciphers", stream("""listen 995 ssl; proxy_pass 127.0.0.1:110;
ssl_protocols TLSv1.3;
ssl_prefer_server_ciphers on;
ssl_ecdh_curve X25519:secp384r1;
ssl_ciphers ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256;
ssl_dhparam dh.pem;
"""), f"pop3-995: {POP3S} min-version=1.3 groups=X25519,secp384r1 "
         "ciphers=ECDHE-RSA-CHACHA20-POLY1305,ECDHE-RSA-AES128-GCM-SHA256", {6}),
    Case("old-versions", stream("listen 995 ssl; proxy_pass 127.0.0.1:110;\nssl_protocols TLSv1 TLSv1.1 TLSv1.2;\nssl_ciphers HIGH:!aNULL:!MD5;\n"),
         f"pop3-995: {POP3S}", {2, 3}),
    Case("mutual", stream("listen 636 ssl; proxy_pass 127.0.0.1:389; ssl_verify_client on; ssl_client_certificate ca.crt;\nssl_verify_depth 2;\n"),
         "ldap-636: listen=0.0.0.0:636 protocol=ldap certificate=mail upstream=127.0.0.1:389 "
         "client-certificate=required client-ca=DIR/ca.crt", {2}),
    Case("asked-but-not-verified", stream("listen 636 ssl; proxy_pass 127.0.0.1:389;\nssl_verify_client optional_no_ca;\n"),
         "#ldap-636: listen=0.0.0.0:636 protocol=ldap certificate=mail upstream=127.0.0.1:389", {2}),
    Case("what-looks-at-clients-and-cannot-be-said", """
stream {
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    js_import main.js;
    ssl_client_certificate ca.crt;
    server { listen 995 ssl; proxy_pass 127.0.0.1:110; ssl_verify_client on;
        ssl_ocsp on; }
    server { listen 993 ssl; proxy_pass 127.0.0.1:143;
        js_access main.check; }
    server { listen 563 ssl; proxy_pass 127.0.0.1:119;
        js_filter main.filter; }
    server { listen 636 ssl; proxy_pass 127.0.0.1:389; ssl_verify_client on;
        ssl_verify_depth 0; }
    server { listen 465 ssl; proxy_pass 127.0.0.1:25;
        ssl_reject_handshake on; }
    server { listen 443 ssl; proxy_pass 127.0.0.1:80;
        ssl_conf_command VerifyMode Require; }
    server { listen 444 ssl; proxy_pass 127.0.0.1:80;
        ssl_conf_command Options -SessionTicket; }
}
""", f"""
#pop3-995: {POP3S} client-certificate=required client-ca=DIR/ca.crt
#imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143
#nntp-563: listen=0.0.0.0:563 protocol=nntp certificate=mail upstream=127.0.0.1:119
#ldap-636: listen=0.0.0.0:636 protocol=ldap certificate=mail upstream=127.0.0.1:389 client-certificate=required client-ca=DIR/ca.crt
#smtp-465: listen=0.0.0.0:465 protocol=smtp certificate=mail upstream=127.0.0.1:25
#tcp-443: listen=0.0.0.0:443 protocol=tcp certificate=mail upstream=127.0.0.1:80
tcp-444: listen=0.0.0.0:444 protocol=tcp certificate=mail upstream=127.0.0.1:80
""", {3, 6, 8, 10, 12, 14, 16, 18}),
    Case("what-nobody-knows", """
stream {
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    geo $where { default 0; }
    server { listen 995 ssl; proxy_pass 127.0.0.1:110;
        frobnicate on; }
    server { listen 993 ssl frobnicated; proxy_pass 127.0.0.1:143; }
    server { listen 563 ssl; proxy_pass 127.0.0.1:119;
        frobnicate { on; } }
    server { listen 636 ssl; proxy_pass 127.0.0.1:389; }
}
""", f"""
#pop3-995: {POP3S}
#imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143
#nntp-563: listen=0.0.0.0:563 protocol=nntp certificate=mail upstream=127.0.0.1:119
ldap-636: listen=0.0.0.0:636 protocol=ldap certificate=mail upstream=127.0.0.1:389
""", {3, 5, 6, 8}),
    Case("what-nobody-knows-of-all-servers", """
stream {
    server { listen 995 ssl; proxy_pass 127.0.0.1:110; ssl_certificate mail.crt; ssl_certificate_key mail.key; }
    frobnicate { on; }
}
""", f"#pop3-995: {POP3S}", {3}),
    Case("who-may-connect-through-a-balancer-that-is-not-named",
         stream("listen 995 ssl proxy_protocol; proxy_pass 127.0.0.1:110; deny 10.0.0.0/8;"),
         f"#pop3-995: {POP3S} accept-proxy-from=0.0.0.0/0,::/0 deny=10.0.0.0/8"),
    Case("trusted-authorities", stream("listen 636 ssl; proxy_pass 127.0.0.1:389; ssl_verify_client optional; ssl_trusted_certificate ca.crt;"),
         "ldap-636: listen=0.0.0.0:636 protocol=ldap certificate=mail upstream=127.0.0.1:389 "
         "client-certificate=optional client-ca=DIR/ca.crt"),
    Case("proxy-header", stream("listen 995 ssl; proxy_pass 127.0.0.1:110; proxy_protocol on;"),
         f"pop3-995: {POP3S} send-proxy=v1"),
    Case("behind-a-balancer", stream("listen 995 ssl proxy_protocol; set_real_ip_from 10.0.0.0/8; set_real_ip_from 192.0.2.1; proxy_pass 127.0.0.1:110;"),
         f"pop3-995: {POP3S} accept-proxy-from=10.0.0.0/8,192.0.2.1"),
    Case("behind-any-balancer", stream("listen 995 ssl proxy_protocol; proxy_pass 127.0.0.1:110;"),
         f"pop3-995: {POP3S} accept-proxy-from=0.0.0.0/0,::/0"),
    Case("source", stream("listen 995 ssl; proxy_pass 127.0.0.1:110; proxy_bind 127.0.0.2;"),
         f"pop3-995: {POP3S} source=127.0.0.2"),
    Case("transparent", stream("listen 995 ssl; proxy_pass 127.0.0.1:110; proxy_bind $remote_addr transparent;"),
         f"pop3-995: {POP3S} source=transparent"),
    Case("limits", stream("listen 995 ssl; proxy_pass 127.0.0.1:110; limit_conn perip 10;",
                          context="limit_conn_zone $binary_remote_addr zone=perip:10m;"),
         f"pop3-995: {POP3S} max-connections-per-ip=10"),
    Case("other-limits", stream("listen 995 ssl; proxy_pass 127.0.0.1:110;\nlimit_conn perserver 10;\n",
                                context="limit_conn_zone $server_port zone=perserver:10m;"),
         f"#pop3-995: {POP3S}", {2}),
    Case("one-zone-for-several-servers", """
stream {
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    limit_conn_zone $binary_remote_addr zone=addr:1m;
    limit_conn_zone $binary_remote_addr zone=other:1m;
    server { listen 995 ssl; proxy_pass 127.0.0.1:110;
             limit_conn addr 2; }
    server { listen 993 ssl; proxy_pass 127.0.0.1:143;
             limit_conn addr 3; }
    server { listen 563 ssl; listen 1563 ssl; proxy_pass 127.0.0.1:119;
             limit_conn other 2; }
}
""", f"""
#pop3-995: {POP3S} max-connections-per-ip=2
#imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 max-connections-per-ip=3
nntp-1563: listen=0.0.0.0:563,0.0.0.0:1563 protocol=nntp certificate=mail upstream=127.0.0.1:119 max-connections-per-ip=2
""", {6, 8}),
    Case("of-several-zones-the-smallest-limit", """
stream {
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    limit_conn_zone $binary_remote_addr zone=a:1m;
    limit_conn_zone $binary_remote_addr zone=b:1m;
    limit_conn_zone $binary_remote_addr zone=c:1m;
    limit_conn c 1;
    server { listen 995 ssl; proxy_pass 127.0.0.1:110; limit_conn a 2; limit_conn b 5; }
    server { listen 993 ssl; proxy_pass 127.0.0.1:143; }
}
""", f"""
pop3-995: {POP3S} max-connections-per-ip=2
imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 max-connections-per-ip=1
"""),
    Case("servers-in-turns", """
stream {
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    upstream a { server 10.0.0.1:119; server 10.0.0.2:119; }
    upstream b { least_conn; server 10.0.0.1:143; server 10.0.0.2:143; }
    upstream c { hash $remote_addr consistent; server 10.0.0.1:110; server 10.0.0.2:110; }
    upstream d { random;
                 server 10.0.0.1:389; server 10.0.0.2:389; }
    server { listen 563 ssl; proxy_pass a; }
    server { listen 993 ssl; proxy_pass b; }
    server { listen 995 ssl; proxy_pass c; }
    server { listen 636 ssl; proxy_pass d; }
}
""", """
nntp-563: listen=0.0.0.0:563 protocol=nntp certificate=mail upstream=10.0.0.1:119,10.0.0.2:119 balance=rotate
imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.1:143,10.0.0.2:143 balance=least
pop3-995: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=10.0.0.1:110,10.0.0.2:110 balance=source
ldap-636: listen=0.0.0.0:636 protocol=ldap certificate=mail upstream=10.0.0.1:389,10.0.0.2:389 balance=rotate
""", {6}),
    Case("servers-by-name", """
stream {
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    upstream news { server 10.0.0.6:143; }
    map $ssl_server_name $where {
        hostnames;
        news.example.test news;
        customers.example.test 10.0.0.7:143;
        default 10.0.0.5:143;
    }
    server { listen 993 ssl; proxy_pass $where; }
}
""", """
imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143
imap-993/news.example.test: upstream=10.0.0.6:143
imap-993/customers.example.test: upstream=10.0.0.7:143
"""),
    Case("servers-by-all-names-below-one", """
stream {
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    map $ssl_server_name $where {
        hostnames;
        *.news.example.test 10.0.0.6:143;
        .customers.example.test 10.0.0.7:143;
        .example.test 10.0.0.5:143;
        default 10.0.0.5:143;
    }
    server { listen 993 ssl; proxy_pass $where; }
}
""", """
#imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143
#imap-993/*.news.example.test: upstream=10.0.0.6:143
#imap-993/customers.example.test: upstream=10.0.0.7:143
#imap-993/*.customers.example.test: upstream=10.0.0.7:143
#imap-993/example.test: upstream=10.0.0.5:143
#imap-993/*.example.test: upstream=10.0.0.5:143
""", {5, 6}),
    Case("no-patterns-before-hostnames", """
stream {
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    map $ssl_server_name $where {
        *.news.example.test 10.0.0.6:143;
        .news.example.test 10.0.0.6:143;
        news.example.test 10.0.0.6:143;
        default 10.0.0.5:143;
        hostnames;
    }
    server { listen 993 ssl; proxy_pass $where; }
}
""", """
imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143
imap-993/news.example.test: upstream=10.0.0.6:143
""", {4, 5}),
    Case("servers-by-the-beginning-of-names", """
stream {
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    map $ssl_server_name $where {
        hostnames;
        news.* 10.0.0.6:143;
        default 10.0.0.5:143;
    }
    server { listen 993 ssl; proxy_pass $where; }
}
""", "#imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143", {5}),
    Case("servers-by-name-in-turns", """
stream {
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    upstream news { least_conn; server 10.0.0.6:143; server 10.0.0.7:143;
                    keepalive 7; }
    map $ssl_server_name $where { news.example.test news; default 10.0.0.5:143; }
    server { listen 993 ssl; proxy_pass $where; }
}
""", """
imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143
imap-993/news.example.test: upstream=10.0.0.6:143,10.0.0.7:143 balance=least
""", {4}),
    Case("who-stands-by-by-name-takes-no-turns-because-others-do", """
stream {
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    upstream news { server 10.0.0.6:143; server 10.0.0.7:143 backup; }
    upstream turns { server 10.0.0.4:143; server 10.0.0.5:143; }
    map $ssl_server_name $where { news.example.test news; default turns; }
    server { listen 993 ssl; proxy_pass $where; }
}
""", """
imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.4:143,10.0.0.5:143 balance=rotate
imap-993/news.example.test: upstream=10.0.0.6:143,10.0.0.7:143 balance=first
"""),
    Case("servers-by-a-pattern-of-names", """
stream {
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    map $ssl_server_name $where {
        ~^news 10.0.0.6:143;
        default 10.0.0.5:143;
    }
    server { listen 993 ssl; proxy_pass $where; }
}
""", "#imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143", {4}),
    Case("who-may-connect", """
stream {
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    deny 10.9.0.0/16;
    server { listen 995 ssl; proxy_pass 127.0.0.1:110; }
    server { listen 993 ssl; proxy_pass 127.0.0.1:143; deny 10.0.0.1; allow 10.0.0.5/8; allow 2001:db8::/32; deny all; }
    server { listen 636 ssl; proxy_pass 127.0.0.1:389; allow all; }
    server { listen 563 ssl; proxy_pass 127.0.0.1:119; allow 10.0.0.1;
             deny 10.0.0.0/8; }
}
""", f"""
pop3-995: {POP3S} deny=10.9.0.0/16
imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 allow=10.0.0.0/8,2001:db8::/32 deny=10.0.0.1
ldap-636: listen=0.0.0.0:636 protocol=ldap certificate=mail upstream=127.0.0.1:389
#nntp-563: listen=0.0.0.0:563 protocol=nntp certificate=mail upstream=127.0.0.1:119
""", {8}),
    Case("ticket-keys", stream("listen 995 ssl; proxy_pass 127.0.0.1:110; ssl_session_ticket_key tickets.1; ssl_session_ticket_key tickets.2;"),
         f"pop3-995: {POP3S}", (), None, {"ticket-key": "DIR/tickets.1,DIR/tickets.2"}),
    Case("passed-through-unopened", """
stream {
    map $ssl_preread_server_name $name {
        mail.example.test 10.0.0.5:993;
        default 10.0.0.6:993;
    }
    server {
        listen 993;
        ssl_preread on;
        proxy_pass $name;
    }
}
""", "", {2, 7, 8, 9}),
    Case("datagrams", """
stream {
    server { listen 53 udp; proxy_pass 10.0.0.5:53; }
}
""", "", {2}),
    Case("mail", """
mail {
    server_name mail.example.test;
    auth_http   127.0.0.1:9000/auth;
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    server { listen 993 ssl; protocol imap; }
    server { listen 995 ssl; protocol pop3; }
    server { listen 465 ssl; protocol smtp; smtp_auth plain login;
    }
}
""", """
imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 hostname=mail.example.test
pop3-995: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=127.0.0.1:110 hostname=mail.example.test
smtp-465: listen=0.0.0.0:465 protocol=smtp certificate=mail upstream=127.0.0.1:25 hostname=mail.example.test xclient=on
""", {3, 7}),
    Case("mail-by-starttls", """
mail {
    auth_http localhost/auth;
    auth_http_header X-Auth-Key "hunter2";
    starttls on;
    ssl_certificate mail.crt; ssl_certificate_key mail.key;
    server { listen 143; protocol imap; timeout 30s; }
    server { listen 110; protocol pop3; starttls only; }
    server { listen 25;  protocol smtp; xclient off; }
    server { listen 587; protocol smtp; starttls only; proxy_protocol on; }
}
""", """
imap-143: listen=0.0.0.0:143 protocol=imap tls=optional certificate=mail upstream=127.0.0.1:10143 plaintext-login=allow upgrade-timeout=30s
pop3-110: listen=0.0.0.0:110 protocol=pop3 tls=required certificate=mail upstream=127.0.0.1:10110
smtp-25: listen=0.0.0.0:25 protocol=smtp tls=optional certificate=mail upstream=127.0.0.1:10025 plaintext-login=allow
smtp-587: listen=0.0.0.0:587 protocol=smtp tls=required certificate=mail upstream=127.0.0.1:10025 xclient=on send-proxy=v1
""", {2, 3}),
    Case("mail-in-old-words", """
mail {
    auth_http localhost/auth;
    ssl_certificate mail.pem;
    ssl_certificate_key mail.pem;
    server { listen 127.0.0.1:993; ssl on; }
    server { listen 127.0.0.1:143; protocol imap; }
}
""", "imap-993: listen=127.0.0.1:993 protocol=imap certificate=mail upstream=127.0.0.1:10143", {2, 6}),
    Case("tls-behind-it", stream("listen 995 ssl; proxy_pass mail.example.test:995; proxy_ssl on; proxy_ssl_verify on; "
                                 "proxy_ssl_trusted_certificate ca.crt; proxy_ssl_server_name on; "
                                 "proxy_ssl_certificate news.crt; proxy_ssl_certificate_key news.key;"),
         "pop3-995: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=mail.example.test:995 upstream-tls=verify "
         "upstream-ca=DIR/ca.crt upstream-name=mail.example.test upstream-certificate=news"),
    Case("tls-behind-it-without-looking", stream("listen 995 ssl; proxy_pass 10.0.0.5:995;\nproxy_ssl on;\n"),
         "#pop3-995: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=10.0.0.5:995", {2}),
    Case("ranges-and-nonsense", stream("listen 10000-10010 ssl;\nlisten nowhere ssl;\nproxy_pass 127.0.0.1:110;"),
         "", {1, 2}),
    Case("nowhere-to-go", stream("listen 995 ssl;\nproxy_pass nowhere;\n"),
         "#pop3-995: listen=0.0.0.0:995 protocol=pop3 certificate=mail", {1, 2}),
    Case("quotes-and-comments", """
# all of it
stream { # here
    server {
        listen "127.0.0.1:995" ssl;   # POP3
        ssl_certificate 'mail.crt'; ssl_certificate_key "mail.key";
        proxy_pass 127.0.0.1:110;
    }
}
""", "pop3-995: listen=127.0.0.1:995 protocol=pop3 certificate=mail upstream=127.0.0.1:110"),
]


@pytest.mark.parametrize("case", CASES, ids=identify)
def test_servers_become_routes(binary, place, case):
    case.verify(binary, "nginx", place, MAIL_PRESETS if case.text.startswith("mail") else PRESETS)


def test_includes_and_relative_paths_begin_where_the_file_is(binary, place):
    etc = place / "nginx"
    (etc / "streams").mkdir(parents=True)
    for name in ("mail.crt", "mail.key"):
        (etc / name).write_bytes((place / name).read_bytes())
    (etc / "streams" / "b.conf").write_text("server { listen 995 ssl; proxy_pass 127.0.0.1:110; }\n")
    (etc / "streams" / "a.conf").write_text("server { listen 993 ssl; proxy_pass 127.0.0.1:143; }\n")
    (etc / "tls.conf").write_text(f"{TLS}\n")
    Case("nginx/nginx", "stream { include tls.conf; include streams/*.conf; }\n", f"""
imap-993: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143
pop3-995: {POP3S}
""", (), {"mail": "chain=DIR/nginx/mail.crt key=DIR/nginx/mail.key"}).verify(binary, "nginx", place, PRESETS)
