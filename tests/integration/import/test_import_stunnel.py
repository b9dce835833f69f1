"""stunnel's server sections, in the styles that its users write."""

import pytest

from harness.imports import Case, identify, run_import

POP3S = "listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=127.0.0.1:110"
# What stunnel does by itself, other than tlsfront.
PRESETS = {"connect-timeout": "10s", "idle-timeout": "12h"}

CASES = [
    Case("one-section", """
cert = mail.pem
[pop3s]
accept = 995
connect = 110
""", f"pop3s: {POP3S}"),
    Case("sample-of-a-package", """
; Sample configuration
setuid = nobody
pid = /run/stunnel4/stunnel.pid
;debug = 7
output = /var/log/stunnel4/stunnel.log
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
cert = mail.crt
key = mail.key
[pop3s]
accept  = 995
connect = 110
[imaps]
accept  = 993
connect = 143
[ssmtp]
accept  = 465
connect = 25
""", f"""
pop3s: {POP3S}
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143
ssmtp: listen=0.0.0.0:465 protocol=smtp certificate=mail upstream=127.0.0.1:25
""", {3}, {"mail": "chain=DIR/mail.crt key=DIR/mail.key"},
         {"user": "nobody", "log": "/var/log/stunnel4/stunnel.log"}),
    Case("keys-in-any-case", """
CERT=mail.pem
[ pop3s ]
Accept=0.0.0.0:pop3s
Connect=localhost:pop3
""", "pop3s: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=localhost:110"),
    Case("an-address-each", """
[imap-a]
accept = 127.0.0.1:993
connect = 10.0.0.5:143
cert = mail.pem
[imap-b]
accept = 127.0.0.2:993
connect = 10.0.0.6:143
cert = news.crt
key = news.key
""", """
imap-a: listen=127.0.0.1:993 protocol=imap certificate=mail upstream=10.0.0.5:143
imap-b: listen=127.0.0.2:993 protocol=imap certificate=news upstream=10.0.0.6:143
"""),
    Case("ipv6", """
cert = mail.pem
[ldaps]
accept = :::636
connect = ::1:389
[nntps]
accept = ::1:563
connect = fd00::5:119
""", """
ldaps: listen=:636 protocol=ldap certificate=mail upstream=[::1]:389
nntps: listen=[::1]:563 protocol=nntp certificate=mail upstream=[fd00::5]:119
"""),
    Case("ipv6-beside-ipv4", """
cert = mail.pem
[v4]
accept = 995
connect = 110
[v6]
accept = :::995
connect = 110
""", f"""
v4: {POP3S}
v6: {POP3S.replace('0.0.0.0', '[::]')}
"""),
    Case("unix-sockets", """
cert = mail.pem
[imaps]
accept = 993
connect = /run/dovecot/imap
""", "imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=unix:/run/dovecot/imap"),
    Case("starttls", """
cert = mail.pem
[smtp]
accept = 10.0.0.1:25
connect = 127.0.0.1:2525
protocol = smtp
[pop3]
accept = 10.0.0.1:110
connect = 127.0.0.1:110
protocol = pop3
[imap]
accept = 10.0.0.1:143
connect = 127.0.0.1:143
protocol = imap
""", """
smtp: listen=10.0.0.1:25 protocol=smtp tls=required certificate=mail upstream=127.0.0.1:2525
pop3: listen=10.0.0.1:110 protocol=pop3 tls=required certificate=mail upstream=127.0.0.1:110
imap: listen=10.0.0.1:143 protocol=imap tls=required certificate=mail upstream=127.0.0.1:143
"""),
    Case("starttls-of-other-protocols", """
cert = mail.pem
[ldap]
accept = 389
connect = 127.0.0.1:1389
protocol = ldap
[nntp]
accept = 119
connect = 127.0.0.1:1119
protocol = nntp
[pgsql]
accept = 5432
connect = 127.0.0.1:15432
protocol = pgsql
""", """
ldap: listen=0.0.0.0:389 protocol=ldap tls=required certificate=mail upstream=127.0.0.1:1389
nntp: listen=0.0.0.0:119 protocol=nntp tls=required certificate=mail upstream=127.0.0.1:1119
#pgsql: listen=0.0.0.0:5432 protocol=tcp certificate=mail upstream=127.0.0.1:15432
""", {13}),
    Case("proxy-header", """
cert = mail.pem
[web]
accept = 443
connect = 127.0.0.1:8080
protocol = proxy
""", "web: listen=0.0.0.0:443 protocol=tcp certificate=mail upstream=127.0.0.1:8080 send-proxy=v1"),
    Case("client-sections", """
cert = mail.pem
[pop3s]
accept = 995
connect = 110
[relay]
client = yes
accept = 127.0.0.1:2500
connect = mx.example.test:465
""", f"pop3s: {POP3S}", {5}),
    Case("all-client", """
client = yes
[relay]
accept = 127.0.0.1:2500
connect = mx.example.test:465
CAfile = ca.crt
verifyChain = yes
""", "", {2}),
    Case("all-client-but-one", """
client = yes
cert = mail.pem
[relay]
accept = 127.0.0.1:110
connect = mx.example.test:995
[pop3s]
client = no
accept = 995
connect = 110
[other]
client = no
client = yes
accept = 127.0.0.1:143
connect = mx.example.test:993
""", f"pop3s: {POP3S}", {3, 10}),
    Case("what-stands-before-the-sections-gives-way-to-theirs", """
cert = mail.pem
protocol = proxy
transparent = source
[smtp]
accept = 10.0.0.1:25
connect = 127.0.0.1:25
protocol = smtp
transparent = none
[pop3s]
accept = 995
connect = 110
""", f"""
smtp: listen=10.0.0.1:25 protocol=smtp tls=required certificate=mail upstream=127.0.0.1:25
pop3s: {POP3S} send-proxy=v1 source=transparent
"""),
    Case("what-stands-before-the-sections-comes-before-theirs", """
cert = mail.pem
CAfile = ca.crt
verifyChain = yes
checkHost = alice.example.test
connect = 10.0.0.5:143
[imaps]
accept = 993
connect = 10.0.0.6:143
checkEmail = bob@example.test
[more]
accept = 994
""", """
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143,10.0.0.6:143 client-certificate=required client-ca=DIR/ca.crt client-names=alice.example.test,bob@example.test
more: listen=0.0.0.0:994 protocol=imap certificate=mail upstream=10.0.0.5:143 client-certificate=required client-ca=DIR/ca.crt client-names=alice.example.test
"""),
    Case("mutual", """
cert = mail.pem
[ldaps]
accept = 636
connect = 389
CAfile = ca.crt
verify = 2
""", "ldaps: listen=0.0.0.0:636 protocol=ldap certificate=mail upstream=127.0.0.1:389 "
         "client-certificate=required client-ca=DIR/ca.crt"),
    Case("mutual-new-words", """
cert = mail.pem
CAfile = ca.crt
[a]
accept = 636
connect = 389
verifyChain = yes
checkHost = alice.example.test
checkEmail = bob@example.test
[b]
accept = 637
connect = 389
verifyChain = yes
requireCert = no
[c]
accept = 638
connect = 389
""", """
a: listen=0.0.0.0:636 protocol=ldap certificate=mail upstream=127.0.0.1:389 client-certificate=required client-ca=DIR/ca.crt client-names=alice.example.test,bob@example.test
b: listen=0.0.0.0:637 protocol=ldap certificate=mail upstream=127.0.0.1:389 client-certificate=optional client-ca=DIR/ca.crt
c: listen=0.0.0.0:638 protocol=ldap certificate=mail upstream=127.0.0.1:389
"""),
    Case("forced-but-not-verified", """
cert = mail.pem
[imaps]
accept = 993
connect = 143
requireCert = yes
[pop3s]
accept = 995
connect = 110
requireCert = yes
CAfile = ca.crt
[ldaps]
accept = 636
connect = 389
requireCert = no
""", f"""
#imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 client-certificate=required
#pop3s: {POP3S} client-certificate=required client-ca=DIR/ca.crt
ldaps: listen=0.0.0.0:636 protocol=ldap certificate=mail upstream=127.0.0.1:389
""", {5, 9}),
    Case("forced-by-what-stands-before-the-sections", """
cert = mail.pem
requireCert = yes
[imaps]
accept = 993
connect = 143
""", "#imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 client-certificate=required", {2}),
    Case("a-demand-lasts-until-a-line-takes-it-back", """
cert = mail.pem
CAfile = ca.crt
[a]
accept = 1001
connect = 389
requireCert = no
verifyChain = yes
[b]
accept = 1002
connect = 389
verify = 1
requireCert = yes
[c]
accept = 1003
connect = 389
verify = 2
requireCert = no
[d]
accept = 1004
connect = 389
verifyPeer = yes
verify = 1
""", """
a: listen=0.0.0.0:1001 protocol=ldap certificate=mail upstream=127.0.0.1:389 client-certificate=required client-ca=DIR/ca.crt
b: listen=0.0.0.0:1002 protocol=ldap certificate=mail upstream=127.0.0.1:389 client-certificate=required client-ca=DIR/ca.crt
c: listen=0.0.0.0:1003 protocol=ldap certificate=mail upstream=127.0.0.1:389 client-certificate=optional client-ca=DIR/ca.crt
d: listen=0.0.0.0:1004 protocol=ldap certificate=mail upstream=127.0.0.1:389 client-certificate=optional client-ca=DIR/ca.crt
"""),
    Case("a-demand-after-what-stands-before-the-sections", """
cert = mail.pem
CAfile = ca.crt
requireCert = no
[a]
accept = 1001
connect = 389
verifyChain = yes
""", "a: listen=0.0.0.0:1001 protocol=ldap certificate=mail upstream=127.0.0.1:389 client-certificate=required client-ca=DIR/ca.crt"),
    Case("a-demand-outlives-the-verification", """
cert = mail.pem
CAfile = ca.crt
verifyChain = yes
[a]
accept = 1001
connect = 389
verifyChain = no
[b]
accept = 1002
connect = 389
verify = 0
[c]
accept = 1003
connect = 389
verifyPeer = yes
verifyChain = no
""", """
#a: listen=0.0.0.0:1001 protocol=ldap certificate=mail upstream=127.0.0.1:389 client-certificate=required client-ca=DIR/ca.crt
b: listen=0.0.0.0:1002 protocol=ldap certificate=mail upstream=127.0.0.1:389
#c: listen=0.0.0.0:1003 protocol=ldap certificate=mail upstream=127.0.0.1:389 client-certificate=required client-ca=DIR/ca.crt
""", {7, 15}),
    Case("what-cannot-be-written", """
cert = mail.pem
output = /var/log/a\x01b
[imaps]
accept = 993
connect = 143
[pop3s]
accept = 995
connect = 110
cert = mail\x01.pem
""", "imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143\n#pop3s: listen=0.0.0.0:995 protocol=pop3 upstream=127.0.0.1:110 certificate=mail-", {2, 9}),
    Case("asked-but-not-forced", """
cert = mail.pem
[imaps]
accept = 993
connect = 143
verify = 1
CAfile = ca.crt
[none]
accept = 994
connect = 143
verify = 0
""", """
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 client-certificate=optional client-ca=DIR/ca.crt
none: listen=0.0.0.0:994 protocol=imap certificate=mail upstream=127.0.0.1:143
"""),
    Case("pinned-clients-are-not-let-in-by-their-authority", """
cert = mail.pem
[a]
accept = 636
connect = 389
verify = 3
CAfile = ca.crt
[b]
accept = 637
connect = 389
verifyPeer = yes
CAfile = ca.crt
""", """
#a: listen=0.0.0.0:636 protocol=ldap certificate=mail upstream=127.0.0.1:389 client-certificate=required client-ca=DIR/ca.crt
#b: listen=0.0.0.0:637 protocol=ldap certificate=mail upstream=127.0.0.1:389 client-certificate=required client-ca=DIR/ca.crt
""", {5, 10}),
    Case("guards-that-cannot-be-said", """
cert = mail.pem
[wrapped]
accept = 995
connect = 110
libwrap = yes
[unwrapped]
accept = 996
connect = 110
libwrap = no
[secret]
accept = 997
connect = 110
PSKsecrets = psk.txt
ciphers = PSK
[directory]
accept = 998
connect = 110
CApath = /etc/ssl/certs
verify = 2
""", """
#wrapped: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=127.0.0.1:110
unwrapped: listen=0.0.0.0:996 protocol=pop3 certificate=mail upstream=127.0.0.1:110
#secret: listen=0.0.0.0:997 protocol=pop3 certificate=mail upstream=127.0.0.1:110
#directory: listen=0.0.0.0:998 protocol=pop3 certificate=mail upstream=127.0.0.1:110 client-certificate=required
""", {5, 13, 14, 18}),
    Case("versions", """
cert = mail.pem
sslVersionMin = TLSv1.2
options = NO_SSLv2
options = NO_SSLv3
[new]
accept = 993
connect = 143
sslVersion = TLSv1.3
[old]
accept = 994
connect = 143
sslVersionMin = TLSv1
[capped]
accept = 995
connect = 143
sslVersionMax = TLSv1.2
[by-option]
accept = 996
connect = 143
options = NO_TLSv1.2
""", """
new: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143 min-version=1.3
old: listen=0.0.0.0:994 protocol=imap certificate=mail upstream=127.0.0.1:143
capped: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=127.0.0.1:143
by-option: listen=0.0.0.0:996 protocol=imap certificate=mail upstream=127.0.0.1:143 min-version=1.3
""", {12, 16}),
    Case("ciphers-and-curves", """
cert = mail.pem
[pop3s]
accept = 995
connect = 110
ciphers = ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:!aNULL
ciphersuites = TLS_AES_256_GCM_SHA384
curves = X25519:prime256v1:secp384r1
""", f"pop3s: {POP3S} groups=X25519,secp256r1,secp384r1 "
         "ciphers=TLS_AES_256_GCM_SHA384,ECDHE-ECDSA-AES256-GCM-SHA384,ECDHE-RSA-AES256-GCM-SHA384"),
    Case("ciphers-by-class", """
cert = mail.pem
ciphers = HIGH:!aNULL:!SSLv2:!DH
[pop3s]
accept = 995
connect = 110
""", f"pop3s: {POP3S}", {2}),
    Case("times", """
cert = mail.pem
TIMEOUTidle = 43200
[pop3s]
accept = 995
connect = 110
TIMEOUTbusy = 30
TIMEOUTconnect = 10
TIMEOUTclose = 0
""", f"pop3s: {POP3S} handshake-timeout=30s connect-timeout=10s idle-timeout=12h", {8}),
    Case("source", """
cert = mail.pem
[a]
accept = 995
connect = 10.0.0.5:110
local = 10.0.0.1
[b]
accept = 996
connect = 10.0.0.5:110
transparent = source
[c]
accept = 997
connect = 10.0.0.5:110
transparent = destination
""", """
a: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=10.0.0.5:110 source=10.0.0.1
b: listen=0.0.0.0:996 protocol=pop3 certificate=mail upstream=10.0.0.5:110 source=transparent
#c: listen=0.0.0.0:997 protocol=pop3 certificate=mail upstream=10.0.0.5:110
""", {13}),
    Case("several-servers", """
cert = mail.pem
[imaps]
accept = 993
connect = 10.0.0.5:143
connect = 10.0.0.6:143
failover = prio
delay = yes
""", "imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143,10.0.0.6:143"),
    Case("servers-in-turns", """
cert = mail.pem
[imaps]
accept = 993
connect = 10.0.0.5:143
connect = 10.0.0.6:143
failover = rr
""", "imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143,10.0.0.6:143 balance=rotate"),
    Case("sections-by-name", """
cert = mail.pem
[imaps]
accept = 993
connect = 10.0.0.5:143
[news]
sni = imaps:news.example.test
cert = news.pem
connect = 10.0.0.6:143
[customers]
sni = imaps:customers.example.test
connect = 10.0.0.7:143
protocol = proxy
[nobody]
sni = nothing:x.example.test
connect = 10.0.0.8:143
""", """
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143
imaps/news.example.test: certificate=news upstream=10.0.0.6:143
imaps/customers.example.test: certificate=mail upstream=10.0.0.7:143 send-proxy=v1
""", {13}),
    Case("sections-by-the-end-of-names", """
cert = mail.pem
[imaps]
accept = 993
connect = 10.0.0.5:143
[customers]
sni = imaps:*.customers.example.test
connect = 10.0.0.7:143
[late]
sni = imaps:a.customers.example.test
connect = 10.0.0.8:143
[pop3s]
accept = 995
connect = 10.0.0.5:110
[same]
sni = pop3s:*.customers.example.test
connect = 10.0.0.5:110
[nntps]
accept = 563
connect = 10.0.0.5:119
[other]
sni = nntps:a*.example.test
connect = 10.0.0.6:119
""", """
#imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143
#imaps/*.customers.example.test: certificate=mail upstream=10.0.0.7:143
pop3s: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=10.0.0.5:110
pop3s/*.customers.example.test: certificate=mail upstream=10.0.0.5:110
#nntps: listen=0.0.0.0:563 protocol=nntp certificate=mail upstream=10.0.0.5:119
""", {6, 9, 21}),
    Case("who-stands-by-by-name-takes-no-turns-because-others-do", """
cert = mail.pem
[imaps]
accept = 993
connect = 10.0.0.4:143
connect = 10.0.0.5:143
failover = rr
[news]
sni = imaps:news.example.test
connect = 10.0.0.6:143
connect = 10.0.0.7:143
failover = prio
""", """
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.4:143,10.0.0.5:143 balance=rotate
imaps/news.example.test: certificate=mail upstream=10.0.0.6:143,10.0.0.7:143 balance=first
"""),
    Case("a-header-for-one-section-s-server-is-not-for-another-s", """
cert = mail.pem
[imaps]
accept = 993
connect = 10.0.0.4:143
protocol = proxy
[news]
sni = imaps:news.example.test
connect = 10.0.0.6:143
""", """
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.4:143 send-proxy=v1
imaps/news.example.test: certificate=mail upstream=10.0.0.6:143 send-proxy=off
"""),
    Case("an-address-to-connect-from-for-one-section-only", """
cert = mail.pem
[imaps]
accept = 993
connect = 10.0.0.4:143
local = 127.0.0.1
[news]
sni = imaps:news.example.test
connect = 10.0.0.6:143
""", """
#imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.4:143 source=127.0.0.1
#imaps/news.example.test: certificate=mail upstream=10.0.0.6:143
"""),
    Case("what-a-section-by-name-cannot-say-is-told", """
cert = mail.pem
[imaps]
accept = 993
connect = 10.0.0.5:143
[news]
sni = imaps:news.example.test
connect = 10.0.0.6:143
connect = 10.0.0.7:143
failover = rr
TIMEOUTidle = 600
sslVersionMin = TLSv1.3
""", """
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143
imaps/news.example.test: certificate=mail upstream=10.0.0.6:143,10.0.0.7:143 balance=rotate
""", {10, 11}),
    Case("a-section-by-name-that-asks-for-no-certificate", """
cert = mail.pem
[imaps]
accept = 993
connect = 10.0.0.5:143
verifyChain = yes
CAfile = ca.crt
[news]
sni = imaps:news.example.test
connect = 10.0.0.6:143
""", """
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=10.0.0.5:143 client-certificate=required client-ca=DIR/ca.crt
imaps/news.example.test: certificate=mail upstream=10.0.0.6:143
""", {8}),
    Case("programs", """
cert = mail.pem
[shell]
accept = 1337
exec = /bin/sh
execArgs = sh -i
pty = yes
""", "#shell: listen=0.0.0.0:1337 protocol=tcp certificate=mail", {2, 4, 5, 6}),
    Case("taken-addresses", """
cert = mail.pem
[a]
accept = 995
connect = 110
[b]
accept = 0.0.0.0:995
connect = 1110
""", f"""
a: {POP3S}
#b: protocol=pop3 certificate=mail upstream=127.0.0.1:1110
""", {5, 6}),
    Case("one-section-leads-to-another", """
cert = mail.pem
[a]
accept = 995
connect = 996
[b]
accept = 127.0.0.1:996
connect = 110
[c]
accept = /run/c.sock
connect = /run/c.sock
""", f"""
#a: {POP3S.replace(':110', ':996')}
b: listen=127.0.0.1:996 protocol=pop3 certificate=mail upstream=127.0.0.1:110
#c: listen=unix:/run/c.sock protocol=tcp certificate=mail upstream=unix:/run/c.sock
""", {4, 10}),
    Case("names-to-listen-on", """
cert = mail.pem
[a]
accept = localhost:995
connect = 110
[b]
accept = mail.example.test:995
connect = 110
""", """
a: listen=localhost:995 protocol=pop3 certificate=mail upstream=127.0.0.1:110
#b: protocol=pop3 certificate=mail upstream=127.0.0.1:110
""", {5, 6}),
    Case("odd-names", """
cert = mail.pem
[my pop3 (tls)]
accept = 995
connect = 110
[my-pop3--tls-]
accept = 996
connect = 110
""", """
my-pop3--tls-: listen=0.0.0.0:995 protocol=pop3 certificate=mail upstream=127.0.0.1:110
my-pop3--tls--2: listen=0.0.0.0:996 protocol=pop3 certificate=mail upstream=127.0.0.1:110
"""),
    Case("a-pkcs12-file", """
cert = mail.p12
[pop3s]
accept = 995
connect = 110
""", "#pop3s: listen=0.0.0.0:995 protocol=pop3 upstream=127.0.0.1:110", {1, 2}),
    Case("unknown-and-foreign-words", """
cert = mail.pem
fips = no
compression = zlib
[pop3s]
accept = 995
connect = 110
sesionCacheSize = 100
sessionCacheTimeout = 300
renegotiation = no
""", f"#pop3s: {POP3S}", {3, 7, 8}),
    Case("sockets-that-not-everybody-reaches", """
cert = mail.pem
[a]
accept = 995
connect = 127.0.0.1:110
socket = a:SO_BINDTODEVICE=wg0
[b]
accept = 996
connect = 127.0.0.1:110
socket = a:IP_TTL=1
[c]
accept = 997
connect = 127.0.0.1:110
socket = l:SO_LINGER=1:60
socket = r:SO_KEEPALIVE=1
socket = a:SO_REUSEADDR=yes
""", f"""
#a: {POP3S}
#b: {POP3S.replace('995', '996')}
c: {POP3S.replace('995', '997')}
""", {5, 9, 13, 14}),
    Case("commands-for-openssl", """
cert = mail.pem
[a]
accept = 995
connect = 110
config = VerifyMode:Require
[b]
accept = 996
connect = 110
config = Options:-SessionTicket
""", f"""
#a: {POP3S}
b: {POP3S.replace('995', '996')}
""", {5, 9}),
]


