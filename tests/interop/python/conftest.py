"""Starts the real program for the Python peers, and walks its pages as a person would."""

import base64
import http.cookies
import json
import os
import pathlib
import re
import secrets
import socket
import subprocess
import threading
import time
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # localhost speaks http here

ROOT = pathlib.Path(__file__).parents[3]
PROGRAM = os.environ.get("GATEHOUSE_BIN", str(ROOT / "target/debug/gatehouse"))
APP = "https://app.example/callback"
ADA = {"email": "ada@acme.example", "password": "correct horse battery staple"}
CONFIDENTIAL = ("python", "python-secret-0123456789")
CLIENT = {"redirect_uris": [APP], "grant_types": ["authorization_code", "refresh_token"], "trusted": True}


def tenant(**more):
    """A tenant as `gatehouse apply` reads it."""
    return {"name": "acme", "display_name": "Acme", "domains": ["acme.example"], "provisioning": "jit", **more}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Gatehouse:
    """The program as a child, in a folder of its own, with settings from the environment alone."""

    def __init__(self, folder, state, **settings):
        self.folder = folder
        self.log = []
        (folder / "apply.yaml").write_text(json.dumps({"tenants": [state]}))
        self.key = base64.b64encode(secrets.token_bytes(32)).decode()
        for _ in range(5):
            port = free_port()
            self.url = f"http://localhost:{port}"
            self.env = {
                "PATH": os.environ["PATH"],
                "GATEHOUSE_PUBLIC_URL": self.url,
                "GATEHOUSE_LISTEN": f"127.0.0.1:{port}",
                "GATEHOUSE_DATABASE_URL": f"sqlite://{folder}/gatehouse.db",
                "GATEHOUSE_KEYS_DIR": str(folder / "keys"),
                "GATEHOUSE_MASTER_KEY": self.key,
                "GATEHOUSE_OUTBOUND_ALLOW": "127.0.0.1,localhost",
                **settings,
            }
            if self._started():
                return
            if "in use" not in "".join(self.log):
                break
        pytest.fail(f"gatehouse ended with {self.process.wait()} before it was ready:\n{''.join(self.log)}")

    def _started(self):
        env = {**self.env, "GATEHOUSE_APPLY": str(self.folder / "apply.yaml")}
        self.process = subprocess.Popen([PROGRAM, "serve"], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
        for line in self.process.stdout:
            self.log.append(line)
            if re.search(r"listening on http://\S+:\d+", line):
                threading.Thread(target=lambda: self.log.extend(self.process.stdout), daemon=True).start()
                return True
        return False

    def logged(self, pattern):
        """Waits until the log holds `pattern`: lines are written on a thread of their own and may come after the answer."""
        until = time.monotonic() + 10
        while not re.search(pattern, "".join(self.log)):
            assert time.monotonic() < until, f"{pattern} never came into the log:\n{''.join(self.log)}"
            time.sleep(0.05)

    def run(self, *args):
        """Runs the program once more in the same place and gives what it printed."""
        done = subprocess.run([PROGRAM, *args], cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def stop(self):
        self.process.terminate()
        assert self.process.wait(20) == 0


@pytest.fixture(scope="session")
def issuer(tmp_path_factory):
    gatehouse = Gatehouse(tmp_path_factory.mktemp("gatehouse"), tenant(
        clients=[
            {"client_id": CONFIDENTIAL[0], "name": "Python", "secret": CONFIDENTIAL[1], **CLIENT},
            {"client_id": "public", "name": "Public", "token_endpoint_auth_method": "none", **CLIENT},
        ],
        users=[{**ADA, "name": "Ada Lovelace"}],
    ))
    yield gatehouse.url
    gatehouse.stop()


class Forms(HTMLParser):
    """The forms of a page: action, fields and buttons."""

    def __init__(self, page):
        super().__init__()
        self.forms = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.forms.append({"action": attributes.get("action", ""), "fields": {}, "buttons": []})
        elif self.forms and tag == "input" and "name" in attributes:
            self.forms[-1]["fields"][attributes["name"]] = attributes.get("value") or ""
        elif self.forms and tag == "button":
            self.forms[-1]["buttons"].append((attributes.get("name"), attributes.get("value")))


def origin(url):
    parts = urlsplit(str(url))
    return f"{parts.scheme}://{parts.netloc}"


class Person:
    """A browser: localhost counts as secure, so Secure cookies travel over its http; cookies belong to a host name, and
    Lax ones stay at home when another site posts a form."""

    def __init__(self, by_script=("SAMLRequest", "SAMLResponse")):
        self.http = httpx.Client(follow_redirects=False, timeout=20)
        self.jars = {}
        self.by_script = by_script  # a form with such a field sends itself

    def request(self, method, url, headers=(), **more):
        headers = dict(headers)
        jar = self.jars.setdefault(urlsplit(url).hostname, {})
        strange = method == "POST" and urlsplit(headers.get("origin", url)).hostname != urlsplit(url).hostname
        headers["cookie"] = "; ".join(f"{name}={value}" for name, (value, lax) in jar.items() if not (lax and strange))
        answer = self.http.request(method, url, headers=headers, **more)
        self.http.cookies.clear()
        for header in answer.headers.get_list("set-cookie"):
            for name, morsel in http.cookies.SimpleCookie(header).items():
                jar[name] = (morsel.value, morsel["samesite"].lower() == "lax")
                if morsel["max-age"] == "0":
                    del jar[name]
        return answer

    def open(self, method, url, **more):
        """Follows redirects, and forms that send themselves, until a page or until the client's redirect URI."""
        for _ in range(20):
            answer = self.request(method, url, **more)
            if answer.has_redirect_location:
                url, method, more = urljoin(url, answer.headers["location"]), "GET", {}
                if url.startswith(APP):
                    return url
                continue
            form = next((f for f in Forms(answer.text).forms if any(name in f["fields"] for name in self.by_script)), None)
            if form is None:
                return answer
            more = {"data": form["fields"], "headers": {"origin": origin(url)}}
            url, method = urljoin(url, form["action"]), "POST"
        raise AssertionError("too many redirects")

    def send(self, at, body):
        """Sends the form of a page that another server, at `at`, has just given this browser."""
        form = Forms(body).forms[0]
        return self.open("POST", form["action"], data=form["fields"], headers={"origin": at})

    def submit(self, page, field, values, button=None):
        forms = Forms(page.text).forms
        form = next((f for f in forms if field in f["fields"] or field in [name for name, _ in f["buttons"]]), None)
        assert form, f"no form with {field} in:\n{page.status_code} {page.url}\n{page.text}"
        url = urljoin(str(page.url), form["action"])
        return self.open("POST", url, data={**form["fields"], **values, **(button or {})}, headers={"origin": origin(page.url)})

    def sign_in(self, url, email, password):
        page = self.open("GET", url)
        if isinstance(page, str):
            return page
        page = self.submit(page, "with", {"email": email}, {"with": "password"})
        page = self.submit(page, "password", {"email": email, "password": password})
        assert isinstance(page, str), f"not sent back to the client:\n{page.status_code} {page.url}\n{page.text}"
        return page


@pytest.fixture
def person():
    return Person()
