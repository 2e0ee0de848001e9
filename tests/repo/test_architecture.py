"""The parts know of each other in one direction alone, and each sort of work has its place."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from lunix_testing import tree

NOT_IN_A_PURE_CORE = {
    "asyncio", "ctypes", "fcntl", "multiprocessing", "nats", "select", "selectors", "socket", "subprocess", "threading",
    "lunix_common.bus", "lunix_common.daemon", "lunix_common.access",
}  # fmt: skip
SHIPPED_EXTRAS = {"server", "udev", "fast", "dbus", "mqtt"}


def _places(package: str) -> set[str]:
    """The packages of the project that this one may import."""
    if package == "lunix_cli":
        return set(tree.packages())
    if tree.packages()[package].parent.name == "services":
        return {"lunix_common", "lunix_dbus", "lunix_x11", package}
    return {"lunix_common", package}


def _internal(module: tree.Module) -> Iterator[tree.Import]:
    return (found for found in module.imports if found.top.startswith("lunix_"))


def test_packages_import_in_one_direction_only() -> None:
    wrong = [
        f"{module.shown}:{found.line} imports {found.name}"
        for module in tree.modules()
        for found in _internal(module)
        if found.top not in _places(module.package)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_import_is_absolute() -> None:
    wrong = [f"{module.shown}:{found.line}" for module in tree.modules() for found in module.imports if found.relative]
    assert not wrong, "\n".join(wrong)


def _declared() -> set[str]:
    """The distributions that a user's installation may have, by their normalised names."""
    project = tree.project()["project"]
    wanted = list(project["dependencies"])
    tooling = {"test", "check", "docs"}
    for extra, requirements in project["optional-dependencies"].items():
        if extra not in tooling:
            wanted += requirements
    return {re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0].lower().replace("_", "-") for text in wanted}


def test_every_third_party_import_is_a_declared_dependency() -> None:
    declared, distributions = _declared(), packages_distributions()
    wrong = [
        f"{module.shown}:{found.line} imports {found.top}"
        for module in tree.modules()
        for found in module.imports
        if not found.relative
        and found.top not in sys.stdlib_module_names
        and not found.top.startswith("lunix_")
        and not declared & {name.lower().replace("_", "-") for name in distributions.get(found.top, ())}
    ]
    assert not wrong, "\n".join(wrong)


def test_the_first_process_imports_the_standard_library_alone() -> None:
    """Its package lists the modules of the bus side; all others are loaded by PID 1."""
    init = tree.package_modules("lunix_init")
    bus_side = init[0].listed("bus side")
    wrong = [
        f"{module.shown}:{found.line} imports {found.name}"
        for module in init
        if module.name not in bus_side
        for found in module.imports
        if found.top not in sys.stdlib_module_names
        and (found.top != "lunix_init" or any(_is(found, name) for name in bus_side))
    ]
    assert not wrong, "\n".join(wrong)


def _is(found: tree.Import, module: str) -> bool:
    """Whether the import reaches this module, as itself, as a part of it or by a name in it."""
    return found.name == module or found.name.startswith(f"{module}.")


def test_pure_cores_are_named_by_their_package_and_exist() -> None:
    names = {module.name for module in tree.modules()}
    assert not tree.pure_cores() - names
    without = [
        package
        for package, folder in tree.packages().items()
        if package not in ("lunix_common", "lunix_cli") and not package_lists_a_core(package) and folder.exists()
    ]
    assert not without, "no sentence 'Pure core: `module`.' in the docstring of " + ", ".join(without)


def package_lists_a_core(package: str) -> bool:
    return bool(tree.package_modules(package)[0].listed("pure core"))


def test_a_pure_core_has_no_input_or_output() -> None:
    wrong = [
        f"{module.shown}:{found.line} imports {found.name}"
        for module in tree.modules()
        if module.name in tree.pure_cores()
        for found in module.imports
        if any(_is(found, name) for name in NOT_IN_A_PURE_CORE)
        or (found.top == module.package and ".os_" in found.name)
    ]
    assert not wrong, "\n".join(wrong)


def _system_calls(module: tree.Module) -> Iterator[str]:
    for found in module.imports:
        if found.top == "ctypes" or found.name in ("fcntl.ioctl", "socket.AF_NETLINK"):
            yield f"{module.shown}:{found.line} imports {found.name}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and (ast.unparse(node) == "fcntl.ioctl" or node.attr == "AF_NETLINK"):
            yield f"{module.shown}:{node.lineno} uses {ast.unparse(node)}"


def test_raw_system_calls_stand_in_os_modules_alone() -> None:
    wrong = [
        line for module in tree.modules() if not module.path.name.startswith("os_") for line in _system_calls(module)
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_shipped_is_a_relic_of_the_tests() -> None:
    wrong = [
        f"{module.shown}:{found.line} imports {found.name}"
        for module in tree.modules()
        for found in module.imports
        if found.top in ("lunix_testing", "tests", "pytest", "hypothesis", "unittest")
    ]
    assert not wrong, "\n".join(wrong)


def test_every_package_says_what_it_is() -> None:
    missing = [package for package in tree.packages() if not tree.package_modules(package)[0].docstring]
    assert not missing
