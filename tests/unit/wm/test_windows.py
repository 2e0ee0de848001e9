"""What is told of windows, from pictures of all of them: every mirror that applies it has the same picture."""

from hypothesis import given
from hypothesis import strategies as st

from lunix_common.schemas.wm import Window
from lunix_wm.text import clean, decoded
from lunix_wm.windows import Windows


def a_window(id_: str, title: str = "", *, focused: bool = False) -> Window:
    return Window(id=id_, title=title, x=0, y=0, width=1, height=1, focused=focused)


def picture(*windows: Window) -> dict[str, Window]:
    return {window.id: window for window in windows}


def verbs(told: Windows, now: dict[str, Window], at_s: float = 0.0, every_s: float = 0.0) -> list[tuple[str, str]]:
    return [(fact.verb, fact.window.id) for fact in told.look(now, at_s, every_s).facts]


def test_a_window_is_opened_focused_changed_and_closed() -> None:
    told = Windows()
    assert verbs(told, picture(a_window("a", focused=True))) == [("opened", "a"), ("focused", "a")]
    assert verbs(told, picture(a_window("a", "title", focused=True))) == [("changed", "a")]
    assert verbs(told, picture(a_window("a", "title", focused=True))) == []
    assert told.get("a") == a_window("a", "title", focused=True)
    assert verbs(told, {}) == [("closed", "a")]
    assert told.get("a") is None


def test_who_loses_the_focus_is_told_before_who_gets_it() -> None:
    told = Windows()
    told.look(picture(a_window("a"), a_window("b", focused=True)), 0.0)
    assert verbs(told, picture(a_window("a", focused=True), a_window("b"))) == [("changed", "b"), ("focused", "a")]


def test_a_change_that_comes_too_soon_is_told_later() -> None:
    told = Windows()
    told.look(picture(a_window("a")), 0.0, 1.0)
    assert verbs(told, picture(a_window("a", "1")), 10.0, 1.0) == [("changed", "a")]
    held = told.look(picture(a_window("a", "2")), 10.5, 1.0)
    assert (held.facts, held.due_s) == ([], 11.0)
    assert [window.title for window in told] == ["1"], "what is listed is what was told"
    assert verbs(told, picture(a_window("a", "3")), 11.0, 1.0) == [("changed", "a")]
    assert verbs(told, picture(a_window("a", "4", focused=True)), 11.1, 1.0) == [("focused", "a")]


_PICTURES = st.lists(
    st.dictionaries(st.sampled_from("abcd"), st.tuples(st.sampled_from(["", "t", "u"]), st.booleans())), max_size=12
)


@given(_PICTURES, st.sampled_from([0.0, 1.5]))
def test_a_mirror_of_what_is_told_is_what_is_listed(
    pictures: list[dict[str, tuple[str, bool]]], every_s: float
) -> None:
    told, mirror = Windows(), dict[str, Window]()
    for at, found in enumerate(pictures):
        now = {id_: a_window(id_, title, focused=focused) for id_, (title, focused) in found.items()}
        answer = told.look(now, float(at), every_s)
        for fact in answer.facts:
            assert (fact.verb == "opened") == (fact.window.id not in mirror)
            if fact.verb == "closed":
                del mirror[fact.window.id]
            else:
                mirror[fact.window.id] = fact.window
        assert mirror == {window.id: window for window in told}
        if answer.due_s is None:
            assert mirror == now
        else:
            assert answer.due_s > at
    told.look({}, 1e9)
    assert list(told) == []


@given(st.text() | st.integers() | st.none())
def test_any_text_can_be_told(text: object) -> None:
    assert len(clean(text)) <= 1024
    clean(text).encode("utf-8")


def test_half_a_character_is_none() -> None:
    assert clean("\ud800x") == "?x"
    assert clean(7) == ""


@given(st.binary(max_size=5000))
def test_any_bytes_are_a_text(raw: bytes) -> None:
    assert len(decoded(raw)) <= 1024
    assert decoded(raw).encode("utf-8").decode("utf-8") == decoded(raw)
