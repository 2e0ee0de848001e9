"""How much memory a service held at most, told by this machine's kernel where no cgroup tells it."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lunix_init.os_taskstats import Peaks
from lunix_testing.init import InitProgram

pytestmark = [pytest.mark.root, pytest.mark.requires("taskstats")]
HELD_MIB = 60
EATS = f"x = b'x' * ({HELD_MIB} << 20); del x"


@pytest.fixture
def bare_init() -> Iterator[InitProgram]:
    with InitProgram("--no-cgroups") as program:
        yield program


def eater(how: str = EATS, *more: str) -> str:
    return f"exec = {[sys.executable, '-c', how]!r}\nrestart = 'never'\n" + "".join(more)


def test_the_peak_of_a_service_is_that_of_its_program_and_not_of_init(bare_init: InitProgram) -> None:
    bare_init.unit("big", eater())
    bare_init.unit("small", 'exec = "true"\nkind = "oneshot"\n')
    bare_init.start()
    big = bare_init.until_state("big", "done")["last_exit"]
    small = bare_init.until_state("small", "done")["last_exit"]
    assert HELD_MIB << 20 <= big["memory_peak_bytes"] < 2 * HELD_MIB << 20
    # What `ru_maxrss` says of it is the size of init, from before it ran its program.
    assert 0 < small["memory_peak_bytes"] < 5 << 20
    assert (big["memory_peak_of"], small["memory_peak_of"]) == ("main", "main")


def test_what_a_thread_of_it_held_counts(bare_init: InitProgram) -> None:
    how = f"import threading; t = threading.Thread(target=lambda: b'x' * ({HELD_MIB} << 20)); t.start(); t.join()"
    bare_init.unit("a", eater(how))
    bare_init.start()
    told = bare_init.until_state("a", "done")["last_exit"]
    assert told["memory_peak_bytes"] >= HELD_MIB << 20


def test_it_is_told_over_a_reexec_and_each_run_has_its_own(bare_init: InitProgram) -> None:
    go = bare_init.folder / "go"
    os.mkfifo(go)
    bare_init.unit("a", eater(f"{EATS}; print('up', flush=True); open('{go}').read()"))
    bare_init.start()
    bare_init.until_line("a", "up")
    bare_init.do("reexec")
    bare_init.until(lambda: any(x["kind"] == "reexeced" for x in bare_init.events()), "it runs again")
    go.write_text("now")
    assert bare_init.until_state("a", "done")["last_exit"]["memory_peak_bytes"] >= HELD_MIB << 20
    bare_init.unit("a", eater("pass"))
    bare_init.until(lambda: bare_init.get("a")["starts"] == 2, "it is run anew")
    assert bare_init.until_state("a", "done")["last_exit"]["memory_peak_bytes"] < HELD_MIB << 20


def test_the_ends_of_other_peoples_children_are_not_even_heard() -> None:
    peaks = Peaks.open()
    assert peaks
    subprocess.run(("sh", "-c", "true & true & wait"), check=True)
    readable, _, _ = select.select([peaks], [], [], 0)
    assert readable  # the shell itself, which was ours
    read = peaks._sock.recv(4096)
    assert read
    assert not select.select([peaks], [], [], 0)[0]
    os.close(peaks._sock.detach())


def test_who_may_not_ask_is_told_nothing() -> None:
    command = ("setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all", sys.executable, "-c")
    code = "from lunix_init.os_taskstats import Peaks; print(Peaks.open())"
    found = subprocess.run((*command, code), capture_output=True, text=True, check=True)
    assert found.stdout == "None\n"


def test_in_a_container_nothing_is_told() -> None:
    command = ("unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c")
    code = "from lunix_init.os_taskstats import Peaks; print(Peaks.open())"
    found = subprocess.run((*command, code), capture_output=True, text=True, check=True)
    assert found.stdout == "None\n"
