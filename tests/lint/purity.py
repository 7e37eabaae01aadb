"""The core takes nothing from outside but memory and text functions: asked of the linker.

The core's archive may refer to the list below and to the base layer; and whatever object of the
base layer it pulls in that way has to be as pure. A clock, file, socket, thread or print has no
place here.
"""
import collections
import re

from sources import Finding, output

ALLOWED = re.compile(r"""
    mem(cpy|move|set|cmp|chr|rchr|mem|pcpy) | str\w+ | bcmp
  | malloc | calloc | realloc | free | qsort | bsearch
  | snprintf | vsnprintf | strto\w+ | __isoc\d\d_strto\w+
  | __(mem|str)\w+_chk | __v?snprintf_chk            # _FORTIFY_SOURCE's forms of the same
  | __assert_fail | abort | __stack_chk_fail
  | __builtin_\w+ | _GLOBAL_OFFSET_TABLE_
""", re.X)


def archive(tree, name):
    found = sorted(tree.build.rglob(f"lib{name}.a"), key=lambda path: len(path.parts))
    return found[0] if found else None


def symbols(path):
    """member -> (defined, undefined) symbols, of an archive."""
    _, text = output("nm", "-A", "-P", str(path))
    members = collections.defaultdict(lambda: (set(), set()))
    for match in re.finditer(r"\[([^\]]+)\]: (\S+) ([A-Za-z])", text):
        member, symbol, kind = match.groups()
        members[member][kind in "Uwv"].add(symbol)
    return members


def core_is_pure(tree):
    core_path, base_path = archive(tree, "muster_core"), archive(tree, "muster_base")
    if not core_path or not base_path:
        yield Finding("broker/core/CMakeLists.txt", 1,
                      f"libmuster_core.a and libmuster_base.a are not below {tree.build}: "
                      "build muster_core and muster_base first (./run lint does)")
        return
    core, base = symbols(core_path), symbols(base_path)
    home = {symbol: member for member, (defined, _) in base.items() for symbol in defined}
    own = set().union(*(defined for defined, _ in core.values()))
    queue = [("broker/core", member, undefined) for member, (_, undefined) in core.items()]
    seen = set()
    while queue:
        folder, member, undefined = queue.pop()
        for symbol in undefined:
            if folder == "broker/core" and symbol in own:
                continue
            pulled = home.get(symbol)
            if pulled and pulled not in seen:
                seen.add(pulled)
                queue.append(("proto/base", pulled, base[pulled][1]))
            elif not pulled and not ALLOWED.fullmatch(symbol):
                yield Finding(f"{folder}/{member.removesuffix('.o')}", 1,
                              f"the core must stay pure, but refers to {symbol}: "
                              "let the time or the data arrive in an event")
