"""What the image's Python has of its own: objects that forked daemons share without copying them (image/settle.c)."""

import subprocess
from pathlib import Path

_SHARED = """
import gc, os, sys

many = [(number, str(number), {"number": number}) for number in range(30000)]


def private() -> int:
    with open("/proc/self/smaps") as smaps:
        return sum(int(line.split()[1]) for line in smaps if line.startswith("Private_Dirty:"))


gc.collect()
gc.freeze()
if "settle" in sys.argv:
    import lunix_settle
    lunix_settle.settle()
if not (child := os.fork()):
    gc.disable()
    before = private()
    for number, text, fields in many:
        assert fields["number"] == number and text
    print(private() - before, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


def _ask(python: Path, source: str, *argv: str) -> str:
    done = subprocess.run((python, "-I", "-S", "-c", source, *argv), capture_output=True, text=True, check=True)
    return done.stdout


def test_live_objects_are_immortal(python: Path) -> None:
    source = """
import sys
class A:
    def f(self, x="a default of its own"): return ("a constant", 12345678, x)
kept = {"a key of its own": [A(), 3.25, b"bytes of its own"]}
import lunix_settle
lunix_settle.settle()
code = A.f.__code__
for one in (kept, *kept, *kept.values(), *kept["a key of its own"], A, A.f, code, *code.co_consts, *A.f.__defaults__):
    print(sys.getrefcount(one))
print(sys.getrefcount([]))
"""
    *shared, new = (int(line) for line in _ask(python, source).split())
    assert set(shared) == {0xFFFFFFFF}
    assert new < 10


def test_a_child_that_reads_what_is_shared_copies_next_to_none_of_it(python: Path) -> None:
    counted, settled = (int(_ask(python, _SHARED, *argv)) for argv in ((), ("settle",)))
    assert settled < counted / 5


def test_new_objects_lie_in_pools_of_their_own(python: Path) -> None:
    source = """
import lunix_settle
kept = [bytes(440) for _ in range(7)]  # 480 bytes each: a size of which the interpreter itself has few
lunix_settle.settle()
print(id(bytes(440)) % 16384)
"""
    assert 48 <= int(_ask(python, source)) <= 48 + 4 * 480


def test_code_is_not_rewritten_as_it_runs(python: Path) -> None:
    source = """
import dis, io
def f(items):
    total = 0
    for item in items:
        total += item.real
    return total
for _ in range(1000): f(range(100))
names = {one.opname for one in dis.get_instructions(f, adaptive=True)}
print("ok" if not names & {"BINARY_OP_ADD_INT", "FOR_ITER_RANGE", "LOAD_ATTR_METHOD_NO_DICT"} else names)
"""
    assert _ask(python, source).strip() == "ok"
