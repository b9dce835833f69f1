"""A browser without a window, driven as the WebDriver standard has it."""

import base64
import json
import urllib.request

from harness.wait import wait_until

TAB = "\ue004"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """`dark`: it prefers dark colours. `script`: pages may run any."""

    def __init__(self, run, *, width=1200, height=900, dark=False, script=True):
        self.port = run.port()
        self.driver = run.start(f"chromedriver-{self.port}",
                                ["/usr/bin/chromedriver", f"--port={self.port}"])
        wait_until(self._serves, "chromedriver to listen", 60)
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                   "--disable-dev-shm-usage", f"--user-data-dir={run.make_folder(f'browser-{self.port}')}"]
        if dark:
            options.append("--blink-settings=preferredColorScheme=0")
        else:
            options.append("--blink-settings=preferredColorScheme=1")
        settings = {"args": options, "binary": "/usr/bin/chromium",
                    "mobileEmulation": {"deviceMetrics": {
                        "width": width, "height": height, "pixelRatio": 1.0, "mobile": False,
                        "touch": False}}}
        if not script:
            settings["prefs"] = {"profile.managed_default_content_settings.javascript": 2}
        made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": settings,
            "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.session = f"/session/{made['sessionId']}"

    def _serves(self):
        try:
            return self._ask("GET", "/status")["ready"]
        except OSError:
            return False

    def _ask(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self._ask("POST", f"{self.session}/url", {"url": url})

    def ask(self, expression):
        """The value of an expression in the page."""
        return self._ask("POST", f"{self.session}/execute/sync",
                         {"script": f"return {expression}", "args": []})

    def text(self):
        [body] = self._ask("POST", f"{self.session}/elements",
                           {"using": "css selector", "value": "body"})
        return self._ask("GET", f"{self.session}/element/{body[ELEMENT]}/text")

    def press(self, key):
        self._ask("POST", f"{self.session}/actions", {"actions": [{
            "type": "key", "id": "keyboard",
            "actions": [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]})

    def complaints(self):
        """What the browser has to say against the page."""
        found = self._ask("POST", f"{self.session}/se/log", {"type": "browser"})
        return [one["message"] for one in found if "favicon" not in one["message"]]

    def picture(self):
        return base64.b64decode(self._ask("GET", f"{self.session}/screenshot"))

    def close(self):
        self._ask("DELETE", self.session)
        self.driver.stop()
