"""schemathesis against the OpenAPI document: whatever it asks, no 5xx, no status or shape that the document does not name."""

import json
import os
import shutil
import subprocess

import httpx

from conftest import Gatehouse, tenant

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
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


def test_the_document_is_kept(tmp_path):
    gatehouse = Gatehouse(tmp_path, state())
    try:
        document = httpx.get(f"{gatehouse.url}/api/v1/openapi.json").json()
        assert document["openapi"].startswith("3.1") and len(document["paths"]) > 30
        program = shutil.which("schemathesis")
        config = tmp_path / "schemathesis.toml"
        config.write_text(CONFIG)
        done = subprocess.run(
            [program, "--config-file", config, "run", f"{gatehouse.url}/api/v1/openapi.json", "--header",
             f"Authorization: Bearer {TOKEN}", "--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing",
             "--max-examples", "5", "--max-time", "45", "--seed", "20261123", "--no-color", "--no-shrink",
             "--generation-database", "none", "--suppress-health-check", "all", "--continue-on-failure"],
            cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False,
            env={**os.environ, "PYTHONUTF8": "1"},
        )
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
        # It did ask, and was let in.
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert httpx.get(f"{gatehouse.url}/api/v1/tenants/acme", headers=headers).status_code == 200
        log = httpx.get(f"{gatehouse.url}/api/v1/audit?actor=service%20token%20acme/schemathesis", headers=headers).json()
        assert log["entries"], json.dumps(log)
    finally:
        gatehouse.stop()
