# SPDX-License-Identifier: Apache-2.0
"""A browser without a window, led over the DevTools protocol through a pipe: no port, no driver, no further library.

    with Browser() as browser:
        page = browser.open("http://127.0.0.1:9100/")
        page.wait("document.querySelector('h1').textContent === 'ready'", "nothing is ready")

What a page complains about (console, exceptions, policy) and what it asks for are written down: page.complaints, page.requests.
"""
import base64
import ctypes
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time

from waiting import PATIENCE_S, wait_until

PROGRAMS = ("chromium-headless-shell", "chromium")
FLAGS = ("--headless", "--no-sandbox", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--force-color-profile=srgb")


def program():
    """The path of a browser, or None."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Browser:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="vdbrowser-")
        from_us, self.to_it = os.pipe()
        self.from_it, to_us = os.pipe()

        def child():
            ends = [os.dup(from_us), os.dup(to_us)]
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        self.process = subprocess.Popen([program(), *FLAGS, f"--user-data-dir={self.folder}"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=child, pass_fds=(3, 4))
        os.close(from_us)
        os.close(to_us)
        self.buffer = b""
        self.number = 0
        self.answers = {}
        self.pages = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.to_it)
        os.close(self.from_it)
        shutil.rmtree(self.folder, ignore_errors=True)

    def open(self, url):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session)
        page.begin(url)
        return page

    def call(self, method, session=None, **params):
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        os.write(self.to_it, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + PATIENCE_S
        while number not in self.answers:
            self._hear(max(0, end - time.monotonic()), method)
        answer = self.answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _hear(self, timeout_s, what):
        if not select.select([self.from_it], [], [], timeout_s)[0]:
            raise TimeoutError(f"the browser does not answer: {what}")
        data = os.read(self.from_it, 1 << 20)
        if not data:
            raise RuntimeError(f"the browser has ended: {what}")
        *messages, self.buffer = (self.buffer + data).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self.answers[message["id"]] = message
            elif message.get("sessionId") in self.pages:
                self.pages[message["sessionId"]].hear(message["method"], message["params"])


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.complaints, self.requests = [], []

    def begin(self, url):
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'", f"{url} does not load")

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def hear(self, method, params):
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(params["args"]))

    def value(self, script):
        """Of an expression of JavaScript."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise RuntimeError(f"{script}: {told['exceptionDetails']['exception'].get('description')}")
        return told["result"].get("value")

    def text(self, selector):
        return self.value(f"document.querySelector({json.dumps(selector)})?.textContent")

    def wait(self, script, what):
        """The expression's value once it is true."""
        return wait_until(lambda: self.value(script), lambda: f"{what}\n{self.complaints}\n{self.value('document.body.innerText')}",
                          step_s=0.05)

    def look(self, width, height, dark=False, scale=1, phone=False):
        """As on a screen of this size, by somebody who prefers these colours."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def press(self, key):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def picture(self, path, whole=False):
        """A PNG of what is seen, or of the whole page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))
