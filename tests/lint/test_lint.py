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
    "proto/base/topic.def": 'TOPIC(JOB_DONE, "job.done", 1)\n',
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
    "worker/settings.c": 'struct setting_row {\n    const char *name;\n    int later;\n};\n'
                         'const struct setting_row setting_rows[] = {\n    {"slots", 0},\n'
                         '};\n',
    "docs/man/CMakeLists.txt": "man_page(${PROJECT_SOURCE_DIR}/proto/PROTOCOL.md "
                               'muster-protocol.7\n         "the wire" "muster(1)")\n',
    "docs/man/roff.py": "import sys\nwith open(sys.argv[-1], 'w') as out:\n"
                        "    out.write('.TH x ' + sys.argv[-1][-1] + ' 2026-01-01\\n')\n"
                        "    out.write('.SH NAME\\nx - y\\n')\n",
    "docs/man/muster.1.md": "# muster(1)\n\n## Global options\n\n| option | |\n|---|---|\n"
                            "| `--broker` | b |\n| `--help` | h |\n| `--all` | a |\n\n"
                            "## Commands\n\n### muster show ID\n\n| option | |\n|---|---|\n"
                            "| `--one N` | 1 |\n\n### muster parked list\n\n"
                            "| option | |\n|---|---|\n| `--one N` | 1 |\n\n"
                            "## Exit status\n\n| status | |\n|---|---|\n| `0` | done |\n\n"
                            "## Error codes\n\n| code | means |\n|---|---|\n"
                            '| `invalid` | a value, which "is" not valid |\n\n'
                            "## See also\n\n[musterd(8)](musterd.8.md), muster-protocol(7)\n",
    "docs/man/muster-worker.1.md": "# muster-worker(1)\n\n| option | |\n|---|---|\n"
                                   "| `-s`, `--slots=N` | n |\n\n## Exit status\n\n"
                                   "| status | |\n|---|---|\n| `0` | done |\n\n"
                                   "## See also\n\nmuster(1)\n",
    "docs/man/musterd.8.md": "# musterd(8)\n\n| flag | default | meaning |\n|---|---|---|\n"
                             "| `--lease TIME` | `10s` | how long |\n"
                             "| `--data` | `$HOME`, else `/` | where |\n\n## Exit status\n\n"
                             "| status | |\n|---|---|\n| `0` | done |\n\n"
                             "## See also\n\nmuster(1)\n",
    "docs/man/muster.yaml.5.md": "# muster.yaml(5)\n\n## The broker's file\n\n"
                                 "| key | type | default |\n|---|---|---|\n"
                                 "| `lease` | DURATION | `10s` |\n"
                                 "| `data` | PATH | `$HOME`, else `/` |\n\n"
                                 "### Meaning\n\n| key | |\n|---|---|\n"
                                 "| `lease` | how long |\n| `data` | where |\n\n"
                                 "## The worker's file\n\n| key | type | default |\n"
                                 "|---|---|---|\n| `slots` | NUMBER | 1 |\n\n"
                                 "### Meaning\n\n| key | |\n|---|---|\n| `slots` | n |\n\n"
                                 "## See also\n\nmuster(1)\n",
    "tests/lint/exceptions.txt": "# none\n",
}

