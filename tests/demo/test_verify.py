"""The package audit's handler, on small dpkg databases made here and on the machine's own.

Each case lays out a system in a folder (files, md5sums, diversions, dpkg's configuration) and reads
what verify.sh says of it. Nothing needs root; as root, the cases run once more as nobody.
"""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

VERIFY = pathlib.Path(__file__).resolve().parents[2] / "docs/examples/package-audit/verify.sh"
NOBODY = 65534


class System:
    """A system in a folder: what dpkg would have left there."""

    def __init__(self, root):
        self.root = root
        self.info = root / "var/lib/dpkg/info"
        self.info.mkdir(parents=True)

    def put(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def install(self, package, files):
        for path, text in files.items():
            self.put(path, text)
        sums = (f"{hashlib.md5(text.encode()).hexdigest()}  {path}\n"
                for path, text in files.items())
        (self.info / f"{package}.md5sums").write_text("".join(sums))

    def divert(self, path, to, by):
        """by is a package's name, or ':' for the administrator."""
        with open(self.info.parent / "diversions", "a") as diversions:
            diversions.write(f"/{path}\n/{to}\n{by}\n")


class Verify(unittest.TestCase):
    def setUp(self):
        # Below /tmp whatever TMPDIR says: nobody must be able to get there.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="muster-verify-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir()
        self.system = System(self.folder / "a system")
        if os.getuid() == 0:
            self.folder.chmod(0o755)
            self.scratch.chmod(0o1777)

    def run_handler(self, args, user=None):
        command = ["sh", "-s"] if user else ["sh", str(VERIFY)]
        # The checkout may lie where nobody cannot look: then the script itself comes from here.
        if user:
            script = self.folder / "verify.sh"
            shutil.copy(VERIFY, script)
            command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups",
                       "sh", str(script)]
        done = subprocess.run(command, input=args, capture_output=True, text=True, timeout=60,
                              env={**os.environ, "TMPDIR": str(self.scratch)}, cwd="/")
        self.assertEqual(list(self.scratch.iterdir()), [], "a temporary file was left behind")
        return done

    def verify(self, package="tool", user=None):
        args = json.dumps({"package": package, "root": str(self.system.root)})
        return self.run_handler(args, user)

    def assertCounts(self, done, **counts):
        self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual(sorted(found), ["bytes", "excluded", "files", "stripped", "unreadable"])
        for name, value in found.items():
            if name in counts or name in ("excluded", "unreadable", "stripped"):
                self.assertEqual(value, counts.get(name, 0), f"{name} in {found}")

    def assertParked(self, done, message):
        self.assertEqual(done.returncode, 65, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.splitlines()[-1].replace(str(self.system.root), ""), message)

    def test_untouched_package(self):
        self.system.install("tool", {"usr/bin/tool": "#!/bin/sh\n", "usr/share/a b/c  d": "12345",
                                     "lib/a\\x2db.slice": "unit"})
        self.assertCounts(self.verify(), files=3, bytes=10 + 5 + 4)

    def test_empty_list_and_empty_file(self):
        self.system.install("tool", {})
        self.assertCounts(self.verify(), files=0, bytes=0)
        self.system.install("tool", {"usr/empty": ""})
        self.assertCounts(self.verify(), files=1, bytes=0)

    def test_architecture_in_the_name(self):
        machine = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True,
                                 check=True).stdout.strip()
        self.system.install(f"libtool:{machine}", {"usr/lib/a": "a"})
        self.assertCounts(self.verify("libtool"), files=1)
        self.assertCounts(self.verify(f"libtool:{machine}"), files=1)

    def test_changed_file(self):
        self.system.install("tool", {"usr/bin/tool": "good", "usr/bin/other": "good"})
        self.system.put("usr/bin/tool", "evil")
        self.assertParked(self.verify(), "/usr/bin/tool: differs from what tool brought")

    def test_changed_file_with_a_backslash(self):
        self.system.install("tool", {"lib/a\\x2db.slice": "unit"})
        self.system.put("lib/a\\x2db.slice", "Unit")
        self.assertParked(self.verify(), "/lib/a\\x2db.slice: differs from what tool brought")

    def test_missing_file_and_several(self):
        self.system.install("tool", {"usr/bin/tool": "good", "usr/bin/b": "b", "usr/bin/c": "c"})
        (self.system.root / "usr/bin/tool").unlink()
        self.assertParked(self.verify(), "/usr/bin/tool: is missing")
        self.system.put("usr/bin/b", "x")
        self.system.put("usr/bin/c", "x")
        self.assertParked(self.verify(), "/usr/bin/tool: is missing (and 2 more)")

    def test_folder_in_place_of_a_file(self):
        self.system.install("tool", {"usr/bin/tool": "good"})
        (self.system.root / "usr/bin/tool").unlink()
        (self.system.root / "usr/bin/tool").mkdir()
        self.assertParked(self.verify(), "/usr/bin/tool: is not a regular file")

    def test_diverted_by_another_package(self):
        self.system.install("tool", {"usr/bin/sh": "tool's"})
        self.system.divert("usr/bin/sh", "usr/bin/sh.distrib", "dash")
        (self.system.root / "usr/bin/sh").rename(self.system.root / "usr/bin/sh.distrib")
        self.system.put("usr/bin/sh", "dash's")
        self.assertCounts(self.verify(), files=1, bytes=6)
        self.system.put("usr/bin/sh.distrib", "changed")
        self.assertParked(self.verify(), "/usr/bin/sh.distrib: differs from what tool brought")

    def test_diverted_by_the_administrator(self):
        self.system.install("tool", {"usr/bin/tool": "tool's"})
        self.system.divert("usr/bin/tool", "usr/bin/tool.orig", ":")
        (self.system.root / "usr/bin/tool").rename(self.system.root / "usr/bin/tool.orig")
        self.assertCounts(self.verify(), files=1, bytes=6)

    def test_the_diverting_package_itself(self):
        self.system.install("tool", {"usr/bin/tool": "tool's"})
        self.system.divert("usr/bin/tool", "usr/bin/tool.old", "tool")
        self.system.put("usr/bin/tool.old", "somebody else's")
        self.assertCounts(self.verify(), files=1, bytes=6)

    def test_excluded_here(self):
        files = {"usr/share/doc/tool/NEWS": "n", "usr/share/doc/tool/copyright": "c",
                 "usr/share/games/x": "x", "usr/bin/tool": "t"}
        self.system.install("tool", files)
        self.system.put("etc/dpkg/dpkg.cfg.d/slim", "# rules\npath-exclude /usr/share/doc/*\n"
                        "path-include=/usr/share/doc/*/copyright\n")
        self.system.put("etc/dpkg/dpkg.cfg", "no-debsig\npath-exclude='/usr/share/g[a-f]m*' ")
        (self.system.root / "usr/share/doc/tool/NEWS").unlink()
        (self.system.root / "usr/share/games/x").unlink()
        self.assertCounts(self.verify(), files=2, excluded=2)
        # What is there although a rule names it is checked; the rest must be there.
        self.system.put("usr/share/games/x", "y")
        self.assertParked(self.verify(), "/usr/share/games/x: differs from what tool brought")
        self.system.put("usr/share/games/x", "x")
        (self.system.root / "usr/bin/tool").unlink()
        self.assertParked(self.verify(), "/usr/bin/tool: is missing")

    def test_rules_in_files_that_dpkg_does_not_read(self):
        self.system.install("tool", {"usr/bin/tool": "t"})
        self.system.put("etc/dpkg/dpkg.cfg.d/slim.dpkg-old", "path-exclude /usr/*\n")
        (self.system.root / "usr/bin/tool").unlink()
        self.assertParked(self.verify(), "/usr/bin/tool: is missing")

    def test_slimmed_image(self):
        self.system.install("dpkg", {f"usr/share/man/man1/{n}": n for n in "abcd"})
        self.system.install("tool", {"usr/share/man/man1/tool": "t", "usr/bin/tool": "t"})
        (self.system.root / "usr/share/man/man1/tool").unlink()
        self.assertParked(self.verify(), "/usr/share/man/man1/tool: is missing")
        for n in "abc":
            (self.system.root / "usr/share/man/man1" / n).unlink()
        self.assertCounts(self.verify(), files=1, stripped=1)
        self.assertCounts(self.verify("dpkg"), files=1, stripped=3)
        (self.system.root / "usr/bin/tool").unlink()
        self.assertParked(self.verify(), "/usr/bin/tool: is missing")

    def test_taken_over_by_another_package(self):
        self.system.install("tool", {"usr/bin/tool": "old"})
        self.system.install("tool-ng", {"usr/bin/tool": "new"})
        self.assertCounts(self.verify(), files=1, bytes=3)
        self.system.put("usr/bin/tool", "neither")
        self.assertParked(self.verify(), "/usr/bin/tool: differs from what tool brought")

    def test_not_readable(self):
        user = NOBODY if os.getuid() == 0 else None
        self.system.install("tool", {"usr/bin/tool": "t", "usr/lib/secret": "s",
                                     "usr/lib/closed/deep/a": "a", "usr/lib/gone": "g"})
        closed = self.system.root / "usr/lib/closed"
        (self.system.root / "usr/lib/secret").chmod(0)
        closed.chmod(0)
        self.addCleanup(closed.chmod, 0o755)
        self.assertCounts(self.verify(user=user), files=2, unreadable=2)
        (self.system.root / "usr/lib/gone").unlink()
        self.assertParked(self.verify(user=user), "/usr/lib/gone: is missing")

    def test_wrong_args(self):
        for args in ("", "{}", "[]", '"tool"', '{"package": 7}', '{"package": "../etc"}',
                     '{"package": ""}', '{"package": "a\\u0062"}', '{"package": "a", "root": "x"}',
                     '{"package": "no-such-package"}'):
            done = self.run_handler(args)
            self.assertEqual(done.returncode, 65, args)
            self.assertNotEqual(done.stderr, "", args)

    def test_args_as_people_write_them(self):
        self.system.install("tool", {"usr/bin/tool": "t"})
        root = self.system.root
        for args in (f'{{"package":"tool","root":"{root}"}}',
                     f'{{"root":"{root}/","package":"tool"}}',
                     f'{{\n  "root": "{root}",\n  "package": "tool"\n}}\n'):
            self.assertCounts(self.run_handler(args), files=1)

    def test_this_machine(self):
        for package in ("dpkg", "bash"):
            done = self.run_handler(json.dumps({"package": package, "root": "/"}))
            self.assertIn(done.returncode, (0, 65), done.stderr)
            if done.returncode == 0:
                self.assertGreater(json.loads(done.stdout)["files"], 5)


if __name__ == "__main__":
    if not shutil.which("dpkg"):
        print("no dpkg here: nothing to verify")
        sys.exit(77)
    unittest.main()
