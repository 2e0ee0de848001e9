"""What a process has written can be paged out, and is there again when it is read."""

import os

from lunix_init import os_pages

MAPS = """\
00400000-00789000 r-xp 00000000 fe:02 12 /usr/bin/python3
00789000-007d0000 rw-p 00388000 fe:02 12 /usr/bin/python3
01c00000-01e00000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000100000 rw-p 00000000 00:00 0
7f0000200000-7f0000201000 rw-s 00000000 00:01 9 /dev/shm/of others
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0 [stack]
"""


def test_what_was_written_is_private_and_not_the_stack() -> None:
    assert os_pages.private(MAPS) == [(0x789000, 0x47000), (0x1C00000, 0x200000), (0x7F0000000000, 0x100000)]


def test_a_process_goes_on_as_it_was() -> None:
    kept = [os.urandom(4096) for _ in range(256)]
    copies = [bytes(bytearray(one)) for one in kept]
    os_pages.page_out(os.getpid())
    assert kept == copies
