"""A board has no OpenSSL, no PyNaCl and no uvloop: what runs on it does without."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lunix_common.bus.options import find
from lunix_common.bus.session import Session
from lunix_testing import tree
from lunix_testing.daemon import DaemonStarter
from lunix_testing.daemon import without_bus as without_bus
from lunix_testing.deadline import deadline

ABSENT = "ssl,_ssl,nkeys,nacl,uvloop"
DAEMONS = ("bus", "init", "init_bus", "log", "mount", "mqtt", "natsdev", "network", "ps", "toast")
"""Those of a board."""
CORE = ("common", *DAEMONS, "access/test_roles.py", "test_subjects.py", "test_schemas.py")
LEFT_OUT = (
    *("log/test_linear.py", "natsdev/test_superblock.py"),  # they take long, and import nothing
    *("common/test_alarm.py", "bus/test_signature.py"),  # of uvloop and of PyNaCl themselves
)

_IMPORTS = """
import importlib, sys
sys.modules.update(dict.fromkeys(sys.argv[1].split(",")))
for name in sys.argv[2:]:
    importlib.import_module(f"lunix_{name}.__main__")
import ssl, nats
assert not hasattr(ssl, "OPENSSL_VERSION"), "it was not absent"
for ask in (ssl.create_default_context, ssl.SSLContext):
    try:
        ask()
    except NotImplementedError as error:
        print(error)
"""


@pytest.mark.timeout(600)
def test_the_units_of_the_core_pass_without_ssl_pynacl_and_uvloop() -> None:
    units = tree.ROOT / "tests" / "unit"
    words = [str(units / name) for name in CORE] + [f"--ignore={units / name}" for name in LEFT_OUT]
    command = (sys.executable, "-m", "lunix_testing.without", ABSENT, "-q", "-p", "no:cacheprovider", *words)
    # These tests are measured where they run with everything: coverage would make them slow here.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    env["PYTHONPATH"] = str(tree.ROOT / "tests")
    done = subprocess.run(command, cwd=tree.ROOT, env=env, capture_output=True, text=True, timeout=580, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert int(done.stdout.rpartition(" passed")[0].split()[-1]) > 1000, "hardly a test was found"


def test_the_daemons_of_a_board_load_without_ssl_and_whoever_asks_for_tls_is_told() -> None:
    command = (sys.executable, "-c", _IMPORTS, ABSENT, *DAEMONS)
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["there is no TLS here: Python was built without ssl"] * 2


@pytest.fixture
def bare(tmp_path: Path) -> str:
    """What ``PYTHONPATH`` has to be for a program that finds none of these modules."""
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"import sys; sys.modules.update(dict.fromkeys({ABSENT!r}.split(',')))")
    return str(folder)


async def test_the_daemons_of_a_board_meet_on_lunix_bus_without_keys(without_bus: DaemonStarter, bare: str) -> None:
    without_bus("lunix_bus", "--unix", f"{without_bus.state}/bus.sock", "--no-tcp", env={"PYTHONPATH": bare})
    services = [name for name in DAEMONS if not name.startswith(("bus", "init"))]
    daemons = [without_bus(f"lunix_{name}", env={"PYTHONPATH": bare}, wait=False) for name in services]
    for daemon in daemons:
        daemon.wait_ready()
    session = Session(find("admin", state=without_bus.state, environ={}), "admin", lambda _number: None)
    async with deadline("a session"):
        await session.open()
    try:
        for name in services:
            told = json.loads((await session.request(f"$SRV.INFO.{name}", b"", 20)).data)
            assert told["name"] == name
    finally:
        await session.close()
    assert not list(without_bus.state.glob("keys/*.nk"))
