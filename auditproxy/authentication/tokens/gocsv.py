"""CSV as Go's encoding/csv reads it with default settings and rows of any length.

    record    fields separated by ``,``; nothing is trimmed, spaces belong to the field
    quoting   ``"a ""b"" c"``; a quoted field may span lines; CR LF reads as LF
    skipped   empty lines
    refused   a ``"`` inside an unquoted field, text after a closing ``"``, no closing ``"``

Operates on bytes, because error columns are byte offsets. Error texts are Go's
and never quote the file.
"""

from collections.abc import Iterator


class CsvError(ValueError):
    """A row that Go's reader refuses; the text is that of its ParseError."""

    def __init__(self, start_line: int, line: int, column: int, problem: str) -> None:
        place = f"parse error on line {line}, column {column}: {problem}"
        super().__init__(place if start_line == line else f"record on line {start_line}; {place}")


_BARE_QUOTE = 'bare " in non-quoted field'
_QUOTE = 'extraneous or missing " in quoted-field'


def read_records(data: bytes) -> Iterator[tuple[bytes, ...]]:
    """Return every record in order; raises CsvError at the first invalid one."""
    reader = _Reader(data)
    while (line := reader.next_line()) is not None:
        if line != b"\n":
            yield tuple(_read_record(reader, line))


class _Reader:
    """The lines of a file, each with its LF (CR LF becomes LF); ``number`` starts at 1."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self.number = 0

    def next_line(self) -> bytes | None:
        """Return the next line, None at the end; the last line may lack an LF."""
        if self._position >= len(self._data):
            return None
        end = self._data.find(b"\n", self._position)
        stop = len(self._data) if end < 0 else end + 1
        line = self._data[self._position : stop]
        self._position = stop
        self.number += 1
        if line.endswith(b"\r\n"):
            return line[:-2] + b"\n"
        # Go drops a lone CR at the end of the file.
        return line[:-1] if end < 0 and line.endswith(b"\r") else line


def _read_record(reader: _Reader, line: bytes) -> list[bytes]:
    start_line = reader.number
    fields: list[bytes] = []
    column = 1
    while True:
        if not line.startswith(b'"'):
            field, comma, line = line.partition(b",")
            quote = field.find(b'"')
            if quote >= 0:
                raise CsvError(start_line, reader.number, column + quote, _BARE_QUOTE)
            if not comma:
                fields.append(field.removesuffix(b"\n"))
                return fields
            fields.append(field)
            column += len(field) + 1
            continue
        parts: list[bytes] = []
        line = line[1:]
        column += 1
        ended = False
        while not ended:
            part, quote_char, rest = line.partition(b'"')
            parts.append(part)
            if not quote_char:
                column += len(line)
                following = reader.next_line()
                if following is None:
                    raise CsvError(start_line, reader.number, column, _QUOTE)
                line, column = following, 1
                continue
            column += len(part) + 1
            line = rest
            if line.startswith(b'"'):
                parts.append(b'"')
                line = line[1:]
                column += 1
            elif line.startswith(b","):
                fields.append(b"".join(parts))
                line = line[1:]
                column += 1
                ended = True
            elif line in (b"", b"\n"):
                fields.append(b"".join(parts))
                return fields
            else:
                raise CsvError(start_line, reader.number, column - 1, _QUOTE)
