"""Each check finds the fault that it is there for, and nothing in a tree without faults."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]

# A small project without faults.
CLEAN = {
    "proto/base/a.h": "#ifndef A_H\n#define A_H\n\nint a_clock(void);\nint a_sum(int x);\n\n"
                      "#endif\n",
    "proto/base/a.c": '#include "base/a.h"\n\nint a_sum(int x)\n{\n    return x + 1;\n}\n',
    "proto/base/clock.c": '#include "base/a.h"\n#include <time.h>\n\nint a_clock(void)\n{\n'
                          '    return (int)time(NULL);\n}\n',
    "proto/base/err.def": 'ERR(EINVAL, 1, "invalid", "a value, which \\"is\\" not valid")\n',
    "proto/messages.def": 'MESSAGE(HELLO, 1, hello)\n'
                          'FIELD(hello, 1, STR, magic, REQ, 16, "M, or")\n'
                          'FIELD(hello, 2, NUM, count, OPT, UINT64_MAX, "n")\nMESSAGE_END(hello)\n',
    "proto/PROTOCOL.md": "### HELLO (1)\n\n| key | field | type | need | limit | meaning |\n"
                         "|--:|---|---|---|--:|---|\n| 1 | `magic` | STR | req | 16 | M |\n"
                         "| 2 | `count` | NUM | opt | 2^64-1 | n |\n\n"
                         "`invalid`, `job.done.<queue>`\n",
    "broker/core/c.c": '#include "base/a.h"\n\nint c_sum(void);\n\nint c_sum(void)\n{\n'
                       '    return a_sum(2);\n}\n',
    "broker/core/topic.def": 'TOPIC(JOB_DONE, "job.done", 1)\n',
    "broker/run/config.def": 'SETTING(lease, "lease", DURATION, "10s", 60, 10, "", "how long")\n'
                             'SETTING(data, "data", PATH, "", 0, 0, "$HOME, else /", "where")\n',
    "docs/operations.md": "| key | default | meaning |\n|---|---|---|\n"
                          "| `lease` | 10s | how long |\n"
                          "| `data` | `$HOME`, else `/` | where |\n",
    "client/cli/commands.def": 'COMMAND(show, "show", "ID", "show it")\n'
                               'COMMAND(parked_list, "parked list", "", "list them")\n',
    "README.md": "`muster --all`, `muster --help`\n```\n$ muster --broker b show --all x --one |"
                 " cat\n$ A=b muster parked list\n$ musterd --data \\\n  --data\nmuster: no call\n"
                 "```\n",
    "tests/lint/exceptions.txt": "# none\n",
}


class Lint(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="muster-lint-"))
        self.addCleanup(shutil.rmtree, self.top)
        shutil.copytree(HERE, self.top / "tests/lint", ignore=shutil.ignore_patterns("__pycache__"))
        (self.top / "tests/lint/test_lint.py").unlink()
        shutil.copy(TOP / ".clang-format", self.top)
        shutil.copy(TOP / "run", self.top)
        for path, text in CLEAN.items():
            self.put(path, text)
        self.put("build/bin/musterd", "#!/bin/sh\necho '  --lease TIME  how long --data'\n")
        self.put("build/bin/muster", "#!/bin/sh\necho --broker --help --all --$1 --one\n")
        self.put("build/bin/muster-worker", "#!/bin/sh\n")
        for program in (self.top / "build/bin").iterdir():
            program.chmod(0o755)

    def put(self, path, text):
        file = self.top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def lint(self, *checks):
        self.archive("base", "proto/base/*.c")
        self.archive("core", "broker/core/*.c")
        command = [sys.executable, "-B", str(self.top / "tests/lint/lint.py"), "--build",
                   str(self.top / "build"), *checks]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def archive(self, name, pattern):
        objects = []
        for source in sorted(self.top.glob(pattern)):
            objects.append(self.top / "build" / f"{source.name}.o")
            # What does not compile is another check's fault.
            subprocess.run(["gcc", f"-I{self.top}/proto", f"-I{self.top}/broker", "-c", "-w", "-o",
                            objects[-1], source], capture_output=True)
        objects = [path for path in objects if path.exists()]
        subprocess.run(["ar", "rcs", self.top / f"build/libmuster_{name}.a", *objects], check=True)

    def assertFault(self, check, where, text):
        status, output = self.lint(check)
        self.assertEqual(status, 1, output)
        lines = [line for line in output.splitlines() if line.startswith(where + ": ")]
        self.assertTrue(lines, f"no fault at {where}:\n{output}")
        self.assertIn(text, "\n".join(lines))

    def test_without_faults(self):
        status, output = self.lint()
        self.assertEqual(status, 0, output)
        self.assertRegex(output, r"lint: \d+ passed, 0 failed, \d skipped\n$")

    def test_format(self):
        self.put("proto/base/a.c", 'int  a_sum( int x ) { return x; }\n')
        status, output = self.lint("format")
        if "skipped" not in output:
            self.assertEqual(status, 1, output)
            self.assertIn("proto/base/a.c:1: is not formatted", output)

    def test_shellcheck(self):
        self.put("x.sh", "#!/bin/sh\necho $1\n")
        self.assertFault("shellcheck", "x.sh:2", "SC2086")

    def test_include_direction(self):
        self.put("broker/core/c.c",
                 '#include "base/a.h"\n#include "store/s.h"\n#include <time.h>\n')
        self.put("broker/store/s.h", '#include "wire.h"\n#include <zmq.h>\n')
        self.put("proto/wire.h", "#include <msgpack.h>\n/* #include <zmq.h> */\n")
        self.put("worker/w.c", '#include "core/c.h"\n')
        self.put("broker/core/c.h", "")
        self.assertFault("includes", "broker/core/c.c:2", "must not include broker/store/s.h")
        self.assertFault("includes", "broker/core/c.c:3", "the core must not include <time.h>")
        self.assertFault("includes", "broker/store/s.h:1", "must not include proto/wire.h")
        self.assertFault("includes", "broker/store/s.h:2", "may include zmq.h")
        self.assertFault("includes", "worker/w.c:1", "worker must not include broker/core/c.h")
        self.assertNotIn("proto/wire.h:", self.lint("includes")[1])

    def test_include_cycle(self):
        self.put("proto/base/a.h", '#include "base/b.h"\n')
        self.put("proto/base/b.h", '#include "base/a.h"\n')
        self.assertFault("include-cycles", "proto/base/a.h:1", "circle")

    def test_header_alone(self):
        self.put("proto/base/b.h", "size_t b_size(void);\n")
        self.assertFault("headers", "proto/base/b.h:1", "does not compile alone")

    def test_purity(self):
        self.put("broker/core/c.c", '#include "base/a.h"\nint c(void) { return a_clock(); }\n')
        self.assertFault("core-is-pure", "proto/base/clock.c:1", "time")
        self.put("broker/core/c.c", "int printf(const char *, ...);\nint c(int x)\n"
                                    '{ return printf("%d", x); }\n')
        self.assertFault("core-is-pure", "broker/core/c.c:1", "printf")

    def test_lengths(self):
        self.put("proto/base/a.c",
                 "int a_sum(int x)\n{\n" + "    x++;\n" * 70 + "    return x;\n}\n")
        self.assertFault("lengths", "proto/base/a.c:1", "a_sum has 74 lines")
        self.put("tests/lint/exceptions.txt", "function-length proto/base/a.c:a_sum: it counts\n")
        self.assertEqual(self.lint("lengths")[0], 0)
        self.put("proto/base/a.h", "/* */\n" * 601 + "/*" + " " * 100 + "*/\n")
        self.assertFault("lengths", "proto/base/a.h:600", "has 602 lines")
        self.assertFault("lengths", "proto/base/a.h:602", "104 columns")

    def test_stale_exception(self):
        self.put("tests/lint/exceptions.txt", "file-length proto/base/a.c: was long\nnonsense\n")
        status, output = self.lint()
        self.assertEqual(status, 1)
        self.assertIn("exceptions.txt:1: is no longer needed", output)
        self.assertIn("exceptions.txt:2: must read", output)

    def test_banned(self):
        self.put("proto/base/a.c", '/* strcpy(a, b) */\nchar *s = "gets(";\nint f(void)\n{\n'
                                   '    return atoi("1") + p->rand();\n}\n')
        self.assertFault("banned", "proto/base/a.c:5", "atoi()")
        self.assertNotIn("rand", self.lint("banned")[1])
        self.put("tests/t.py", "import time\ntime.sl" "eep(1)\n")
        self.assertFault("banned", "tests/t.py:2", "a sleep is a guess")

    def test_paths(self):
        self.put("docs/x.md", "fine\nsee /wo" "rk/main\n")
        self.assertFault("paths", "docs/x.md:2", "names a place on one machine")

    def test_messages(self):
        page = CLEAN["proto/PROTOCOL.md"]
        for change, to, where, text in (
                ("| 16 |", "| 17 |", 5, "limit is 17 here, 16 in"),
                ("| 2 | `count`", "| 3 | `count`", 6, "key is 3 here, 2 in"),
                ("`count` | NUM", "`count` | STR", 6, "type is STR here, NUM in"),
                ("| opt |", "| req |", 6, "need is REQ here, OPT in"),
                ("`count`", "`number`", 6, "HELLO has no field number"),
                ("`count`", "`number`", 1, "HELLO lacks its field count"),
                ("HELLO (1)", "HELLO (2)", 1, "HELLO has type 1")):
            self.put("proto/PROTOCOL.md", page.replace(change, to))
            self.assertFault("docs-messages", f"proto/PROTOCOL.md:{where}", text)
        self.put("proto/PROTOCOL.md", page.replace("HELLO", "HALLO"))
        self.assertFault("docs-messages", "proto/messages.def:1", "HELLO has no section")
        self.assertFault("docs-messages", "proto/PROTOCOL.md:1", "HALLO is no message")
        (self.top / "proto/PROTOCOL.md").unlink()
        self.assertFault("docs-messages", "proto/PROTOCOL.md:1", "is missing")

    def test_configuration(self):
        self.put("docs/operations.md", CLEAN["docs/operations.md"].replace("10s", "9s"))
        self.assertFault("docs-config", "docs/operations.md:3", "default of lease is 10s")
        self.put("docs/operations.md", CLEAN["docs/operations.md"].replace("lease", "leash"))
        self.assertFault("docs-config", "broker/run/config.def:1", "lease is in no table")
        self.assertFault("docs-config", "docs/operations.md:3", "musterd has no key leash")
        self.put("build/bin/musterd", "#!/bin/sh\necho --leash\n")
        self.assertFault("docs-config", "broker/run/config.def:1", "--help does not name --lease")

    def test_names(self):
        self.put("proto/base/err.def", CLEAN["proto/base/err.def"].replace("invalid", "novel"))
        self.assertFault("docs-names", "proto/base/err.def:1", "does not name `novel`")

    def test_command_lines(self):
        self.put("docs/a.md", "`muster shove x`\n\n`muster show --shove`\n`musterd --all`\n")
        self.assertFault("docs-commands", "docs/a.md:1", "no command shove")
        self.assertFault("docs-commands", "docs/a.md:3", "muster show --help names no --shove")
        self.assertFault("docs-commands", "docs/a.md:4", "musterd --help names no --all")
        (self.top / "build/bin/muster").unlink()
        self.assertFault("docs-commands", "client/cli/commands.def:1", "./run build")


if __name__ == "__main__":
    unittest.main()
