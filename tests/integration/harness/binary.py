"""A binary of a daemon's own, which can be replaced as an upgrade does it."""

import os
import shutil
import subprocess

from harness.fronts import Fronts

# What the C library would do, but for what a test wants of the image that comes after the exec.
# machine.c asks access(2) about /proc early in its start.
MISBEHAVING = """
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
__attribute__((constructor)) static void hide(void)
{
    unsetenv("LD_PRELOAD"); /* from the image that comes back */
}
int access(const char *path, int mode)
{
    (void)mode;
    if (strncmp(path, "/proc/", 6) == 0)
        %s;
    return 0;
}
"""
PROGRAM = """
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    %s
}
"""
DEEDS = {"crashes": "raise(SIGSEGV)", "aborts": "abort()", "hangs": "for (;;) pause()",
         "exits": "exit(0)", "refuses": "return -1"}


class Binary:
    """`path` is where the daemon was started from; `original` stays."""

    def __init__(self, folder, original):
        self.folder, self.original = folder, original
        self.path = folder / "tlsfront"
        shutil.copy(original, self.path)

    def replace(self, text=None, mode=0o755):
        """By another file under the same name, as packages do it; None: the original again."""
        fresh = self.folder / "fresh"
        if text is None:
            shutil.copy(self.original, fresh)
        else:
            fresh.write_bytes(text if isinstance(text, bytes) else text.encode())
            fresh.chmod(mode)
        os.rename(fresh, self.path)

    def release(self, version):
        """As if it were of that version, which is as long as the original's."""
        self.replace(self.original.read_bytes().replace(self.version().encode(), version.encode()))

    def version(self):
        done = subprocess.run([self.original, "--version"], text=True, capture_output=True,
                              check=True)
        return done.stdout.split()[1]

    def program(self, body):
        """A program of our own. No script: the sandbox of a daemon lets it execute what lies beside
        its binary, and no shell."""
        source, made = self.folder / "program.c", self.folder / "program"
        source.write_text(PROGRAM % body)
        subprocess.run(["cc", "-o", made, source], check=True)
        os.rename(made, self.path)

    def execute(self, before=""):
        """The original, after something else."""
        shutil.copy(self.original, self.folder / "fresh")
        os.rename(self.folder / "fresh", self.folder / "original")
        self.program(f'{before} execv("{self.folder}/original", argv); return 1;')

    def misbehave_after_exec(self, deed):
        """The rehearsal goes well."""
        source, library = self.folder / "deed.c", self.folder / "deed.so"
        source.write_text(MISBEHAVING % DEEDS[deed])
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
        # The daemon makes no file there, so the rehearsal is told by whose child it is.
        self.execute(f'if (getppid() == {os.getpid()}) setenv("LD_PRELOAD", "{library}", 1);')

    def upgrade(self, front, timeout=90):
        return subprocess.run([self.original, "upgrade", "-c", front.file], text=True,
                              capture_output=True, timeout=timeout, check=False)


class OwnFronts(Fronts):
    """Daemons that are started from one binary, and asked by another."""

    def __init__(self, run, binary, name):
        super().__init__(run, binary.path, name)
        self.tool = binary.original

    def new(self, *blocks, **options):
        front = super().new(*blocks, **options)
        front.tool = self.tool
        return front


def own_binary(run, original, name):
    """The binary, and the daemons that are started from it."""
    binary = Binary(run.make_folder(f"{name}-binary"), original)
    return binary, OwnFronts(run, binary, name)
