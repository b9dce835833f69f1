"""dovecot: POP3, IMAP, ManageSieve, LMTP in clear, SASL for postfix. Any user, one password."""

import imaplib
import subprocess

from servers import common

COMMON = """
protocols = imap pop3 sieve lmtp
listen = 127.0.0.1
base_dir = {run}
log_path = {folder}/dovecot-main.log
ssl = no
auth_mechanisms = plain login
auth_failure_delay = 0
service imap-login {{
    inet_listener imap {{
        port = {imap}
    }}
    inet_listener imaps {{
        port = 0
    }}
}}
service pop3-login {{
    inet_listener pop3 {{
        port = {pop3}
    }}
    inet_listener pop3s {{
        port = 0
    }}
}}
service managesieve-login {{
    inet_listener sieve {{
        port = {sieve}
    }}
}}
service lmtp {{
    inet_listener lmtp {{
        port = {lmtp}
    }}
}}
service auth {{
    unix_listener {sasl} {{
        mode = 0666
    }}
}}
"""

SETTINGS_2_3 = COMMON + """
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
mail_max_userip_connections = 0
service anvil {{
    unix_listener anvil-auth-penalty {{
        mode = 0
    }}
}}
passdb {{
    driver = static
    args = password={password}
}}
userdb {{
    driver = static
    args = uid={owner} gid={owner} home={mail}/%n
}}
plugin {{
    sieve = file:~/sieve;active=~/.dovecot.sieve
}}
"""

SETTINGS_2_4 = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
""" + COMMON + """
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = ~/Maildir
mail_max_userip_connections = 0
passdb static {{
    password = {password}
}}
userdb static {{
    fields {{
        uid = {owner}
        gid = {owner}
        home = {mail}/%{{user | username}}
    }}
}}
sieve_script personal {{
    path = ~/sieve
    active_path = ~/.dovecot.sieve
}}
"""


# What an instance behind a proxy has on top; with "2.3" or "2.4" as key what differs: without
# ssl = required, 2.4 takes everything behind a PROXY header for secure.
STRICT = {"2.3": "disable_plaintext_auth = yes\n",
          "2.4": "auth_allow_cleartext = no\nssl = required\n"}
# The client is whom the PROXY header says, and the session as secure as it says.
HAPROXY = "haproxy_trusted_networks = 127.0.0.1/32\n" + "".join(
    f"service {service}-login {{\n    inet_listener {name} {{\n        haproxy = yes\n    }}\n}}\n"
    for service, name in (("imap", "imap"), ("pop3", "pop3"), ("managesieve", "sieve")))
# Speaks TLS from the first byte as well, on ports of its own.
TLS = {"2.3": "ssl = yes\nssl_cert = <{chain}\nssl_key = <{key}\n",
       "2.4": "ssl = yes\nssl_server_cert_file = {chain}\nssl_server_key_file = {key}\n"}
TLS_PORTS = """
service imap-login {{
    inet_listener imaps {{
        port = {imaps}
        ssl = yes
    }}
}}
service pop3-login {{
    inet_listener pop3s {{
        port = {pop3s}
        ssl = yes
    }}
}}
"""
# The client is whom XCLIENT or ID says.
TRUSTING = "login_trusted_networks = 127.0.0.1/32\n"


class Dovecot:
    def __init__(self, run, name="dovecot", extra=None, secured=None):
        """`extra` is one of the above, and goes with STRICT; `secured` a certificate for TLS."""
        binary = common.program("dovecot", "dovecot-core")
        for part, package in (("imap-login", "dovecot-imapd"), ("pop3-login", "dovecot-pop3d"),
                              ("managesieve-login", "dovecot-managesieved"),
                              ("lmtp", "dovecot-lmtpd")):
            common.program(part, package, "/usr/lib/dovecot", "/usr/libexec/dovecot")
        folder = run.make_folder(name)
        self.log = folder / "dovecot-main.log"
        self.mail = run.make_folder(f"{name}-mail", owner=(common.MAIL_OWNER, common.MAIL_OWNER))
        self.unused = iter(common.MAILBOXES)
        self.sasl = folder / "sasl"
        self.pop3, self.imap, self.sieve = run.port(), run.port(), run.port()
        self.lmtp = run.port()
        version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
        old = version.stdout.startswith("2.3.")
        settings = SETTINGS_2_3 if old else SETTINGS_2_4
        self.logged_in = "Login: " if old else "Logged in: "  # what it logs of a login
        config = folder / "dovecot.conf"
        config.write_text(settings.format(
            run=folder / "run", folder=folder, mail=self.mail, sasl=self.sasl, pop3=self.pop3,
            imap=self.imap, sieve=self.sieve, lmtp=self.lmtp,
            password=common.PASSWORD, owner=common.MAIL_OWNER))
        if extra is not None:
            with open(config, "a", encoding="ascii") as file:
                file.write(STRICT["2.3" if old else "2.4"] + extra)
        if secured is not None:
            self.imaps, self.pop3s = run.port(), run.port()
            with open(config, "a", encoding="ascii") as file:
                file.write((TLS["2.3" if old else "2.4"] + TLS_PORTS).format(
                    chain=secured.chain, key=secured.key, imaps=self.imaps, pop3s=self.pop3s))
        self.process = run.start(name, [binary, "-F", "-c", config])
        self._wait(extra)

    def _wait(self, extra):
        if extra == HAPROXY:  # greets nobody without a header
            for port in (self.pop3, self.imap, self.sieve):
                common.wait_for_port(self.process, port)
            return
        common.wait_for_greeting(self.process, self.pop3, b"+OK")
        common.wait_for_greeting(self.process, self.imap, b"* OK")
        common.wait_for_greeting(self.process, self.sieve, b'"IMPLEMENTATION"')
        common.wait_for_greeting(self.process, self.lmtp, b"220 ")

    def new_mailbox(self):
        """The name of a user whose mailbox nothing has touched yet."""
        return next(self.unused)

    def deliver(self, user, message):
        """Put a message into a mailbox, past tlsfront."""
        with imaplib.IMAP4("127.0.0.1", self.imap) as direct:
            direct.login(user, common.PASSWORD)
            status, answer = direct.append("INBOX", None, None, message)
            assert status == "OK", answer

    def messages(self, user):
        """All messages of a mailbox as they lie there, past tlsfront."""
        with imaplib.IMAP4("127.0.0.1", self.imap) as direct:
            direct.login(user, common.PASSWORD)
            count = int(direct.select("INBOX")[1][0])
            return [direct.fetch(str(n), "(BODY.PEEK[])")[1][0][1] for n in range(1, count + 1)]
