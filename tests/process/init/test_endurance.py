"""What must not wear out: a thousand restarts, and the death of any child."""

import os
import signal
from pathlib import Path

import pytest

from lunix_testing.init import InitProgram

CYCLES = 1000


def measured(pid: int) -> dict[str, int]:
    """Return what could leak in a process: descriptors, children, and memory in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    rss = next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon"))
    return {
        "descriptors": sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
        "children": len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()),
        "rss_kb": int(rss),
    }


@pytest.mark.timeout(300)
def test_a_thousand_crashes_leak_nothing_and_lose_no_service(init: InitProgram) -> None:
    init.unit("steady", 'exec = ["sleep", "1000"]\n')
    init.unit("a", 'exec = ["sh", "-c", "echo again; exit 1"]\n[backoff]\nfirst = 0\ncap = 0\n')
    init.start()
    assert init.process
    pid = init.process.pid
    steady = init.until_state("steady", "up")["pid"]
    init.until(lambda: init.get("a")["starts"] > 200, "it has warmed up", 60)
    init.do("stop", name="a", wait=True)
    before = measured(pid)
    goal = init.get("a")["starts"] + CYCLES
    init.do("start", name="a")
    init.until(lambda: init.get("a")["starts"] >= goal, "a thousand crashes", 250)
    init.do("stop", name="a", wait=True)
    init.until(lambda: measured(pid)["descriptors"] <= before["descriptors"], "none is left over")
    after = measured(pid)
    assert after["children"] == before["children"] == 1
    # The events and lines that are kept are bounded; nothing else may grow.
    assert after["rss_kb"] - before["rss_kb"] < 1500
    base = init.do("status")["cgroup"]
    if base:
        assert [path.name for path in Path(base).glob("*.unit")] == ["steady.unit"]
    assert init.get("steady")["pid"] == steady
    assert init.do("status")["faults"] == 0


def test_the_death_of_each_child_in_turn_ends_in_the_same_running_state(
    init: InitProgram,
) -> None:
    init.unit("base", 'exec = ["sleep", "1000"]\n')
    init.unit("middle", 'exec = ["sleep", "1000"]\nneeds = ["base"]\n')
    init.unit("top", 'exec = ["sleep", "1000"]\nneeds = ["middle"]\nafter = ["base"]\n')
    init.start()
    init.until_state("top", "up")
    for name in ("base", "middle", "top", "middle", "base"):
        starts = init.get(name)["starts"]
        os.kill(init.get(name)["pid"], signal.SIGKILL)
        goes_on(init, name, starts)
        assert {item["state"] for item in init.do("list")["items"]} == {"up"}
    assert [init.get(name)["starts"] for name in ("base", "middle", "top")] == [3, 3, 2]


def goes_on(program: InitProgram, name: str, starts: int) -> None:
    def again() -> bool:
        told = program.get(name)
        return bool(told["starts"] > starts and told["state"] == "up")

    program.until(again, f"{name} runs again")


def test_a_hundred_services_start_together(init: InitProgram) -> None:
    for number in range(100):
        init.unit(f"s{number:03}", 'exec = ["sleep", "1000"]\n')
    init.start()
    init.until(lambda: {x["state"] for x in init.do("list")["items"]} == {"up"}, "all are up")
    pids = {item["pid"] for item in init.do("list")["items"]}
    assert len(pids) == 100
    assert init.stop() == 0
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
