#!/usr/bin/env python3
"""The library as others get it: installed, found by pkg-config and by CMake, linked both ways; what
it shows and what it hides; its headers, its manual and its examples."""
import glob
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
import zlib

from lib.cluster import Case
from lib.main import main
from lib.programs import bin_folder

SOURCE = pathlib.Path(__file__).resolve().parents[2]
HEADERS = SOURCE / "client/include/muster"
CONSUMER = SOURCE / "tests/consumer"
EXAMPLES = SOURCE / "docs/examples"
SANITIZERS = "-fsanitize=address,undefined"


def build_folder():
    return bin_folder().parent


def cache(name):
    """A variable of the build's CMake."""
    text = (build_folder() / "CMakeCache.txt").read_text()
    found = re.search(rf"^{name}:\w+=(.*)$", text, re.M)
    return found[1] if found else ""


def compiler():
    return cache("CMAKE_C_COMPILER") or "cc"


def flags():
    """What a program needs that links what this build has made."""
    return cache("CMAKE_C_FLAGS").split() + ([SANITIZERS] if cache("MUSTER_SANITIZE") == "ON"
                                             else [])


def call(*command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=100, check=False, **more)
    if done.returncode:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def declared():
    """The functions of the public headers: name -> (header, the comment before it)."""
    found = {}
    for path in sorted(HEADERS.glob("*.h")):
        text = path.read_text()
        for match in re.finditer(r"^MUSTER_API [^;]*?\b(muster_\w+)\(", text, re.M):
            before = text[:match.start()].rstrip()
            comment = before.endswith("*/") and before[before.rindex("/*"):]
            found[match[1]] = (path.name, comment)
    return found


def defined(*command):
    """The global symbols that nm tells of, without their versions."""
    symbols = set()
    for line in call("nm", *command).splitlines():
        words = line.split()
        if len(words) == 3 and words[1] in "TDBRVWiuC":
            symbols.add(words[2].partition("@")[0])
    return symbols


class Installed(Case):
    """Everything against one installation in a temporary prefix."""

    broker_first = False

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="muster-library-"))
        cls.prefix = cls.folder / "prefix"
        call("cmake", "--install", build_folder(), "--prefix", cls.prefix)
        cls.libraries = next(cls.prefix.rglob("libmuster.a")).parent
        cls.environment = {**os.environ, "LD_LIBRARY_PATH": str(cls.libraries),
                           "PKG_CONFIG_PATH": str(cls.libraries / "pkgconfig"),
                           "CC": compiler()}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def pkg_config(self, *words):
        return call("pkg-config", *words, "muster", env=self.environment).split()

    def compile(self, name, *words):
        program = self.folder / name
        call(compiler(), "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", *flags(),
             CONSUMER / "consumer.c", *self.pkg_config("--cflags"), "-o", program, *words,
             "-pthread")
        return program

    def check_runs(self, program):
        """It does its work at a real broker."""
        if not self.cluster.programs:
            self.cluster.start_broker()
        ends = self.cluster.endpoints
        text = call(program, ends["frontend"], ends["backend"], env=self.environment)
        version = cache("CMAKE_PROJECT_VERSION")
        self.assertEqual(text, f"completed 42\nversion {version}\n")

    def linked(self, program):
        return re.findall(r"^\s*(libmuster\S*)", call("ldd", program, env=self.environment), re.M)

    def test_what_is_installed(self):
        for name in ("bin/musterd", "bin/muster-worker", "bin/muster", "include/muster/muster.h",
                     "include/muster/client.h", "include/muster/worker.h",
                     "include/muster/error.h", "include/muster/common.h"):
            self.assertTrue((self.prefix / name).exists(), name)
        for name in ("libmuster.so.0", "libmuster.so", "libmuster.a", "pkgconfig/muster.pc",
                     "cmake/muster/musterConfig.cmake", "cmake/muster/musterConfigVersion.cmake"):
            self.assertTrue((self.libraries / name).exists(), name)
        self.assertIn("SONAME", call("readelf", "-d", self.libraries / "libmuster.so"))
        self.assertIn("libmuster.so.0]", call("readelf", "-d", self.libraries / "libmuster.so"))
        self.assertEqual(self.pkg_config("--modversion"), [cache("CMAKE_PROJECT_VERSION")])
        self.assertNotIn(str(SOURCE), (self.libraries / "pkgconfig/muster.pc").read_text())

    def test_pkg_config(self):
        program = self.compile("shared", *self.pkg_config("--libs"))
        self.assertEqual(self.linked(program), ["libmuster.so.0"])
        self.check_runs(program)

    def test_pkg_config_static(self):
        words = self.pkg_config("--static", "--libs")
        self.assertIn("-lzmq", words)
        words = ["-l:libmuster.a" if word == "-lmuster" else word for word in words]
        program = self.compile("static", *words)
        self.assertEqual(self.linked(program), [])
        self.check_runs(program)

    def test_find_package(self):
        build = self.folder / "cmake"
        call("cmake", "-S", CONSUMER, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}",
             f"-DCMAKE_C_COMPILER={compiler()}", f"-DCMAKE_C_FLAGS={' '.join(flags())}")
        call("cmake", "--build", build)
        self.assertEqual(self.linked(build / "consumer_muster"), ["libmuster.so.0"])
        self.assertEqual(self.linked(build / "consumer_muster_static"), [])
        self.check_runs(build / "consumer_muster")
        self.check_runs(build / "consumer_muster_static")


    # ---- the examples ----

    def make(self, example):
        """Built as its Makefile says, in a copy."""
        folder = self.folder / example
        shutil.copytree(EXAMPLES / example, folder)
        flag = " ".join(["-Wall -Wextra -Werror", *flags()])
        call("make", "-B", f"CFLAGS={flag}", f"CC={compiler()}", cwd=folder, env=self.environment)
        return folder

    def test_examples(self):
        producer, worker = self.make("producer") / "producer", self.make("file-facts")
        self.cluster.start_broker()
        places = {"LD_LIBRARY_PATH": str(self.libraries),
                  "MUSTER_BROKER": self.cluster.endpoints["frontend"],
                  "MUSTER_BACKEND": self.cluster.endpoints["backend"]}
        program = self.cluster.start("file_facts", [worker / "file_facts"], places)
        program.wait_ready(r"^file_facts: ready ")
        (self.folder / "words").write_text("one two\nthree\n")
        done = subprocess.run([producer, "words", "words", "gone", "."], cwd=self.folder,
                              env={**os.environ, **places}, capture_output=True, text=True,
                              timeout=60, check=False)
        path = (self.folder / "words").resolve()
        crc = zlib.crc32((self.folder / "words").read_bytes())
        line = f"{path}: 14 bytes, 2 lines, 3 words, CRC-32 {crc:08x}\n"
        self.assertEqual(done.stdout, line * 2)
        self.assertIn("gone: No such file or directory", done.stderr)
        self.assertIn(f"{self.folder.resolve()}: parked: unreadable Is a directory", done.stderr)
        self.assertEqual(done.returncode, 1)
        program.signal(signal.SIGTERM)
        self.assertEqual(program.wait(), 0)


