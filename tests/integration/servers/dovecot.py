"""dovecot: POP3, IMAP and ManageSieve in clear, and SASL for postfix. Any user, one password."""

import imaplib
import subprocess

from servers import common

COMMON = """
protocols = imap pop3 sieve
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
}}
service pop3-login {{
    inet_listener pop3 {{
        port = {pop3}
    }}
}}
service managesieve-login {{
    inet_listener sieve {{
        port = {sieve}
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


class Dovecot:
    def __init__(self, run):
        binary = common.program("dovecot", "dovecot-core")
        for name, package in (("imap-login", "dovecot-imapd"), ("pop3-login", "dovecot-pop3d"),
                              ("managesieve-login", "dovecot-managesieved")):
            common.program(name, package, "/usr/lib/dovecot", "/usr/libexec/dovecot")
        folder = run.make_folder("dovecot")
        self.mail = run.make_folder("mail", owner=(common.MAIL_OWNER, common.MAIL_OWNER))
        self.unused = iter(common.MAILBOXES)
        self.sasl = folder / "sasl"
        self.pop3, self.imap, self.sieve = run.port(), run.port(), run.port()
        version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
        settings = SETTINGS_2_3 if version.stdout.startswith("2.3.") else SETTINGS_2_4
        config = folder / "dovecot.conf"
        config.write_text(settings.format(
            run=folder / "run", folder=folder, mail=self.mail, sasl=self.sasl, pop3=self.pop3,
            imap=self.imap, sieve=self.sieve, password=common.PASSWORD, owner=common.MAIL_OWNER))
        self.process = run.start("dovecot", [binary, "-F", "-c", config])
        common.wait_for_greeting(self.process, self.pop3, b"+OK")
        common.wait_for_greeting(self.process, self.imap, b"* OK")
        common.wait_for_greeting(self.process, self.sieve, b'"IMPLEMENTATION"')

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
