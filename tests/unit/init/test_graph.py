"""The dependency graph."""

from hypothesis import given
from hypothesis import strategies as st

from lunix_init import graph
from lunix_init.graph import Fault
from lunix_init.unit import Unit


def units(**edges: tuple[str, ...]) -> dict[str, Unit]:
    return {name: Unit(name, exec=("x",), needs=needs) for name, needs in edges.items()}


def graphs() -> st.SearchStrategy[dict[str, Unit]]:
    names = st.sampled_from("abcdefgh")
    others = st.sets(names, max_size=3).map(lambda found: tuple(sorted(found)))
    made = st.tuples(others, others)
    return st.dictionaries(names, made, max_size=8).map(
        lambda found: {
            name: Unit(name, exec=("x",), needs=needs, after=after) for name, (needs, after) in found.items()
        }
    )


def test_a_sound_graph_has_no_problem() -> None:
    made = units(a=("b", "c"), b=("c",), c=())
    made["d"] = Unit("d", after=("a",))
    assert graph.problems(made) == []


def test_a_missing_need_is_refused_and_a_missing_after_is_only_told() -> None:
    found = graph.problems({"a": Unit("a", needs=("x",), after=("y",))})
    assert [(problem.fault, problem.names, problem.fatal) for problem in found] == [
        (Fault.MISSING, ("x",), True),
        (Fault.ABSENT, ("y",), False),
    ]
    assert found[0].text == "needs 'x', which has no unit"


def test_a_cycle_is_told_to_each_unit_in_it_and_to_no_other() -> None:
    found = graph.problems(units(a=("b",), b=("c",), c=("a",), d=("a",)))
    assert [problem.unit for problem in found] == ["a", "b", "c"]
    assert {problem.text for problem in found} == {"is part of a cycle: a -> b -> c -> a"}


def test_a_cycle_through_after_counts() -> None:
    made = {"a": Unit("a", needs=("b",)), "b": Unit("b", after=("a",))}
    assert graph.cycles(made) == [("a", "b")]


def test_a_unit_that_needs_itself_is_a_cycle() -> None:
    assert graph.cycles(units(a=("a",))) == [("a",)]


def test_two_cycles_are_told_apart() -> None:
    found = graph.cycles(units(a=("b",), b=("a",), c=("d",), d=("c", "a")))
    assert found == [("a", "b"), ("c", "d")]


def test_the_shortest_cycle_of_a_knot_is_shown() -> None:
    knot = units(a=("b", "c"), b=("c", "d"), c=("d",), d=("a",))
    assert graph.cycles(knot) == [("a", "b", "d")]


def test_what_a_unit_needs_is_found_to_the_end() -> None:
    made = units(a=("b", "missing"), b=("c",), c=("b",), d=())
    assert graph.closure(made, ["a", "nobody"]) == {"a", "b", "c"}


def test_a_chain_of_ten_thousand_does_not_overflow() -> None:
    size = 10_000
    made = {f"u{n}": Unit(f"u{n}", needs=(f"u{n + 1}",)) for n in range(size)}
    made[f"u{size}"] = Unit(f"u{size}")
    assert graph.order(made)[0] == f"u{size}"


def test_the_graph_is_drawn_for_graphviz() -> None:
    drawn = graph.dot({"a": Unit("a", needs=("b",), after=("c",)), "b": Unit("b")})
    assert drawn == ('digraph units {\n  "a";\n  "a" -> "b";\n  "a" -> "c" [style=dashed];\n  "b";\n}\n')


@given(graphs())
def test_the_order_puts_each_unit_after_what_it_depends_on(made: dict[str, Unit]) -> None:
    found = graph.order(made)
    assert sorted(found) == sorted(made)
    in_cycle = {name for cycle in graph.components(made) if len(cycle) > 1 for name in cycle}
    for name in made:
        for other in graph.edges(made[name]):
            if other in made and other != name and not (name in in_cycle and other in in_cycle):
                assert found.index(other) < found.index(name)


@given(graphs())
def test_each_cycle_that_is_told_is_one(made: dict[str, Unit]) -> None:
    for cycle in graph.cycles(made):
        for name, other in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
            assert other in graph.edges(made[name])
