"""Who may include whom: the layers of the project as a table, and headers that stand alone."""
import concurrent.futures
import os
import re

from sources import Finding, blank, output

# Include roots, in this order. `#include "base/slice.h"` is proto/base/slice.h.
ROOTS = ("proto", "broker", "client/include", "worker", "client", "tests/lib")

# layer: what it may include of ours besides itself. (broker/core is not of the layer broker.)
PROTO = {"proto/base", "proto"}
LAYERS = {
    "proto/base": set(),
    "proto": {"proto/base"},
    "broker/core": {"proto/base"},
    "broker/store": {"proto/base"},
    "broker/net": PROTO,
    "broker/run": PROTO | {"broker/core", "broker/store", "broker/net"},
    "broker": PROTO | {"broker/core", "broker/store", "broker/net", "broker/run"},
    "worker": PROTO | {"client/include"},
    "client/include": set(),
    "client": PROTO | {"client/include"},
    "docs/examples": set(),  # as others' programs: the installed headers alone
    "tests": PROTO | {"broker/core", "broker/store", "broker/net", "broker/run", "broker", "worker",
                      "client", "client/include"},
}
# Single files that a layer may include although it may not include their layer.
ALSO = {
    "broker/store": {"broker/core/batch.h"},
}
# Headers of other libraries: the only files that may include them.
LIBRARIES = {
    "msgpack.h": r"proto/wire[a-z_]*\.[ch]",
    "jansson.h": r"proto/json[a-z_]*\.[ch]|client/cli/.*|client/monitor/.*",
    "lmdb.h": r"broker/store/store_lmdb[a-z_]*\.[ch]",
    "yaml.h": r"proto/yaml_tree\.c",
    "zmq.h": r"broker/(net|run)/.*|broker/main\.c|worker/.*|client/.*",
}
# The core knows the language and memory, and nothing of the world.
CORE_SYSTEM = {"assert.h", "inttypes.h", "limits.h", "stdalign.h", "stdarg.h", "stdbool.h",
               "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def layer_of(path):
    return max((layer for layer in LAYERS if path.startswith(layer + "/")), key=len, default=None)


def includes_of(tree, path):
    """(line, whether in quotes, name) of each include; comments do not count."""
    text = blank(tree.text(path), keep_strings=True)
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start(2)) + 1, match[1] == '"', match[2]


def resolve(tree, path, name):
    """The project's file that this include means, or None."""
    for folder in (os.path.dirname(path), *ROOTS):
        candidate = os.path.normpath(os.path.join(folder, name))
        if candidate in tree.files:
            return candidate
    return None


def c_files(tree):
    return [path for path in tree.named(".c", ".h", ".def") if layer_of(path)]


def direction(tree):
    for path in c_files(tree):
        layer = layer_of(path)
        for line, quoted, name in includes_of(tree, path):
            target = resolve(tree, path, name)
            if quoted and target:
                other = layer_of(target)
                if other not in LAYERS[layer] | {layer} and target not in ALSO.get(layer, ()):
                    allowed = ", ".join(sorted(LAYERS[layer] | ALSO.get(layer, set()))) or "nothing"
                    yield Finding(path, line, f"{layer} must not include {target}; it may include "
                                              f"itself and: {allowed}")
            elif quoted:
                yield Finding(path, line, f'"{name}" is not found below {", ".join(ROOTS)}')
            elif name in LIBRARIES and layer != "tests" and not re.fullmatch(LIBRARIES[name], path):
                yield Finding(path, line, f"only {LIBRARIES[name]} may include {name}")
            elif layer == "broker/core" and name not in CORE_SYSTEM:
                yield Finding(path, line, f"the core must not include <{name}>: what it needs of "
                              "the world comes in an event, what it wants done goes in an action")
    for path in tree.named(".c", ".h"):
        if not layer_of(path):
            yield Finding(path, 1, "lies outside every layer: tests/lint/includes.py has the table")


def cycles(tree):
    """Headers that include each other in a circle cannot be read one after the other."""
    graph = {path: [target for _, quoted, name in includes_of(tree, path)
                    if quoted and (target := resolve(tree, path, name))] for path in c_files(tree)}
    done = set()

    def visit(path, trail):
        if path in trail:
            circle = trail[trail.index(path):] + [path]
            return [Finding(circle[0], 1, "include circle: " + " -> ".join(circle))]
        if path in done:
            return []
        found = [finding for target in graph.get(path, ())
                 for finding in visit(target, trail + [path])]
        done.add(path)
        return found

    for path in graph:
        yield from visit(path, [])


def compile_flags():
    """Where the folders' and the libraries' headers are."""
    _, flags = output("pkg-config", "--cflags", "libzmq", "lmdb", "yaml-0.1", "jansson")
    _, msgpack = output("sh", "-c", "pkg-config --cflags msgpack-c 2>/dev/null || "
                                    "pkg-config --cflags msgpack")
    _, cmocka = output("sh", "-c", "pkg-config --cflags cmocka 2>/dev/null")
    return [f"-I{root}" for root in ROOTS] + flags.split() + msgpack.split() + cmocka.split()


def headers_compile_alone(tree):
    headers = tree.named(".h")
    flags = compile_flags()

    def compile_one(path):
        # Through a file that includes nothing else, as the first line of a .c file would.
        command = ["gcc", "-std=c17", "-D_GNU_SOURCE", '-DMUSTER_VERSION="lint"',
                   '-DSOURCE_DIR=""', "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c"]
        command += flags
        status, text = output(*command, "-include", path, "/dev/null")
        if status:
            match = re.search(r"^([^:\n]+):(\d+):\d+: (?:fatal )?error: (.*)", text, re.M)
            why = f"{match[1]}:{match[2]}: {match[3]}" if match else text.strip()
            return [Finding(path, 1, f"does not compile alone; include what it needs. {why}")]
        return []

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for findings in pool.map(compile_one, headers):
            yield from findings
