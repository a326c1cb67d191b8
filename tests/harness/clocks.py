"""Other clocks for a run: another wall clock (libfaketime), and a kernel that says of its
clock what the test wants."""

import os
import pathlib
import subprocess

# What adjtimex(2) answers, from ADJTIMEX: "synchronised", "unsynchronised" or "refused".
_SHIM = r"""
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

int
adjtimex(struct timex *t)
{
	const char *say = getenv("ADJTIMEX");

	if (say != NULL && strcmp(say, "refused") == 0) {
		errno = EPERM;
		return -1;
	}
	memset(t, 0, sizeof(*t));
	t->status = say != NULL && strcmp(say, "unsynchronised") == 0 ? STA_UNSYNC : STA_PLL;
	t->esterror = 350;
	t->maxerror = 4200;
	return t->status == STA_UNSYNC ? TIME_ERROR : TIME_OK;
}
"""


def faketime_library():
    """The library that the faketime program preloads."""
    env = subprocess.run(["faketime", "-f", "+0", "env"], capture_output=True, text=True,
                         check=True).stdout
    for line in env.splitlines():
        if line.startswith("LD_PRELOAD="):
            return line.partition("=")[2]
    raise AssertionError("faketime sets no LD_PRELOAD")


class Clocks:
    """
        clocks = Clocks(directory)
        job.run(env=clocks.env())                          # the kernel is synchronised
        job.run(env=clocks.env(kernel="unsynchronised"))   # or "refused"
        job.run(env=clocks.env("+20"))                     # 20 s ahead; seconds as a text
        file = clocks.file("+0")                           # a clock that can be moved:
        job.run(env=clocks.env(file))                      # file.write_text("+60") meanwhile

    The monotonic clock stays as it is, as on a real host.
    """

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        source = self.dir / "adjtimex.c"
        self.shim = self.dir / "adjtimex.so"
        source.write_text(_SHIM)
        subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-shared", "-fPIC", "-o",
                        self.shim, source], check=True)
        self.faketime = faketime_library()

    def file(self, offset):
        path = self.dir / "clock"
        path.write_text(f"{offset}\n")
        return path

    def env(self, wall=None, kernel="synchronised"):
        preload = [str(self.shim)]
        env = {"ADJTIMEX": kernel}
        if wall is not None:
            preload.insert(0, self.faketime)
            env["FAKETIME_DONT_FAKE_MONOTONIC"] = env["DONT_FAKE_MONOTONIC"] = "1"
            if isinstance(wall, pathlib.Path):
                env["FAKETIME_TIMESTAMP_FILE"] = str(wall)
                env["FAKETIME_NO_CACHE"] = "1"
            else:
                env["FAKETIME"] = wall
        env["LD_PRELOAD"] = " ".join(preload)
        # A sanitizer wants to be the first library; these are before it and do no harm.
        asan = os.environ.get("ASAN_OPTIONS", "")
        env["ASAN_OPTIONS"] = f"{asan}:verify_asan_link_order=0".lstrip(":")
        return env