# What the programs answer to --help: only what the checks read.
HELP = {
    "muster": """\
[ $# -gt 1 ] && echo '  --one N      one'
echo '  --broker     b'
echo '  --help       h'
echo '  --all        a'
echo 'Exit status: 0 done.'
""",
    "musterd": """\
echo '  --lease TIME  how long'
echo '  --data        where'
echo 'Exit status: 0 done.'
""",
    "muster-worker": """\
echo '  -s, --slots=N     n'
echo 'Exit status: 0 done.'
""",
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
        for name, text in HELP.items():
            self.program(name, text)

    def put(self, path, text):
        file = self.top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def program(self, name, text):
        self.put(f"build/bin/{name}", "#!/bin/sh\n" + text)
        (self.top / "build/bin" / name).chmod(0o755)

    def lint(self, *checks):
        if not checks or "core-is-pure" in checks:
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

    @unittest.skipUnless(shutil.which("clang"), "clang is not installed")
    def test_clang(self):
        self.put("proto/base/a.c", CLEAN["proto/base/a.c"] +
                 "int b(long x);\nint b(long x)\n{\n    return x;\n}\n")
        self.assertFault("clang", "proto/base/a.c:10", "loses integer precision")

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
        self.program("musterd", "echo --leash\n")
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

    def change(self, path, old, new):
        self.assertIn(old, CLEAN[path])
        self.put(path, CLEAN[path].replace(old, new))

    def test_man_of_muster(self):
        page = "docs/man/muster.1.md"
        for old, new, where, words in (
                ("`--one N`", "`--two N`", f"{page}:13", "muster show has --one N"),
                ("`--one N`", "`--two N`", f"{page}:17", "muster show --help names no --two"),
                ("`--one N`", "`--one ID`", f"{page}:17", "--help says --one N, not ID"),
                ("| `--all` | a |\n", "", f"{page}:1", "muster has --all"),
                ("### muster show ID", "### muster show", f"{page}:13", 'the usage is "ID"'),
                ("### muster show ID", "### muster shove", "client/cli/commands.def:1",
                 "has no `### muster show ID`"),
                ("### muster show ID", "### muster shove", f"{page}:13", "no such command"),
                ("| `0` |", "| `1` |", f"{page}:29", "tells no exit status 1"),
                ("| `0` |", "| `1` |", f"{page}:1", "lacks the exit status 0"),
                ("`invalid`", "`novel`", "proto/base/err.def:1", "lacks"),
                ("`invalid`", "`novel`", f"{page}:35", "has no code novel"),
                ("musterd(8)", "musterd(1)", f"{page}:39", "no page musterd(1)"),
                ("](musterd.8.md)", "](m.8.md)", f"{page}:39", "there is no m.8.md"),
                ("## See also", "## Others", f"{page}:39", "the last section"),
                ("# muster(1)", "# muster(8)", f"{page}:1", "must begin with `# muster(1)`")):
            with self.subTest(new):
                self.change(page, old, new)
                self.assertFault("man", where, words)
        self.put(page, CLEAN[page])
        self.program("muster", HELP["muster"] + f"echo '{'wide ' * 21}'\n")
        self.assertFault("man", "client/cli/commands.def:1", "more than 100 columns")

    def test_man_of_settings(self):
        broker, files = "docs/man/musterd.8.md", "docs/man/muster.yaml.5.md"
        table = "broker/run/config.def"
        for path, old, new, where, words in (
                (broker, "`10s`", "`9s`", f"{broker}:5", "default of lease is 10s, not 9s"),
                (broker, "| `--data` | `$HOME`, else `/` | where |\n", "", f"{table}:2",
                 "lacks data"),
                (files, "`10s`", "`9s`", f"{files}:7", "default of lease is 10s, not 9s"),
                (files, "| PATH |", "| SIZE |", f"{files}:8", "data is of type PATH"),
                (files, "| `data` | where |\n", "", f"{table}:2", "does not say what data means"),
                (files, "| `data` | where |", "| `date` | when |", f"{files}:1", "no key date"),
                (files, "| `slots` | n |\n", "", f"{files}:1", "the worker's key slots"),
                (files, "| `slots` | n |\n", 2 * "| `slots` | n |\n", f"{files}:28",
                 "slots stands twice"),
                (files, "| `slots` | NUMBER | 1 |", "| `slot` | NUMBER | 1 |", f"{files}:1",
                 "muster-worker has no key slot ")):
            with self.subTest(new):
                self.change(path, old, new)
                self.assertFault("man", where, words)
                self.put(path, CLEAN[path])
        (self.top / files).unlink()
        self.assertFault("man", f"{files}:1", "is missing")

    def test_man_roff(self):
        self.put("docs/man/roff.py", "print('roff.py: bad')\n")
        status, output = self.lint("man-roff")
        if "skipped" not in output:
            self.assertEqual(status, 1, output)
            self.assertIn("docs/man/muster.1.md:1: roff.py: bad", output)


if __name__ == "__main__":
    unittest.main()
