"""The peers' programs: those that are installed, else Debian's packages unpacked into a folder.

Nothing is installed and no package script is run: `apt-get download` and `dpkg -x` need no rights.
"""
import os
import pathlib
import re
import shutil
import subprocess

LEVELS = 4  # of dependencies, before a missing library is given up
SYSTEM_PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
DOWNLOAD_S = 300


class Unavailable(Exception):
    """A peer cannot be had here; the text says why."""


def run(*command, folder=None):
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True,
                              timeout=DOWNLOAD_S, env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError:
        raise Unavailable(f"{command[0]} is not installed")
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{' '.join(command[:2])} took more than {DOWNLOAD_S} s")
    return done.returncode, done.stdout, done.stderr


class Packages:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.root = self.folder / "root"
        self.failed = {}  # package: why

    def program(self, name, package, *also):
        """The path of a program that can be started with environment(); it lies in these packages.
        """
        installed = shutil.which(name, path=SYSTEM_PATH)
        if installed:
            return installed
        if package in self.failed:
            raise Unavailable(self.failed[package])
        try:
            return self._unpacked(name, package, *also)
        except Unavailable as why:
            self.failed[package] = str(why)
            raise

    def environment(self):
        folders = sorted({str(path.parent) for path in self.root.rglob("*.so.*")})
        paths = folders + [os.environ.get("LD_LIBRARY_PATH", "")]
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(path for path in paths if path)}

    def _unpacked(self, name, package, *also):
        wanted = [] if self._find(name) else [package, *also]
        for _ in range(LEVELS):
            for each in wanted:
                self._unpack(each)
            program = self._find(name)
            if not program:
                raise Unavailable(f"the package {package} holds no program {name}")
            missing = self._missing_libraries(program)
            if not missing:
                return str(program)
            wanted = self._libraries_behind(wanted or [package, *also])
            if not wanted:
                break
        raise Unavailable(f"{name} needs libraries that no dependency of {package} has: "
                          + " ".join(missing))

    def _find(self, name):
        for folder in ("usr/bin", "usr/sbin"):
            if (self.root / folder / name).exists():
                return self.root / folder / name
        return None

    def _unpack(self, package):
        self.root.mkdir(parents=True, exist_ok=True)
        status, _, errors = run("apt-get", "-q", "download", package, folder=self.folder)
        lines = [line[3:] for line in errors.splitlines() if line.startswith("E: ")]
        if status:
            raise Unavailable(f"apt-get download {package}: "
                              + (lines[0] if lines else f"exit status {status}"))
        for archive in self.folder.glob(f"{package}_*.deb"):
            status, _, errors = run("dpkg", "-x", str(archive), str(self.root))
            archive.unlink()
            if status:
                raise Unavailable(f"dpkg -x {archive.name}: {errors.strip()}")

    def _missing_libraries(self, program):
        done = subprocess.run(["ldd", str(program)], capture_output=True, text=True,
                              env=self.environment())
        return re.findall(r"^\s*(\S+) => not found", done.stdout, re.M)

    @staticmethod
    def _libraries_behind(packages):
        """The library packages that these depend on and that are not installed."""
        _, text, _ = run("apt-cache", "depends", "--important", *packages)
        names = dict.fromkeys(re.findall(r"^\s*\|?Depends: (lib[a-z0-9.+-]+)", text, re.M))
        found = []
        for name in names:
            status, state, _ = run("dpkg-query", "-W", "-f", "${db:Status-Status}", name)
            if status or state != "installed":
                found.append(name)
        return found
