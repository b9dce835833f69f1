"""postfix: SMTP and submission in clear, delivering into dovecot's mailboxes."""

from servers import common

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/postfix-main.log
maillog_file_prefixes = {folder}
myhostname = mail.example.test
mydomain = example.test
mydestination =
local_recipient_maps =
alias_maps =
inet_interfaces = loopback-only
mynetworks =
smtpd_error_sleep_time = 0
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_peername_lookup = no
smtpd_tls_security_level = none
smtp_tls_security_level = none
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {mail}
virtual_mailbox_maps = texthash:{folder}/mailboxes
virtual_uid_maps = static:{owner}
virtual_gid_maps = static:{owner}
"""

# Outside mail goes nowhere: the tests are about the way in.
MASTER = """
127.0.0.1:{smtp}       inet n - n - - smtpd
127.0.0.1:{submission} inet n - n - - smtpd
    -o smtpd_sasl_auth_enable=yes
    -o smtpd_sasl_type=dovecot
    -o smtpd_sasl_path={sasl}
    -o smtpd_client_restrictions=permit_sasl_authenticated,reject
    -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
127.0.0.1:{xclient}    inet n - n - - smtpd
    -o smtpd_authorized_xclient_hosts=127.0.0.1
127.0.0.1:{haproxy}    inet n - n - - smtpd
    -o smtpd_upstream_proxy_protocol=haproxy
pickup    unix       n - n 60    1 pickup
cleanup   unix       n - n -     0 cleanup
qmgr      unix       n - n 300   1 qmgr
rewrite   unix       - - n -     - trivial-rewrite
bounce    unix       - - n -     0 bounce
defer     unix       - - n -     0 bounce
trace     unix       - - n -     0 bounce
verify    unix       - - n -     1 verify
proxymap  unix       - - n -     - proxymap
smtp      unix       - - n -     - discard
virtual   unix       - n n -     - virtual
error     unix       - - n -     - error
retry     unix       - - n -     - error
anvil     unix       - - n -     1 anvil
postlog   unix-dgram n - n -     1 postlogd
"""


# With a certificate: TLS from the first byte.
SMTPS = """
127.0.0.1:{smtps}      inet n - n - - smtpd
    -o smtpd_tls_wrappermode=yes
    -o smtpd_tls_security_level=encrypt
    -o smtpd_tls_chain_files={key},{chain}
tlsmgr    unix       - - n 1000? 1 tlsmgr
"""


class Postfix:
    def __init__(self, run, dovecot, name="postfix", secured=None):
        binary = common.program("postfix", "postfix")
        folder = run.make_folder(name)
        config = run.make_folder(f"{name}/etc")
        run.make_folder(f"{name}/queue")
        run.make_folder(f"{name}/data", owner=("postfix", None))
        self.smtp, self.submission = run.port(), run.port()
        self.xclient, self.haproxy = run.port(), run.port()  # believe XCLIENT, the PROXY header
        self.log = folder / "postfix-main.log"
        (folder / "mailboxes").write_text("".join(
            f"{name}@{common.MAIL_DOMAIN} {name}/Maildir/\n" for name in common.MAILBOXES))
        (config / "main.cf").write_text(MAIN.format(
            folder=folder, mail=dovecot.mail, domain=common.MAIL_DOMAIN,
            owner=common.MAIL_OWNER))
        (config / "master.cf").write_text(MASTER.format(
            smtp=self.smtp, submission=self.submission, sasl=dovecot.sasl, xclient=self.xclient,
            haproxy=self.haproxy))
        if secured is not None:
            self.smtps = run.port()
            with open(config / "master.cf", "a", encoding="ascii") as file:
                file.write(SMTPS.format(smtps=self.smtps, key=secured.key, chain=secured.chain))
        self.process = run.start(name, [binary, "-c", config, "start-fg"])
        common.wait_for_greeting(self.process, self.smtp, b"220 ")
        common.wait_for_greeting(self.process, self.submission, b"220 ")
        common.wait_for_greeting(self.process, self.xclient, b"220 ")
