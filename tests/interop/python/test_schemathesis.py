"""schemathesis against the OpenAPI document: whatever it asks, no 5xx, no status or shape that the document does not name."""

import json
import os
import re
import shutil
import subprocess
from urllib.parse import urlsplit

import httpx
import pytest

from conftest import Gatehouse, Person, tenant

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
PASSWORD = "correct horse battery staple"
TOKEN = "schemathesis-0123456789abcdef0123456789abcdef"

# One thing of each noun is called so: what is asked about one finds it, makes it anew or deletes it, and never the token that asks.
CONFIG = """
[parameters]
"path.tenant" = "acme"
"path.name" = "probe"
"""


def state():
    return tenant(
        users=[{"email": "ada@acme.example", "admin": True}, {"email": "bob@acme.example"}],
        connections=[{"name": "probe", "oidc": {"issuer": "https://idp.example", "client_id": "gatehouse", "client_secret": "x"}}],
        clients=[{"client_id": "probe", "redirect_uris": ["https://app.example/cb"]}],
        teams=[{"name": "probe", "members": ["bob@acme.example"]}],
        directories=[{"name": "probe"}],
        trusted_issuers=[{"name": "probe", "issuer": "https://i.example", "jwks_uri": "https://i.example/k", "audience": "any"}],
        external_identities=[{"name": "probe", "issuer": "probe", "claims": {"sub": "x"}}],
        virtual_accounts=[{"name": "probe"}],
        service_tokens=[{"name": "schemathesis", "token": TOKEN, "scopes": ["admin"]}, {"name": "probe", "scopes": ["admin"]}],
    )


def of_platform(gatehouse, tmp_path):
    """A personal token of somebody who administers the deployment, and whom nothing that is asked about the tenant shuts out."""
    home = {"name": "home", "users": [{"email": "root@home.example", "password": PASSWORD}]}
    (tmp_path / "home.yaml").write_text(json.dumps({"tenants": [home]}))
    gatehouse.run("apply", str(tmp_path / "home.yaml"))
    gatehouse.run("admin", "add", "root@home.example", "--tenant", "home", "--platform")
    person = Person()
    page = person.open("GET", f"{gatehouse.url}/login?tenant=home&to=/admin/_/tokens")
    page = person.submit(page, "with", {"email": "root@home.example"}, {"with": "password"})
    page = person.submit(page, "password", {"email": "root@home.example", "password": PASSWORD})
    page = person.submit(page, "name", {"name": "schemathesis", "scopes": "admin", "days": "1"})
    return re.search(r"ghp_[A-Za-z0-9_-]+", page.text).group()


def asked(report, paths):
    """The operations that the requests of a HAR file were for: of two paths that fit, the one that says more counts."""
    patterns = [(path, re.compile("/" + "/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in path.split("/")[1:]) + "$")) for path in paths]
    patterns.sort(key=lambda pair: pair[0].count("{"))
    found = set()
    for entry in json.loads(report.read_text())["log"]["entries"]:
        path = urlsplit(entry["request"]["url"]).path
        template = next((template for template, pattern in patterns if pattern.match(path)), None)
        found.add((entry["request"]["method"].lower(), template))
    return found


def granted(report, wanted):
    """Whether a request of a HAR file for this path was answered with 200."""
    entries = json.loads(report.read_text())["log"]["entries"]
    return any(urlsplit(e["request"]["url"]).path == wanted and e["response"]["status"] == 200 for e in entries)


@pytest.mark.parametrize("who", ["tenant", "platform"])
def test_the_document_is_kept(tmp_path, who):
    gatehouse = Gatehouse(tmp_path, state())
    try:
        token = TOKEN if who == "tenant" else of_platform(gatehouse, tmp_path)
        document = httpx.get(f"{gatehouse.url}/api/v1/openapi.json").json()
        assert document["openapi"].startswith("3.1") and len(document["paths"]) > 30
        program = shutil.which("schemathesis")
        config, har = tmp_path / "schemathesis.toml", tmp_path / "asked.har"
        config.write_text(CONFIG)
        done = subprocess.run(
            [program, "--config-file", config, "run", f"{gatehouse.url}/api/v1/openapi.json", "--header",
             f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing",
             "--max-examples", "5", "--max-time", "45", "--seed", "20261123", "--no-color", "--no-shrink",
             "--generation-database", "none", "--suppress-health-check", "all", "--continue-on-failure",
             "--report-har-path", har],
            cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False,
            env={**os.environ, "PYTHONUTF8": "1"},
        )
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
        # It did ask, everything there is, and was let in.
        every = {(method, path) for path, methods in document["paths"].items() for method in methods}
        assert not every - asked(har, document["paths"]), "nobody asked"
        if who == "platform":
            # It may have ended its own token on the way: that is one of the operations.
            assert granted(har, "/api/v1/keys") and granted(har, "/api/v1/tenants"), "what the platform alone may was refused"
            return
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{gatehouse.url}/api/v1/tenants/acme", headers=headers).status_code == 200
        log = httpx.get(f"{gatehouse.url}/api/v1/audit", params={"actor": "service token acme/schemathesis"}, headers=headers).json()
        assert log["entries"], json.dumps(log)
    finally:
        gatehouse.stop()
