"""slapd: one small directory in clear, with entries of all sizes."""

import base64
import random
import subprocess

from servers import common

SETTINGS = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
database mdb
maxsize 67108864
suffix "{suffix}"
rootdn "{admin}"
rootpw {password}
directory {folder}/data
"""

SUFFIX = "dc=example,dc=test"
ADMIN = f"cn=admin,{SUFFIX}"
PHOTO_SIZE = 2_000_000


def person(uid, photo=None):
    lines = [f"dn: uid={uid},{SUFFIX}", "objectClass: inetOrgPerson", f"uid: {uid}",
             f"cn: {uid}", f"sn: {uid}", f"mail: {uid}@{common.MAIL_DOMAIN}"]
    if photo is not None:
        lines.append("jpegPhoto:: " + base64.b64encode(photo).decode())
    return "\n".join(lines) + "\n\n"


# With a certificate; the library behind wants to know an authority, too.
TLS = """
TLSCertificateFile {chain}
TLSCertificateKeyFile {key}
TLSCACertificateFile {ca}
TLSVerifyClient never
"""


class Slapd:
    def __init__(self, run, name="slapd", secured=None, ca=None):
        binary = common.program("slapd", "slapd")
        loader = common.program("slapadd", "slapd")
        folder = run.make_folder(name)
        run.make_folder(f"{name}/data", 0o700)
        self.port = run.port()
        listens = f"ldap://127.0.0.1:{self.port}"
        self.suffix, self.admin, self.password = SUFFIX, ADMIN, common.PASSWORD
        self.photo = random.Random(7).randbytes(PHOTO_SIZE)
        config = folder / "slapd.conf"
        config.write_text(SETTINGS.format(folder=folder, suffix=SUFFIX, admin=ADMIN,
                                          password=common.PASSWORD))
        if secured is not None:
            self.ldaps = run.port()
            listens += f" ldaps://127.0.0.1:{self.ldaps}"
            text = config.read_text()
            config.write_text(text.replace(
                "database mdb", TLS.format(chain=secured.chain, key=secured.key, ca=ca)
                + "database mdb"))
        data = folder / "data.ldif"
        data.write_text(f"dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\n"
                        "dc: example\no: Example\n\n"
                        + "".join(person(f"user{n}") for n in range(20))
                        + person("large", self.photo))
        subprocess.run([loader, "-q", "-f", config, "-l", data], check=True, capture_output=True)
        self.process = run.start(
            name, [binary, "-h", listens, "-f", config, "-d", "0"])
        common.wait_for_port(self.process, self.port)
