"""What a report exporter promises."""

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from domain.report import Report
from domain.runs import Delivery


class ReportExporter(Protocol):
    """Brings reports to one destination while its `async with` lasts.

    The same delivery may be exported again after a crash or a lost answer, so an exporter either replaces what it
    wrote before or hands on `delivery.id` for the destination to recognise.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def export(
        self, delivery: Delivery, report: Report, markdown: str, evidence: Callable[[], bytes | None]
    ) -> None:
        """Bring one report there; returns when the destination has it.

        `evidence` reads the evidence database from the store, so it is called on a thread. PermanentError: this
        delivery can never succeed; RetryableError: later, after `retry_after_s` if the destination said so.
        """
        ...
