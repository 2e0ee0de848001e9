"""What a process becomes by its recipe, seen from inside: limits, capabilities, user, environment, descriptors."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from lunix_init.capabilities import CAPABILITIES
from lunix_init.os_spawn import Recipe

BECOME = """
import json, os, resource, sys
from lunix_init import os_spawn
told = json.loads(sys.argv[1])
told["limits"] = [tuple(one) for one in told["limits"]]
recipe = os_spawn.Recipe(**told)
said = os.dup(1)
try:
    os_spawn.become(recipe)
    found = {
        "env": os_spawn.environment(recipe), "core": resource.getrlimit(resource.RLIMIT_CORE),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0], "ids": [os.getuid(), os.getgid(), os.getgroups()],
        "nice": os.nice(0), "mask": os.umask(0), "cwd": os.getcwd(), "leads": os.getsid(0) == os.getpid(),
        "effective": [x.split()[1] for x in open("/proc/self/status") if x.startswith(("CapEff", "CapBnd"))],
        "kept": os.get_inheritable(told["keep"][0][0]) if told["keep"] else None,
    }
except os_spawn.StepError as error:
    found = {"step": error.step, "error": str(error.error)}
os.write(said, json.dumps(found).encode())
"""


def become(**given: Any) -> dict[str, Any]:
    """What a process finds when it has become this."""
    told = Recipe(("true",), {}, {}, output=2)._asdict() | given
    command = [sys.executable, "-c", BECOME, json.dumps(told)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_it_leads_a_session_with_its_own_limits_mask_niceness_and_folder() -> None:
    found = become(limits=[("core", 0)], files=77, nice=3, umask=0o077, cwd="/usr", keep=[(7, 2)])
    assert (found["core"], found["files"]) == ([0, 0], 77)
    assert (found["nice"], found["mask"], found["cwd"]) == (os.nice(0) + 3, 0o077, "/usr")
    assert found["leads"] is True
    assert found["kept"] is True


def test_what_the_unit_says_wins_over_what_init_hands_on() -> None:
    found = become(env={"A": "init", "B": "init"}, own={"A": "unit"})
    assert found["env"] == {"A": "unit", "B": "init"}


@pytest.mark.root
@pytest.mark.parametrize("user", ["root", "0"])
def test_a_user_by_name_or_number_brings_a_home_and_a_shell(user: str) -> None:
    found = become(user=user, group="daemon", own={"SHELL": "/bin/own"})
    assert found["ids"][:2] == [0, 1]
    assert (found["env"]["HOME"], found["env"]["LOGNAME"], found["env"]["SHELL"]) == ("/root", "root", "/bin/own")


@pytest.mark.root
def test_a_group_alone_takes_the_other_groups_away() -> None:
    assert become(group="1")["ids"] == [0, 1, []]


@pytest.mark.root
def test_all_capabilities_but_the_named_ones_are_gone_for_ever() -> None:
    found = become(capabilities=["net_admin", "kill"])
    bits = 1 << CAPABILITIES.index("net_admin") | 1 << CAPABILITIES.index("kill")
    assert {int(text, 16) for text in found["effective"]} == {bits}


@pytest.mark.parametrize(
    ("given", "step"),
    [
        ({"cwd": "/nowhere"}, "cwd"),
        ({"cgroup": "/nowhere"}, "cgroup"),
        ({"user": "nobody-of-that-name"}, "user"),
        ({"limits": [("nofile", 1 << 40)]}, "limits"),
        ({"tty": "/dev/null"}, "tty"),
    ],
)
def test_the_step_that_fails_is_named(given: dict[str, Any], step: str) -> None:
    assert become(**given)["step"] == step
