"""The library of the image: packed into one file, with what modules compile as they are imported (image/made.py)."""

import py_compile
import re
import subprocess
import sys
from pathlib import Path

from image.place import HERE

MODULES = {
    "first": "import re, lunix_made\nlunix_made.patterns(re._compiler.compile)('(?P<word>a|b)+')\n"
    "lunix_made.exec('made = 6 * 7', globals())\n",
    "package/__init__": "from package.inner import answer\n",
    "package/inner": "answer = 42\n",
    "never": "raise SystemExit('it is packed, and not imported')\n",
}
ASKED = """
import sys
sys.path[:0] = [sys.argv[1]]
import lunix_packed
import package
print(package.answer, package.__file__, package.inner.__spec__.loader.__name__)
print(list(lunix_packed.Packed.pack.index))
import first, lunix_made, re
found = lunix_made.patterns(None)("(?P<word>a|b)+")
print(first.made, found.fullmatch("abab").groupdict(), lunix_made.missed)
"""


def run(*words: object, text: str = "") -> str:
    argv = (sys.executable, "-I", "-S", *map(str, words))
    return subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout


def test_modules_lie_in_the_order_of_their_import_and_find_compiled_what_they_compile(tmp_path: Path) -> None:
    library, target = tmp_path / "library", tmp_path / "target"
    texts = MODULES | {"lunix_made": (HERE / "lean/lunix_made.py").read_text()}
    for name, text in texts.items():
        source = tmp_path / "source.py"
        source.write_text(text)
        py_compile.compile(str(source), str(library / f"{name}.pyc"), doraise=True)
    target.mkdir()
    paths = "\n".join(f"{name}.pyc" for name in texts)
    # Of a library that is packed nothing comes from elsewhere; this one has no `re` of its own.
    start = "import _sha1, re, runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
    run("-c", start, HERE / "made.py", library, target, "first", "package", text=paths)
    (target / "lunix_packed.py").write_text((HERE / "lean/lunix_packed.py").read_text())
    package, order, made = run("-c", f"import re{ASKED}", target).splitlines()
    assert package == f"42 {target}/package/__init__.pyc Packed"
    assert re.findall("'(.*?)'", order) == ["first", "lunix_made", "package", "package.inner", "never"]
    assert made == "42 {'word': 'b'} {}"
