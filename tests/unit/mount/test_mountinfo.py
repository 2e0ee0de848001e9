"""Lines of mountinfo: what the kernel writes comes back whole, and nothing else brings the parser down."""

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_mount import mountinfo
from lunix_mount.mountinfo import Malformed, Record
from lunix_testing.blocks import ROUNDS, kept

FIELD = st.binary(min_size=1, max_size=60).filter(lambda raw: b"\0" not in raw)
PATHS = FIELD.map(lambda raw: b"/" + raw)
WORDS = st.lists(st.sampled_from(["rw", "ro", "nosuid", "size=12k", "mode=755"]), min_size=1, max_size=5).map(tuple)
TAGS = st.lists(st.sampled_from(["shared:1", "master:22", "propagate_from:3", "unbindable"]), max_size=3)
NUMBERS = st.integers(0, 2**31 - 1)
RECORDS = st.builds(
    Record,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    PATHS,
    PATHS,
    WORDS,
    st.sampled_from(["ext4", "fuse.sshfs"]),
    FIELD,
    WORDS,
)


def mangled(raw: bytes) -> bytes:
    """As the kernel's ``seq_escape`` does."""
    return re.sub(rb"[ \t\n\\#]", lambda match: b"\\%03o" % match[0][0], raw)


def line(record: Record, tags: list[str]) -> bytes:
    head = f"{record.id} {record.parent} {record.major}:{record.minor} ".encode()
    middle = b" ".join([mangled(record.root), mangled(record.where), ",".join(record.options).encode()])
    tail = b" ".join([record.fs_type.encode(), mangled(record.source), ",".join(record.super_options).encode()])
    return head + b" ".join([middle, *(tag.encode() for tag in tags), b"-", tail])


@given(RECORDS, TAGS)
def test_what_the_kernel_writes_comes_back_whole(record: Record, tags: list[str]) -> None:
    assert mountinfo.parse_line(line(record, tags)) == record


@given(st.lists(RECORDS, max_size=5))
def test_a_whole_file_is_its_lines_in_order(records: list[Record]) -> None:
    content = b"".join(line(record, []) + b"\n" for record in records)
    assert mountinfo.parse(content) == (records, [])


@given(st.binary(max_size=400) | st.text(alphabet="0123456789: -/\\,\n", max_size=400).map(str.encode))
def test_garbage_is_told_and_brings_nothing_down(content: bytes) -> None:
    records, wrong = mountinfo.parse(content)
    assert len(records) + len(wrong) == sum(bool(one) for one in content.split(b"\n"))


@given(RECORDS, st.data())
def test_a_line_that_is_cut_is_malformed_or_another_whole_line(record: Record, data: st.DataObject) -> None:
    whole = line(record, ["shared:1"])
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    records, wrong = mountinfo.parse(cut)
    assert len(records) + len(wrong) <= 1


def test_nothing_is_kept_of_a_table_that_is_read_again_and_again() -> None:
    text = b"36 35 98:0 /a /b rw,noatime shared:1 - ext3 /dev/root rw,errors=continue"
    assert kept(lambda: mountinfo.parse_line(text)) < ROUNDS / 5


def test_long_lines_take_linear_time() -> None:
    tags = b" ".join([b"- a b"] * 30_000)
    with pytest.raises(Malformed):
        mountinfo.parse_line(b"1 2 3:4 / / rw " + tags + b" ")


@pytest.mark.parametrize(
    ("field", "raw"),
    [
        (rb"/a\040b", b"/a b"),
        (rb"/\134040", rb"/\040"),
        (rb"/a\011\012\043", b"/a\t\n#"),
        (rb"/\9\04", rb"/\9\04"),
        (b"/\xff\xfe", b"/\xff\xfe"),
        (rb"\777", rb"\777"),
    ],
)
def test_escapes_are_undone(field: bytes, raw: bytes) -> None:
    assert mountinfo.unescaped(field) == raw


def test_a_line_of_the_manual() -> None:
    record = mountinfo.parse_line(
        b"36 35 98:0 /root /mnt/a\\040point rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue"
    )
    assert record == Record(
        36, 35, 98, 0, b"/root", b"/mnt/a point", ("rw", "noatime"), "ext3", b"/dev/root", ("rw", "errors=continue")
    )
    assert not record.is_read_only


@pytest.mark.parametrize("options", [b"ro - ext4 /dev/a rw", b"rw - ext4 /dev/a ro"])
def test_a_mount_is_read_only_by_itself_or_with_its_file_system(options: bytes) -> None:
    assert mountinfo.parse_line(b"1 2 8:1 / /a " + options).is_read_only


def test_a_source_may_be_empty() -> None:
    assert mountinfo.parse_line(b"1 2 0:40 / /a rw - tmpfs  rw").source == b""


def test_what_this_kernel_writes_is_understood() -> None:
    with open("/proc/self/mountinfo", "rb") as file:  # noqa: PTH123
        records, wrong = mountinfo.parse(file.read())
    assert not wrong
    assert os.fsencode("/") in [record.where for record in records]


def test_bytes_that_are_no_text_are_shown_as_what_they_are() -> None:
    assert mountinfo.text(b"/a\xff") == "/a\\xff"
