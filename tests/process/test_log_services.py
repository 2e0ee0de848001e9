"""What lunix's own daemons write, by init and lunix-log, on the bus: told, and fed back by nobody."""

import json
from collections.abc import Callable
from pathlib import Path

from nats.aio.msg import Msg

from lunix_testing.command import LunixUp
from lunix_testing.command import lunix_up as lunix_up
from lunix_testing.deadline import Inbox


async def test_what_a_service_writes_is_told_and_ends_there(lunix_up: Callable[..., LunixUp], tmp_path: Path) -> None:
    env = {
        "LUNIX_INIT_LOG": '["*"]',
        "LUNIX_LOG_LEVEL": "debug",
        "LUNIX_LOG_SOCKET": str(tmp_path / "log"),
        "LUNIX_LOG_KERNEL": "false",
    }
    up = lunix_up("--port", "0", "--only", "init,toast,log", env=env)
    heard = Inbox[Msg]()
    admin = await up.connect("admin")
    await admin.subscribe("log.*.*", cb=heard.put_async)
    await admin.flush()
    # What is not as it should be makes toast write a line. Some that it wrote at its start may be told until then.
    message = await heard.provoke(
        lambda: admin.request("toast.in", b"{", timeout=30),
        lambda one: one.subject == "log.daemon.warning" and json.loads(one.data).get("service") == "toast",
    )
    entry = json.loads(message.data)
    assert (entry["source"], entry["format"], entry["service"]) == ("init", "lunix", "toast")
    assert entry["structured"]["lunix"]["logger"]
    assert all(json.loads(message.data)["service"] != "log" for message in heard.items)
    await admin.close()
