"""Columns of values, one field of many facts each: arrays, so that a value costs eight bytes and no object."""

from abc import ABC, abstractmethod
from array import array
from math import isnan, nan
from typing import Any

_MAX_COUNT = 2**62


class _Column(ABC):
    """Values of one field, row by row; what its array cannot hold stands aside in `odd`."""

    def __init__(self, kind: str) -> None:
        self._values = array(kind)
        self._odd: dict[int, Any] = {}

    def add(self, value: Any) -> None:
        """Append a row."""
        code = self._code(value)
        if code is None:
            self._odd[len(self._values)] = value
            code = 0
        self._values.append(code)

    def at(self, row: int) -> Any:
        """The value of a row."""
        if self._odd and row in self._odd:
            return self._odd[row]
        return self._value(self._values[row])

    @abstractmethod
    def _code(self, value: Any) -> Any: ...

    @abstractmethod
    def _value(self, code: Any) -> Any: ...


class Counts(_Column):
    """Whole numbers from 0, or None."""

    def __init__(self) -> None:
        super().__init__("q")

    def _code(self, value: Any) -> Any:
        if value is None:
            return -1
        return value if type(value) is int and 0 <= value < _MAX_COUNT else None

    def _value(self, code: int) -> int | None:
        return None if code < 0 else code


class Hashes(_Column):
    """Sixteen hexadecimal digits, or empty text."""

    def __init__(self) -> None:
        super().__init__("Q")

    def _code(self, value: Any) -> Any:
        if not value:
            return 0
        try:
            code = int(value, 16)
        except ValueError:
            return None
        return code if 0 < code < 2**64 and f"{code:016x}" == value else None

    def _value(self, code: int) -> str:
        return f"{code:016x}" if code else ""


class Amounts(_Column):
    """Numbers, or None."""

    def __init__(self) -> None:
        super().__init__("d")

    def _code(self, value: Any) -> Any:
        return nan if value is None else value if type(value) is float and not isnan(value) else None

    def _value(self, code: float) -> float | None:
        return None if isnan(code) else code


class Objects:
    """Anything else, by reference."""

    def __init__(self) -> None:
        self._values: list[Any] = []
        self.add, self.at = self._values.append, self._values.__getitem__
