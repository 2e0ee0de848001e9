"""Coldplug: every device is asked once, parents first, and it is over when the socket has been read empty."""

from lunix_natsdev.manage.coldplug import Asked, Coldplug, ordered


def test_parents_come_before_their_children_and_each_once() -> None:
    assert ordered([b"/a/b/c", b"/a", b"/a/b", b"/a"]) == [b"/a", b"/a/b", b"/a/b/c"]


def test_a_round_knows_its_own_events() -> None:
    one, other = Coldplug(), Coldplug()
    assert one.is_mine({"SYNTH_UUID": one.uuid})
    assert not other.is_mine({"SYNTH_UUID": one.uuid})
    assert not one.is_mine({})


async def test_the_socket_is_read_empty_after_every_few_devices_and_at_the_end() -> None:
    asked: list[tuple[bytes, str]] = []
    drained: list[int] = []

    async def drain() -> None:
        drained.append(len(asked))

    this = Coldplug()
    paths = [f"/devices/{number:03}".encode() for number in range(150)]
    result = await this.run(reversed(paths), lambda path, text: asked.append((path, text)), drain)
    assert result == Asked(150, 0)
    assert drained == [64, 128, 150]
    assert asked == [(path, f"add {this.uuid}") for path in paths]


async def test_a_device_that_refuses_or_went_is_counted_and_holds_up_nothing() -> None:
    def trigger(path: bytes, _text: str) -> None:
        if path == b"/b":
            raise FileNotFoundError(path)

    async def drain() -> None:
        pass

    assert await Coldplug().run([b"/a", b"/b", b"/c"], trigger, drain) == Asked(3, 1)
