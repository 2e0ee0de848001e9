"""Names by numbers from usb.ids and pci.ids, as they are and damaged."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_natsdev.hwdb import Hwdb, Named, search

TEXT = """\
# A list
#
0001  First Ltd
\t0002  A thing
\t\t01  its interface
# a comment
\t7777  Another thing
0781  SanDisk Corp.
\t5581  Ultra
C 00  Class
\t0002  No product
AT 0100  Terminal
ffff  L\u00e4st
\tffff  End""".encode()


@pytest.mark.parametrize(
    ("vendor", "product", "names"),
    [
        ("0001", "0002", Named("First Ltd", "A thing")),
        ("0001", "7777", Named("First Ltd", "Another thing")),
        ("0001", "5581", Named("First Ltd", None)),
        ("0781", "5581", Named("SanDisk Corp.", "Ultra")),
        ("0781", "0002", Named("SanDisk Corp.", None)),
        ("ffff", "ffff", Named("L\u00e4st", "End")),
        ("0002", "0001", Named()),
        ("0001", "x", Named("First Ltd", None)),
    ],
)
def test_a_pair_has_the_names_of_its_vendor_and_its_product(vendor: str, product: str, names: Named) -> None:
    assert search(TEXT, vendor, product) == names


@given(st.binary(max_size=200))
def test_no_damage_to_the_file_makes_it_raise(data: bytes) -> None:
    search(TEXT[:40] + data + TEXT[40:], "0781", "5581")


def test_the_first_folder_that_has_the_file_counts(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "one" / "usb.ids").touch()
    (tmp_path / "two" / "usb.ids").write_bytes(TEXT)
    names = Hwdb([tmp_path / "none", tmp_path / "one", tmp_path / "two"])
    assert names("usb", "0781", "5581") == ("SanDisk Corp.", "Ultra")
    (tmp_path / "two" / "usb.ids").unlink()
    assert names("usb", "0781", "5581") == ("SanDisk Corp.", "Ultra")
    assert names("usb", "0001", "0002") == (None, None)


def test_numbers_that_are_none_have_no_name_and_open_no_file(tmp_path: Path) -> None:
    assert Hwdb([tmp_path])("usb", "../x", "0001") == (None, None)


def test_a_thousand_names_are_remembered_and_no_more(tmp_path: Path) -> None:
    names = Hwdb([tmp_path])
    for number in range(1100):
        names("pci", f"{number:04x}", "0001")
    assert len(names._known) == 1024


@pytest.mark.requires("path:/usr/share/misc/pci.ids")
def test_the_systems_own_list_is_read() -> None:
    assert Hwdb()("pci", "8086", "7000").vendor == "Intel Corporation"
