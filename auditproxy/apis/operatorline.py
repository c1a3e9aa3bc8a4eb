"""OperatorLine: a sentence for operators, with what it names as fields."""


class OperatorLine(str):
    """A line for operators; ``fields`` is what its sentence names, for logs in JSON.

    Whatever takes a text takes this. The text alone says everything: lines as text show no fields.
    Names of fields are few and the same everywhere: ``flag``, ``peer``, ``audit_id``, ``upstream``,
    ``cause``, ``plugin``, ``issuer``, ``count``.
    """

    fields: dict[str, str | int]

    def __new__(cls, text: str, /, **fields: str | int) -> "OperatorLine":
        """The line of a text and its fields."""
        line = super().__new__(cls, text)
        line.fields = fields
        return line


def fields_of(text: str) -> dict[str, str | int]:
    """The fields of a text; none where it is a plain one."""
    return text.fields if isinstance(text, OperatorLine) else {}