class Symbols(unittest.TestCase):
    def test_the_shared_library_shows_the_headers_functions_and_nothing_else(self):
        shown = defined("-D", "--defined-only", build_folder() / "libmuster.so")
        self.assertEqual(shown - {"MUSTER_0"}, set(declared()))

    def test_the_version_script_names_them_one_by_one(self):
        text = (SOURCE / "client/package/libmuster.map").read_text()
        self.assertEqual(set(re.findall(r"^\s+(muster_\w+);", text, re.M)), set(declared()))
        self.assertIn("local:\n    *;", text)

    def test_the_archive_has_no_other_global_names(self):
        names = defined("-g", "--defined-only", build_folder() / "libmuster.a")
        self.assertEqual({name for name in names if not name.startswith("__odr_asan")},
                         set(declared()))


class Headers(unittest.TestCase):
    def check(self, *command):
        for path in sorted(HEADERS.glob("*.h")):
            call(*command, "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only",
                 f"-I{HEADERS.parent}", "-include", f"muster/{path.name}", "/dev/null")

    def test_they_compile_alone_as_c99(self):
        self.check(compiler(), "-std=c99", "-xc")

    def test_they_compile_alone_as_cpp(self):
        if not shutil.which("g++"):
            self.skipTest("there is no g++")
        self.check("g++", "-std=c++11", "-xc++")

    def test_errors_are_those_of_the_table(self):
        table = (SOURCE / "proto/base/err.def").read_text()
        header = (HEADERS / "error.h").read_text()
        rows = re.findall(r'^ERR\((\w+), (\d+), "(\w+)"', table, re.M)
        named = re.findall(r'^    MUSTER_(\w+) = -(\d+),? +/\* "(\w+)"', header, re.M)
        self.assertEqual(named, rows)

    def test_each_function_has_a_comment_and_stands_in_the_manual(self):
        manual = (SOURCE / "docs/man/libmuster.3.md").read_text()
        for name, (header, comment) in declared().items():
            self.assertTrue(comment, f"{header}: {name} has no comment right before it")
            self.assertIn(f"`{name}()`", manual, f"libmuster.3.md does not name {name}")

    def test_the_manuals_example_compiles(self):
        manual = (SOURCE / "docs/man/libmuster.3.md").read_text()
        program = re.search(r"```\n(#include.*?int main.*?)```", manual, re.S)[1]
        program = program[program.rindex("#include <muster/muster.h>"):]
        call(compiler(), "-std=c99", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-xc",
             f"-I{HEADERS.parent}", "-", input=program)

    def test_the_manual_names_nothing_else(self):
        manual = (SOURCE / "docs/man/libmuster.3.md").read_text()
        self.assertEqual(set(re.findall(r"\b(muster_\w+)\(\)", manual)) - set(declared()), set())


if __name__ == "__main__":
    main()
