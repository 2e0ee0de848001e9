"""Icons by name: what an index says, which names and folders are tried out, which paths are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_toast.pictures.icons import Directory, IconTheme, file_path, names, parse_index

INDEX = """\
[Icon Theme]
Name=Test
Inherits=Other, hicolor
Directories=16x16/apps,48x48/apps,scalable/apps,nowhere,/etc,../up,odd,fixed
ScaledDirectories=48x48@2/apps

[16x16/apps]
Size=16
[48x48/apps]
Size=48
Threshold=4
[48x48@2/apps]
Size=48
Scale=2
Type=Fixed
[scalable/apps]
Size=64
MinSize=8
MaxSize=512
Type=Scalable
[/etc]
Size=48
[../up]
Size=48
[odd]
Size=large
[fixed]
Size=24
Type=Fixed
"""


def test_an_index_names_folders_and_what_it_builds_on() -> None:
    theme = parse_index(INDEX)
    assert theme.inherits == ("Other", "hicolor")
    assert theme.directories == (
        Directory("16x16/apps", 14, 18, 1),
        Directory("48x48/apps", 44, 52, 1),
        Directory("scalable/apps", 8, 512, 1),
        Directory("fixed", 24, 24, 1),
        Directory("48x48@2/apps", 48, 48, 2),
    )


def test_the_folder_of_the_nearest_size_comes_first_and_larger_before_smaller() -> None:
    theme = IconTheme(directories=(Directory("16", 16, 16, 1), Directory("48", 48, 48, 1), Directory("any", 44, 44, 1)))
    assert theme.folders(44) == ["any", "48", "16"]


@pytest.mark.parametrize("text", ["", "no section", "[Other]\nDirectories=a\n", "[Icon Theme]\n[Icon Theme", "\0"])
def test_an_index_that_makes_no_sense_is_empty(text: str) -> None:
    assert parse_index(text) == IconTheme()


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    parse_index(text)
    parse_index("[Icon Theme]\n" + text)


def test_less_exact_names_are_tried_after_the_name() -> None:
    assert list(names("battery-low")) == [
        "battery-low",
        "battery",
        "battery-low-symbolic",
        "battery-symbolic",
    ]
    assert next(names("battery-low-symbolic")) == "battery-low-symbolic"


@pytest.mark.parametrize("icon", ["", "../x", "a/b", ".hidden", "x" * 200, "a\nb"])
def test_what_is_no_name_is_not_looked_up(icon: str) -> None:
    assert list(names(icon)) == []


@pytest.mark.parametrize(
    ("icon", "path"),
    [
        ("/usr/x.png", "/usr/x.png"),
        ("file:///usr/a%20b.png", "/usr/a b.png"),
        ("file://localhost/x.png", "/x.png"),
        ("file://elsewhere/x.png", None),
        ("file:///x%00y", None),
        ("file:x", None),
        ("file://[", None),
        ("drive-harddisk", None),
        ("http://x/y.png", None),
    ],
)
def test_paths_and_uris_of_this_machine_are_files(icon: str, path: str | None) -> None:
    assert file_path(icon) == path
