"""One agent's interpreter: Python without files, network, processes or environment, which keeps what it has defined.

Whenever code calls a function that is not its own, its process waits, and the answer is worked out here, on the event
loop and within the time that is left. A name that nobody answers to is undefined, as in any Python.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from engine.sandbox.limits import Ran, SandboxLimits
from engine.sandbox.output import Output
from engine.sandbox.values import plain
from engine.sandbox.worker import Worker
from engine.tooling import ToolError

if TYPE_CHECKING:
    from pydantic_monty import ExternalSettledResult, FunctionSnapshot, MontyError, SyncSnapshot

HostFunction = Callable[[tuple[Any, ...], Mapping[str, Any]], Awaitable[Any]]
"""A function that code may call: its positional and named arguments to plain values."""
_LATE_CALLS = 20  # when the time is up, calls are refused; code that goes on calling is ended
_COMPLAINT_CHARS = 4_000
_FLOODED = "RuntimeError: too much was printed"
_RESTARTED = "The interpreter was restarted: names that were defined before are gone."


class _TooLateError(Exception):
    """Code goes on calling after its time."""


class Sandbox:
    """Runs code piece by piece, each seeing what those before it defined; `close` when done.

    `functions` are what code may call, by name. `clock` gives seconds of a monotonic clock.
    """

    def __init__(
        self, functions: Mapping[str, HostFunction], limits: SandboxLimits, clock: Callable[[], float]
    ) -> None:
        self._functions = functions
        self._names = dict.fromkeys(functions, _named)
        self._limits = limits
        self._clock = clock
        self._worker = Worker(limits)
        self._lock = asyncio.Lock()

    async def run(self, code: str) -> Ran:
        """Run one piece of code; raises nothing that the code raises."""
        from pydantic_monty import MontyError

        async with self._lock:
            output = Output(self._limits.output_bytes, self._worker.kill)
            end = self._clock() + self._limits.wall_s
            try:
                value = await self._value(code, output, end)
                if output.is_flooded:  # it was through before its process ended
                    await self._worker.discard()
                    return self._ended(output, _FLOODED, False, True)
                return Ran(output.text("stdout"), output.text("stderr"), value, timed_out=self._clock() > end)
            except MontyError as error:
                return await self._failed(error, output, end)
            except _TooLateError:
                await self._worker.discard()
                return self._ended(output, f"TimeoutError: stopped after {self._limits.wall_s:g} s", True, True)
            except BaseException:
                await asyncio.shield(self._worker.discard())
                raise

    async def close(self) -> None:
        """End the interpreter and its process."""
        await self._worker.close()

    async def _value(self, code: str, output: Output, end: float) -> Any:
        """The value of the last expression, once all calls on the way to it are answered."""
        from pydantic_monty import MontyComplete

        step = await self._worker.turn(
            lambda session: session.feed_start(code, external_lookup=self._names, print_callback=output)
        )
        late = 0
        while not isinstance(step, MontyComplete):
            late += self._clock() > end
            if late > _LATE_CALLS:
                raise _TooLateError
            step = await self._next(step, end)
        complete = step
        return await self._worker.turn(lambda _: plain(complete.output, self._limits.output_bytes))

    async def _next(self, step: "SyncSnapshot", end: float) -> "SyncSnapshot":
        """Answer what the code waits for, and let it go on."""
        from pydantic_monty import FunctionSnapshot, FutureSnapshot, NameLookupSnapshot

        turn = self._worker.turn
        if isinstance(step, NameLookupSnapshot):
            lookup = step
            return await turn(lambda _: lookup.resume_auto())
        if isinstance(step, FutureSnapshot):
            pending = step
            error = RuntimeError("call this function without await")
            return await turn(
                lambda _: pending.resume({each: {"exception": error} for each in pending.pending_call_ids})
            )
        assert isinstance(step, FunctionSnapshot)
        call = step
        if call.is_os_function:
            return await turn(lambda _: call.resume_not_handled())
        answer = await self._answer(call, end)
        if not call.allow_eager_await:
            return await turn(lambda _: call.resume(answer))
        waiting = await turn(lambda _: call.resume({"future": ...}))
        if not isinstance(waiting, FutureSnapshot):
            return waiting
        return await turn(lambda _: waiting.resume({call.call_id: answer}))

    async def _answer(self, call: "FunctionSnapshot", end: float) -> "ExternalSettledResult":
        """What a call brings, or what it raises."""
        name = str(call.function_name)
        function = self._functions.get(name)
        if function is None:
            return {"exception": NameError(f"name {name!r} is not defined")}
        left = end - self._clock()
        try:
            if left <= 0:
                raise TimeoutError
            async with asyncio.timeout(left):
                return {"return_value": await function(call.args, call.kwargs)}
        except TimeoutError:
            return {"exception": TimeoutError(f"the {self._limits.wall_s:g} s that a piece of code has are over")}
        except ToolError as error:
            return {"exception": RuntimeError(str(error))}
        except (TypeError, ValueError) as error:
            return {"exception": type(error)(f"{name}: {error}")}

    async def _failed(self, error: "MontyError", output: Output, end: float) -> Ran:
        """What is told of code that raised; whether what it had defined is still there."""
        said = error.display() if hasattr(error, "display") else f"{type(error).__name__}: {error}"
        if output.is_flooded:
            said = _FLOODED
        is_over = "time limit exceeded" in said
        lost = is_over or not await self._is_alive()
        if lost:
            await self._worker.discard()
        return self._ended(output, said, is_over or self._clock() > end, lost)

    def _ended(self, output: Output, said: str, timed_out: bool, lost: bool) -> Ran:
        said = said if len(said) <= _COMPLAINT_CHARS else f"[cut]…{said[-_COMPLAINT_CHARS:]}"
        lines = [output.text("stderr").rstrip("\n"), said, _RESTARTED if lost else ""]
        stderr = "\n".join(line for line in lines if line)
        return Ran(output.text("stdout"), stderr, failed=True, timed_out=timed_out, lost=lost)

    async def _is_alive(self) -> bool:
        """Whether the interpreter can go on: one whose memory is full, or whose process is gone, cannot."""
        from pydantic_monty import MontyError

        try:
            return await self._worker.turn(lambda session: bool(session.feed_run("True")))
        except (MontyError, RuntimeError):
            return False


def _named(*_: Any) -> None:
    """Stands for a function of ours where code names one without calling it."""