@pytest.mark.parametrize("case", CASES, ids=identify)
def test_sections_become_routes(binary, place, case):
    case.verify(binary, "stunnel", place, PRESETS)


def test_parts_of_a_directory_are_read_in_their_order(binary, place):
    parts = place / "stunnel.d"
    parts.mkdir()
    (parts / "00-global.conf").write_text("cert = mail.pem\n")
    (parts / "01-pop3s.conf").write_text("[pop3s]\naccept = 995\nconnect = 110\n")
    (parts / "02-imaps.conf").write_text("[imaps]\naccept = 993\nconnect = 143\nstack = 1\n")
    Case("include", "include = stunnel.d\n", f"""
pop3s: {POP3S}
imaps: listen=0.0.0.0:993 protocol=imap certificate=mail upstream=127.0.0.1:143
""", {4}).verify(binary, "stunnel", place, PRESETS)


@pytest.mark.parametrize("name, error", [("nothing.d", "No such file"), ("mail.pem", "Not a directory")])
def test_a_directory_that_is_not_there_is_an_error(binary, place, name, error):
    """stunnel does not start then."""
    text = f"cert = mail.pem\n[pop3s]\naccept = 995\nconnect = 110\ninclude = {name}\n"
    made = run_import(binary, "stunnel", "-", folder=place, text=text)
    assert (made.status, made.text) == (78, "")
    assert f"{name}/: {error}" in made.errors


def test_a_directory_without_files_adds_nothing(binary, place):
    (place / "empty.d").mkdir()
    Case("include-nothing", "cert = mail.pem\n[pop3s]\naccept = 995\nconnect = 110\ninclude = empty.d\n",
         f"pop3s: {POP3S}").verify(binary, "stunnel", place, PRESETS)
