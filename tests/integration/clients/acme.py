"""The ACME clients of docs/acme.md, as it says to use them.

Each issues and renews a certificate for one name and hands chain and key to a script, which puts
them in place; or it has a request signed, and tells where the answer lies.
"""

import subprocess

from servers import common

NAME = "mail.example.test"
TRUSTED = "/etc/ssl/certs/ca-certificates.crt"


class Client:
    """`webroot` holds the folder of http-01 where clients expect it, `certificates` is that of
    tls-alpn-01; `deploy` is called with chain and key."""

    def __init__(self, folder, authority, webroot, certificates, deploy):
        self.folder, self.authority, self.deploy = folder, authority, deploy
        self.webroot, self.certificates = webroot, certificates
        self.tokens = webroot / ".well-known" / "acme-challenge"
        self.program = common.program(self.command, self.command)

    def run(self, *arguments, env=(), before=()):
        done = subprocess.run([*map(str, before), self.program, *map(str, arguments)],
                              capture_output=True, text=True, timeout=120, check=False,
                              cwd=self.folder, env={
                                  "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                                  "HOME": str(self.folder)} | dict(env))
        assert done.returncode == 0, f"{self.command}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def script(self, name, text):
        path = self.folder / name
        path.write_text("#!/bin/sh\nset -e\n" + text)
        path.chmod(0o755)
        return path


class Certbot(Client):
    command = "certbot"

    def certbot(self, *arguments):
        hook = self.script(
            "hook", f'{self.deploy} "$RENEWED_LINEAGE/fullchain.pem" "$RENEWED_LINEAGE/privkey.pem"')
        self.run(*arguments, "--server", self.authority.url, "--deploy-hook", hook,
                 "--config-dir", self.folder / "etc", "--work-dir", self.folder / "lib",
                 "--logs-dir", self.folder / "log", "--no-random-sleep-on-renew",
                 env={"REQUESTS_CA_BUNDLE": str(self.authority.pki.trust)})

    def issue(self):
        self.certbot("certonly", "--non-interactive", "--agree-tos",
                     "--register-unsafely-without-email", "--webroot", "-w", self.webroot,
                     "-d", NAME)

    def renew(self):
        self.certbot("renew", "--force-renewal")

    def sign(self, request):
        parts = {part: self.folder / f"{part}.pem" for part in ("cert", "chain", "fullchain")}
        self.certbot("certonly", "--non-interactive", "--agree-tos",
                     "--register-unsafely-without-email", "--webroot", "-w", self.webroot,
                     "--csr", request,
                     *(word for part, path in parts.items() for word in (f"--{part}-path", path)))
        return parts["fullchain"]


class Lego(Client):
    command = "lego"

    def lego(self, what, *arguments):
        self.run("--server", self.authority.url, "--accept-tos", "--email", f"admin@{NAME}",
                 "--path", self.folder / "lego", *what, "--http", "--http.webroot",
                 self.webroot, *arguments,
                 env={"LEGO_CA_CERTIFICATES": str(self.authority.pki.trust)})

    def order(self, *arguments):
        hook = self.script("hook", f'{self.deploy} "$LEGO_CERT_PATH" "$LEGO_CERT_KEY_PATH"')
        self.lego(("--domains", NAME), *arguments, hook)

    def issue(self):
        self.order("run", "--run-hook")

    def renew(self):
        self.order("renew", "--no-random-sleep", "--days", "9999", "--renew-hook")

    def sign(self, request):
        self.lego(("--csr", request), "run")
        return self.folder / "lego" / "certificates" / f"{NAME}.crt"


class Dehydrated(Client):
    command = "dehydrated"
    type = "http-01"

    def configure(self):
        hook = self.script("hook", f'[ "$1" != deploy_cert ] || {self.deploy} "$5" "$3"\n')
        config = self.folder / "config"
        config.write_text(
            f'CA="{self.authority.url}"\nCURL_OPTS="--cacert {self.authority.pki.trust}"\n'
            f'BASEDIR="{self.folder}"\nCHALLENGETYPE="{self.type}"\nWELLKNOWN="{self.tokens}"\n'
            f'ALPNCERTDIR="{self.certificates}"\nHOOK="{hook}"\n')
        return config

    def register(self):
        config = self.configure()
        self.run("--config", config, "--register", "--accept-terms")
        return config

    def issue(self):
        self.run("--config", self.register(), "--cron", "--domain", NAME)

    def sign(self, request):
        answer = self.folder / "answer.pem"
        answer.write_text(self.run("--config", self.register(), "--signcsr", request))
        return answer

    def renew(self):
        self.run("--config", self.configure(), "--cron", "--domain", NAME, "--force")


class DehydratedTls(Dehydrated):
    type = "tls-alpn-01"


class Uacme(Client):
    """It trusts the system's authorities and has no setting for others, so it sees another file."""

    command = "uacme"

    def uacme(self, *arguments):
        self.run("--acme-url", self.authority.url, "--confdir", self.folder / "uacme", *arguments,
                 env={"UACME_CHALLENGE_PATH": str(self.tokens)},
                 before=("unshare", "--mount", "sh", "-c",
                         f'mount --bind {self.authority.pki.trust} {TRUSTED} && exec "$@"', "sh"))

    def order(self, *arguments):
        self.uacme("--hook", "/usr/share/uacme/uacme.sh", "--no-ocsp", *arguments, "issue", NAME)
        made = self.folder / "uacme"
        subprocess.run([self.deploy, made / NAME / "cert.pem",
                        made / "private" / NAME / "key.pem"], check=True, timeout=60)

    def issue(self):
        self.uacme("--yes", "new")
        self.order()

    def renew(self):
        self.order("--force")

    def sign(self, request):
        self.uacme("--yes", "new")
        self.uacme("--hook", "/usr/share/uacme/uacme.sh", "--no-ocsp", "issue", request)
        return request.with_name("mail-cert.pem")


ALL = {"certbot": Certbot, "lego": Lego, "dehydrated": Dehydrated, "uacme": Uacme,
       "dehydrated-tls-alpn": DehydratedTls}
