"""A headless Chromium that tells all it did: what a page asked for, what it said, which dialogs it opened.

It is driven by the Chrome DevTools Protocol over a pipe, so it needs no port and no driver. Whatever a page asks for
outside its own file goes to a closed port.
"""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MISSING = "no Chromium: install one (Debian: apt-get install chromium) or name its program in HALO_CHROMIUM"
SETTLE_MS = 300
_ON_PIPES = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads what it is asked from descriptor 3 and answers on 4; a program between puts the pipes there."""
_FLAGS = (
    "--headless",
    "--no-sandbox",  # containers have no user namespaces; the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--proxy-server=127.0.0.1:9",
    "--remote-debugging-pipe",
)


def find_chromium() -> str | None:
    """The program that HALO_CHROMIUM names, else the first known name on the PATH."""
    named = os.environ.get("HALO_CHROMIUM")
    found = (shutil.which(name) for name in ((named,) if named else CHROMIUMS))
    return next((path for path in found if path), None)


@dataclass
class Visit:
    """What a page did: `requests` beside its own address, `said` on the console (errors and refusals too)."""

    title: str = ""
    requests: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    width: int = 0  # of all that can be scrolled to, in CSS pixels
    height: int = 0


class Browser:
    """One Chromium, one page; use it with `with`."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._profile = tempfile.TemporaryDirectory(prefix="halo-chromium-", ignore_cleanup_errors=True)
        self._last = 0
        self._buffer = b""
        self._events: list[dict[str, Any]] = []
        self._session = ""

    def __enter__(self) -> Self:
        from_us, self._to = os.pipe()
        self._from, to_us = os.pipe()
        flags = (*_FLAGS, f"--user-data-dir={self._profile.name}", "about:blank")
        self._process = subprocess.Popen(
            [sys.executable, "-c", _ON_PIPES, str(from_us), str(to_us), self._program, *flags],
            pass_fds=(from_us, to_us),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(from_us)
        os.close(to_us)
        try:
            self._attach()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._to)  # Chromium ends with its pipe
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._from)
        self._profile.cleanup()

    def _attach(self) -> None:
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def visit(self, page: Path, *, width: int = 1100, height: int = 900, dark: bool = False, scale: float = 1) -> Visit:
        """Open a file, give it time to do harm, and tell what it did."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )
        self._events.clear()
        address = page.resolve().as_uri()
        self._call("Page.navigate", url=address)
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._receive()
        self._ask(f"new Promise(resolve => setTimeout(resolve, {SETTLE_MS}))")
        done = Visit(title=self._ask("document.title"))
        done.width, done.height = (self._ask(f"document.documentElement.scroll{side}") for side in ("Width", "Height"))
        for event in self._events:
            _note(done, event, address)
        return done

    def unfold(self) -> None:
        """Open all that is folded."""
        self._ask("document.querySelectorAll('details').forEach(each => each.open = true)")

    def top_of(self, identity: str) -> int:
        """Where an element begins, in CSS pixels from the top of the page."""
        return int(self._ask(f"document.getElementById({json.dumps(identity)}).getBoundingClientRect().top + scrollY"))

    def picture(self, *, top: int = 0, width: int = 1100, height: int = 900) -> bytes:
        """A PNG of a part of the page, in CSS pixels from its top."""
        clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
        shot = self._call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def _ask(self, expression: str) -> Any:
        answer = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        return answer["result"].get("value")

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        number = self._last
        self._send(number, method, parameters)
        while True:
            message = self._receive()
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return dict(message["result"])

    def _send(self, number: int, method: str, parameters: dict[str, Any]) -> None:
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        with contextlib.suppress(BrokenPipeError):  # reading the answer tells that it has ended
            os.write(self._to, json.dumps(message).encode() + b"\0")

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            read = os.read(self._from, 1 << 16)
            if not read:
                raise RuntimeError(f"{self._program} has ended; run it by hand with --headless to see why")
            self._buffer += read
        one, self._buffer = self._buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(one)
        if "method" in message:
            self._events.append(message)
            if message["method"] == "Page.javascriptDialogOpening":  # a page that waits for an answer stands still
                self._last += 1
                self._send(self._last, "Page.handleJavaScriptDialog", {"accept": True})
        return message


def _note(done: Visit, event: dict[str, Any], address: str) -> None:
    said = event["params"]
    match event["method"]:
        case "Network.requestWillBeSent" if said["request"]["url"].split("#")[0] != address:
            done.requests.append(said["request"]["url"])
        case "Runtime.consoleAPICalled":
            done.said.append(f"console.{said['type']}")
        case "Runtime.exceptionThrown":
            done.said.append(said["exceptionDetails"]["text"])
        case "Log.entryAdded":
            done.said.append(f"{said['entry']['level']}: {said['entry']['text']}")
        case "Page.javascriptDialogOpening":
            done.dialogs.append(said["message"])
