"""A small fleet as its hub knows it: two machines, and two operators, one of whom may see one of them."""

from lunix_cli.fleet.members import Fleet, Machine, Operator
from lunix_common.role import up_to
from lunix_common.subjects import Role


def machine(name: str, role: Role) -> Machine:
    """One that lets operators be at most this."""
    return Machine(name, role, {one: f"U{name}{one}" for one in up_to(role)})


FLEET = (
    Fleet()
    .with_machine(machine("a.b", Role.ADMIN))
    .with_machine(machine("box", Role.OBSERVER))
    .with_operator(Operator("anna", Role.USER, "UANNA"))
    .with_operator(Operator("eve", Role.OBSERVER, "UEVE", machines=frozenset({"box"})))
)
