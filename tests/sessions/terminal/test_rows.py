"""Rows of a screen: how they move, and how much of them is kept."""

from auditproxy.sessions.terminal.rows import MARKS_A_ROW, SHOWN_LIMIT, Rows, cells_of


def test_cells_keep_their_marks_when_packed() -> None:
    """A row is one string while another is written."""
    rows = Rows(10, 3)
    rows.write(0, 0, ["e", "語", "\0"], False)
    rows.mark(0, 1, "\u0301")
    rows.mark(0, 3, "\u0302")
    rows.write(1, 0, ["x"], False)
    assert cells_of(rows.find(0)) == ["e\u0301", "語", "\0\u0302"]


def test_marks_are_bounded() -> None:
    """A row of nothing but marks stays small."""
    rows = Rows(10, 3)
    rows.write(0, 0, list("abc"), False)
    for number in range(10_000):
        rows.mark(0, number % 3 + 1, "\u0301")
    assert len(rows.find(0)) <= 3 + MARKS_A_ROW


def test_of_a_large_screen_the_nearest_rows_are_kept() -> None:
    """500 x 200 would be 100 000 cells."""
    rows = Rows(500, 200)
    for index in range(200):
        rows.write(index, 0, ["x"] * 500, False)
    kept = [index for index in range(200) if rows.find(index)]
    assert kept[-1] == 199
    assert len(kept) * 500 <= SHOWN_LIMIT + 500


def test_a_region_scrolls_both_ways() -> None:
    """Rows outside stay; numbers change only when the whole screen scrolls."""
    rows = Rows(4, 4)
    for index, text in enumerate("abcd"):
        rows.write(index, 0, [text], False)
    rows.scroll(1, 2, 1)
    assert [*rows.texts()] == ["a", "c", "", "d"]
    rows.scroll(1, 2, -1)
    assert [*rows.texts()] == ["a", "", "c", "d"]
    assert rows.top == 0
    rows.scroll(0, 3, 2)
    assert ([*rows.texts()], rows.top) == (["c", "d", "", ""], 2)


def test_rows_that_grow_with_the_screen_are_bounded() -> None:
    """Written at one column, then at the full width, then wide."""
    rows = Rows(1, 200)
    for index in range(200):
        rows.write(index, 0, ["x"], False)
    rows.resize(500, 200, 199)
    for index in range(200):
        rows.write(index, 0, ["\U0001d400"] * 500, False)
    assert rows.find(199) == "\U0001d400" * 500
    assert sum(4 * len(text) for text in rows.texts()) <= SHOWN_LIMIT + 2 * 4 * 500


def test_rows_that_leave_with_a_resize_are_not_counted() -> None:
    """Otherwise nothing could be kept after enough of them."""
    rows = Rows(500, 200)
    for _ in range(50):
        for index in range(len(rows)):
            rows.write(index, 0, ["x"] * 500, False)
        rows.resize(500, 1, len(rows) - 1)
        rows.resize(500, 200, 0)
    for index in range(10):
        rows.write(index, 0, ["y"] * 500, False)
    assert all(rows.find(rows.top + index) for index in range(10))
