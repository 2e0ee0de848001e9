"""On the Python of the image for small boards, a model is built when it is first used (`schemas.common`)."""

import subprocess
import sys

_ON_THE_BOARD = """
import sys
sys.builtin_module_names = (*sys.builtin_module_names, "lunix_settle")

from lunix_common.schemas.mount import MountList
from lunix_common.schemas.process import Executed, Process, ProcessList

begun = [model.__name__ for model in (Executed, Process, ProcessList, MountList) if model.__pydantic_complete__]
assert not begun, begun

row = {"pid": 7, "ppid": 1, "name": "x", "uid": 0, "state": "running", "cpu_s": 0.5, "memory_bytes": 1}
row["started_at"] = "2026-01-02T03:04:05Z"
found = ProcessList.model_validate({"boot": "b", "seq": 1, "items": [row]})
assert found.items[0].pid == 7
assert Executed(pid=1, name="x").to_json() == b'{"pid":1,"name":"x"}'
assert Executed.model_construct(pid=1, name="x").to_json() == b'{"pid":1,"name":"x"}'
assert not MountList.__pydantic_complete__
print("ok")
"""


def test_a_model_is_built_when_it_is_used() -> None:
    done = subprocess.run((sys.executable, "-c", _ON_THE_BOARD), capture_output=True, text=True, check=False)
    assert done.stdout == "ok\n", done.stderr
