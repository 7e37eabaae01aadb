"""Programs under another clock: libfaketime, which Debian has as a package of this name. The
monotonic clock stays the machine's: time-outs last as long as ever, and only the wall clock is
another one, as when somebody sets it."""
import glob
import os
import time


def library():
    """Where it is, or None."""
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    return found[0] if found else None


def need(case):
    if not library():
        case.skipTest("libfaketime is not installed: nobody can be given another clock")


def environment(**more):
    """AddressSanitizer wants to be the first library, and is content as the second."""
    options = "exitcode=99:allocator_may_return_null=1:verify_asan_link_order=0"
    return {"LD_PRELOAD": library(), "FAKETIME_DONT_FAKE_MONOTONIC": "1", "ASAN_OPTIONS": options,
            **more}


def ahead(seconds):
    """The environment of a program whose clock is so far ahead of the machine's."""
    return environment(FAKETIME=f"{seconds:+d}")


class Clock:
    """A clock that several programs share, and that jumps at once when it is set."""

    def __init__(self, path, now):
        self.path, self.ahead = path, 0
        self.set(now)

    def environment(self):
        return environment(FAKETIME_TIMESTAMP_FILE=str(self.path), FAKETIME_NO_CACHE="1")

    def now(self):
        return time.time() + self.ahead

    def set(self, now):
        """Unix seconds. It goes on from there."""
        self.ahead = round(now - time.time())
        whole = self.path.with_suffix(".new")
        whole.write_text(f"{self.ahead:+d}\n")
        os.replace(whole, self.path)
