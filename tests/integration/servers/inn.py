"""INN: innd, which hands readers to nnrpd, in clear, with one group that takes posts."""

import shutil
import signal
import subprocess

from servers import common

BIN = "/usr/lib/news/bin"
GROUP = "example.test"
USER = "alice@example.test"  # may log in; need not

SETTINGS = """
domain: example.test
pathhost: news.example.test
organization: "Throwaway test server"
mta: "/bin/false %s"
hismethod: hisv6
ovmethod: tradindexed
enableoverview: true
bindaddress: 127.0.0.1
port: {port}
maxartsize: 20000000
localmaxartsize: 20000000
nnrpdloadlimit: 0
pathnews: /usr/lib/news
pathbin: {bin}
pathcontrol: {bin}/control
pathetc: {folder}/etc
pathdb: {folder}/db
pathfilter: {folder}/filter
pathspool: {folder}/spool
patharchive: {folder}/spool/archive
patharticles: {folder}/spool/articles
pathincoming: {folder}/spool/incoming
pathoutgoing: {folder}/spool/outgoing
pathoverview: {folder}/spool/overview
pathrun: {folder}/run
pathlog: {folder}/log
pathtmp: {folder}/tmp
"""

FILES = {
    "etc/storage.conf": "method tradspool {\n    newsgroups: *\n    class: 0\n}\n",
    "etc/readers.conf": 'auth "all" {{\n    hosts: "*"\n    default: "<reader>"\n'
                        '    auth: "ckpasswd -f {folder}/etc/users"\n}}\n'
                        'access "all" {{\n    users: "*"\n    newsgroups: "*"\n'
                        "    access: RPA\n}}\n",
    "etc/newsfeeds": "ME:*::\n",
    "etc/expire.ctl": "/remember/:1\n*:A:never:never:never\n",
    "db/active": "".join(f"{name} 0000000000 0000000001 {flag}\n" for name, flag in (
        ("control", "n"), ("control.cancel", "n"), ("junk", "n"), (GROUP, "y"))),
    "db/active.times": "",
    "db/newsgroups": f"{GROUP}\tWhere the tests post.\n",
} | {f"etc/{name}": "" for name in (
    "control.ctl", "control.ctl.local", "distrib.pats", "distributions", "incoming.conf",
    "inn-secrets.conf", "moderators", "nnrpd.track", "passwd.nntp", "subscriptions")}

FOLDERS = ("", "etc", "db", "filter", "log", "run", "tmp", "spool", "spool/archive",
           "spool/articles", "spool/incoming", "spool/incoming/bad", "spool/incoming/tmp",
           "spool/outgoing", "spool/overview")


def crypted(password):
    done = subprocess.run(["openssl", "passwd", "-6", password], capture_output=True, text=True,
                          check=True)
    return done.stdout.strip()


class Inn:
    def __init__(self, run):
        daemon = common.program("innd", "inn2, by install.sh", BIN)
        common.program("nnrpd", "inn2, by install.sh", BIN)
        self.port, self.group, self.user = run.port(), GROUP, USER
        for name in FOLDERS:
            folder = run.make_folder(f"inn/{name}", owner=("news", "news"))
        folder = run.folder / "inn"
        files = FILES | {
            "etc/inn.conf": SETTINGS.format(folder=folder, bin=BIN, port=self.port),
            "etc/readers.conf": FILES["etc/readers.conf"].format(folder=folder),
            "etc/users": f"{USER}:{crypted(common.PASSWORD)}\n"}
        for name, text in files.items():
            (folder / name).write_text(text)
            shutil.chown(folder / name, "news", "news")
        as_news = {
            "user": "news", "group": "news", "cwd": folder,
            "env": {"INNCONF": f"{folder}/etc/inn.conf", "PATH": f"{BIN}:/usr/bin:/bin",
                    "HOME": str(folder)}}
        subprocess.run([f"{BIN}/makehistory"], check=True, capture_output=True, extra_groups=[],
                       **as_news)
        subprocess.run([f"{BIN}/makedbz", "-i", "-o", "-s", "1000"], check=True,
                       capture_output=True, extra_groups=[], **as_news)
        # innd takes its time over SIGTERM to save what is thrown away here.
        self.process = run.start("innd", [daemon, "-f"], stop_signal=signal.SIGKILL, **as_news)
        common.wait_for_greeting(self.process, self.port, b"200 ")
