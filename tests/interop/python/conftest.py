"""Starts the real program for the Python clients, and walks its pages as a person would."""

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
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx
import pytest

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # localhost speaks http here

ROOT = pathlib.Path(__file__).parents[3]
PROGRAM = os.environ.get("GATEHOUSE_BIN", str(ROOT / "target/debug/gatehouse"))
APP = "https://app.example/callback"
ADA = {"email": "ada@acme.example", "password": "correct horse battery staple"}
CONFIDENTIAL = ("python", "python-secret-0123456789")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="session")
def issuer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gatehouse")
    client = {"redirect_uris": [APP], "grant_types": ["authorization_code", "refresh_token"], "trusted": True}
    (folder / "apply.yaml").write_text(json.dumps({"tenants": [{
        "name": "acme", "display_name": "Acme", "domains": ["acme.example"], "provisioning": "jit",
        "clients": [
            {"client_id": CONFIDENTIAL[0], "name": "Python", "secret": CONFIDENTIAL[1], **client},
            {"client_id": "public", "name": "Public", "token_endpoint_auth_method": "none", **client},
        ],
        "users": [{**ADA, "name": "Ada Lovelace"}],
    }]}))
    for _ in range(5):
        url = f"http://localhost:{(port := free_port())}"
        program = subprocess.Popen([PROGRAM, "serve"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={
            "PATH": os.environ["PATH"],
            "GATEHOUSE_PUBLIC_URL": url,
            "GATEHOUSE_LISTEN": f"127.0.0.1:{port}",
            "GATEHOUSE_DATABASE_URL": f"sqlite://{folder}/gatehouse.db",
            "GATEHOUSE_KEYS_DIR": str(folder / "keys"),
            "GATEHOUSE_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "GATEHOUSE_APPLY": str(folder / "apply.yaml"),
        })
        log = []
        for line in program.stdout:
            log.append(line)
            if re.search(r"listening on http://\S+:\d+", line):
                threading.Thread(target=program.stdout.read, daemon=True).start()
                yield url
                program.terminate()
                assert program.wait(20) == 0
                return
        if "in use" not in "".join(log):
            break
    pytest.fail(f"gatehouse ended with {program.wait()} before it was ready:\n{''.join(log)}")


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


class Person:
    """A browser of one host: localhost counts as secure, so Secure cookies travel over its http."""

    def __init__(self):
        self.http = httpx.Client(follow_redirects=False, timeout=20)
        self.cookies = {}

    def request(self, method, url, headers=(), **more):
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.http.request(method, url, headers={**dict(headers), "cookie": cookie}, **more)
        self.http.cookies.clear()
        for header in answer.headers.get_list("set-cookie"):
            for name, morsel in http.cookies.SimpleCookie(header).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        return answer

    def open(self, method, url, **more):
        """Follows redirects until a page, or until the client's redirect URI."""
        for _ in range(20):
            answer = self.request(method, url, **more)
            if not answer.has_redirect_location:
                return answer
            url, method, more = urljoin(url, answer.headers["location"]), "GET", {}
            if url.startswith(APP):
                return url
        raise AssertionError("too many redirects")

    def submit(self, page, field, values, button=None):
        forms = Forms(page.text).forms
        form = next((f for f in forms if field in f["fields"] or field in [name for name, _ in f["buttons"]]), None)
        assert form, f"no form with {field} in:\n{page.status_code} {page.url}\n{page.text}"
        url = urljoin(str(page.url), form["action"])
        origin = str(page.url.copy_with(raw_path=b"/")).rstrip("/")
        return self.open("POST", url, data={**form["fields"], **values, **(button or {})}, headers={"origin": origin})

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
