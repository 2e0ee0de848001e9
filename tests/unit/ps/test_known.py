"""What is remembered of processes until they end."""

from lunix_ps.known import Known, KnownProcesses


def known(name: bytes) -> Known:
    return Known(name, 1, 0, 5)


def test_a_process_is_known_until_it_ends() -> None:
    processes = KnownProcesses(3)
    processes.put(7, known(b"a"))
    assert processes.take(7) == known(b"a")
    assert processes.take(7) is None


def test_the_one_that_began_longest_ago_makes_room() -> None:
    processes = KnownProcesses(2)
    for pid, name in ((1, b"a"), (2, b"b"), (1, b"c"), (3, b"d")):
        processes.put(pid, known(name))
    assert len(processes) == 2
    assert processes.take(2) is None
    assert processes.take(1) == known(b"c")


def test_all_can_be_forgotten() -> None:
    processes = KnownProcesses(2)
    processes.put(1, known(b"a"))
    processes.clear()
    assert len(processes) == 0
