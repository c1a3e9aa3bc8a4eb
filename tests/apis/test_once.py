"""What is found out once is found out once for each object, and never for another."""

from auditproxy.apis.once import Once


class Text:
    """Counts how often its length was asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked = 0

    @Once
    def length(self) -> int:
        """The length."""
        self.asked += 1
        return len(self.text)


def test_once_for_each_object() -> None:
    """The first use computes, later ones do not; another object has its own."""
    one, other = Text("abc"), Text("")
    assert one.asked == 0
    assert [one.length, one.length, one.length] == [3, 3, 3]
    assert one.asked == 1
    assert [other.length, other.length] == [0, 0]
    assert other.asked == 1


def test_of_the_class() -> None:
    """Asked of the class it is what documents it."""
    assert isinstance(Text.length, Once)
    assert Text.length.__doc__ == "The length."
