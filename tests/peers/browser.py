"""A headless Chromium, driven through chromedriver by the WebDriver protocol: nothing but the standard library."""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


class Browser:
    def __init__(self, width=1200, height=860):
        self.driver = shutil.which("chromedriver")
        self.profile = tempfile.mkdtemp()
        self.log = open(os.path.join(self.profile, "driver.log"), "w+b")
        self.process = subprocess.Popen([self.driver, "--port=0"], stdout=self.log, stderr=subprocess.STDOUT)
        self.base = f"http://127.0.0.1:{self.port()}"
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 f"--user-data-dir={self.profile}/profile", f"--window-size={width},{height}", "--hide-scrollbars"]
        options = {"goog:chromeOptions": {"args": flags}, "goog:loggingPrefs": {"browser": "ALL"}}
        self.base += "/session/" + self.call("POST", "/session", {"capabilities": {"alwaysMatch": options}})["sessionId"]

    def port(self):
        for _ in range(600):
            text = open(self.log.name, encoding="utf-8", errors="replace").read()
            if "started successfully on port" in text:
                return int(text.split("started successfully on port")[1].split(".")[0])
            time.sleep(0.1)
        raise RuntimeError("chromedriver does not start: " + text)

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.base + path, method=method,
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from error

    def open(self, path):
        self.call("POST", "/url", {"url": "file://" + os.path.abspath(path)})

    def run(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": arguments})

    def wait(self, script, *arguments):
        """Until the script's value is true."""
        for _ in range(300):
            value = self.run(script, *arguments)
            if value:
                return value
            time.sleep(0.1)
        raise RuntimeError(f"never true: {script}")

    def keys(self, text):
        actions = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def click(self, selector):
        (found,) = self.call("POST", "/element", {"using": "css selector", "value": selector}).values()
        self.call("POST", f"/element/{found}/click", {})

    def devtools(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def complaints(self):
        return self.call("POST", "/se/log", {"type": "browser"})

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("GET", "/screenshot")))

    def close(self):
        try:
            self.call("DELETE", "")
        finally:
            self.process.terminate()
            self.process.wait()
            self.log.close()
            shutil.rmtree(self.profile, ignore_errors=True)
