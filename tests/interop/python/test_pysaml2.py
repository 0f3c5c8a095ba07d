"""pysaml2 as the upstream: each way it can sign and encrypt, a certificate that rolls over, single logout in both
directions; each time a complete sign-in of a downstream client. It takes our requests only when they are signed well, and
reads our metadata."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.jwk import KeySet
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, md

from conftest import APP, CLIENT, Gatehouse, Person, tenant
from saml_idp import AES128_CBC, AES256_GCM, PEOPLE, SHA1, Idp, Key

RESPONSE, ASSERTION = {"sign_response": True, "sign_assertion": False}, {"sign_response": False, "sign_assertion": True}
# How the provider answers over each connection, and what the connection says beside the usual.
SHAPES = {
    "response-signed": ({"sign": RESPONSE}, {}),
    "assertion-signed": ({"sign": ASSERTION}, {}),
    "both-signed": ({}, {}),
    "encrypted": ({"encrypt": AES256_GCM}, {"want_encrypted": True}),
    "encrypted-in-unsigned": ({"encrypt": AES256_GCM, "sign": ASSERTION}, {}),
    "encrypted-cbc": ({"encrypt": AES128_CBC}, {}),
    "email-name-id": ({}, {"name_id_format": "emailAddress"}),
    "persistent-name-id": ({}, {"name_id_format": "persistent"}),
    "request-by-form": ({}, {"request_binding": "post"}),
    "sha1-allowed": ({"sign": SHA1}, {"allow_sha1": True}),
    "signed-metadata": ({}, {}),
}
OTHERS = {
    "sha1": ({"sign": SHA1}, {}),
    "cbc-in-unsigned": ({"encrypt": AES128_CBC, "sign": ASSERTION}, {}),
    "wants-encrypted": ({}, {"want_encrypted": True}),
}


def connection(name, saml, **more):
    return {
        "name": name, "protocol": "saml", "button_text": name, "email_trust": "domain",
        "email_claim": "urn:oid:0.9.2342.19200300.100.1.3",
        "given_name_claim": "urn:oid:2.5.4.42", "family_name_claim": "urn:oid:2.5.4.4",
        "groups_claim": "urn:oid:1.3.6.1.4.1.5923.1.5.1.1", "saml": saml, **more,
    }


@pytest.fixture(scope="module")
def idp(tmp_path_factory):
    idp = Idp(tmp_path_factory.mktemp("pysaml2"))
    yield idp
    idp.stop()


@pytest.fixture(scope="module")
def gatehouse(idp, tmp_path_factory):
    connections = []
    for name, (habit, saml) in {**SHAPES, **OTHERS}.items():
        idp.habits[name] = habit
        url = f"{idp.url}/metadata"
        if name == "signed-metadata":
            url, saml = f"{url}?signed", {"metadata_certificates": [idp.keys[0].text()]}
        connections.append(connection(name, {"metadata_url": url, **saml}))
    client = {"client_id": "app", "token_endpoint_auth_method": "none", **CLIENT}
    gatehouse = Gatehouse(tmp_path_factory.mktemp("gatehouse"), tenant(clients=[client], connections=connections))
    idp.introduce(*[f"{gatehouse.url}/saml/acme/{name}/metadata" for name in [*SHAPES, *OTHERS]])
    yield gatehouse
    gatehouse.stop()


class Way:
    """A sign-in of the downstream client, step by step."""

    def __init__(self, gatehouse, name, person=None, **more):
        self.gatehouse, self.person = gatehouse, person or Person()
        self.client = OAuth2Client(
            "app", token_endpoint_auth_method="none", redirect_uri=APP, code_challenge_method="S256",
            scope="openid email profile groups offline_access")
        self.verifier, self.nonce = generate_token(64), generate_token(24)
        self.start, self.state = self.client.create_authorization_url(
            f"{gatehouse.url}/oauth2/authorize", code_verifier=self.verifier, nonce=self.nonce, idp_hint=name, **more)

    def to_provider(self):
        page = self.person.open("GET", self.start)
        assert "pending" in page.text, f"not at the provider: {page.status_code} {page.url}\n{page.text}"
        return page

    def back(self, page, login):
        return self.person.submit(page, "login", {"login": login})

    def tokens(self, answer):
        assert isinstance(answer, str), f"not sent back to the client: {answer.status_code} {answer.url}\n{answer.text}\n{''.join(self.gatehouse.log[-5:])}"
        tokens = self.client.fetch_token(
            f"{self.gatehouse.url}/oauth2/token", authorization_response=answer, code_verifier=self.verifier, state=self.state)
        keys = KeySet.import_key_set(httpx.get(f"{self.gatehouse.url}/oauth2/jwks").json())
        claims = jwt.decode(tokens["id_token"], keys, algorithms=["RS256", "ES256"]).claims
        assert claims["nonce"] == self.nonce
        return tokens, claims

    def complete(self, login="ada"):
        return self.tokens(self.back(self.to_provider(), login))


def refused(way, cause, login="ada"):
    answer = way.back(way.to_provider(), login)
    assert not isinstance(answer, str) and 400 <= answer.status_code < 500, answer
    way.gatehouse.logged(cause)


@pytest.mark.parametrize("name", SHAPES)
def test_a_complete_sign_in(name, gatehouse, idp):
    for login in PEOPLE:
        _, claims = Way(gatehouse, name).complete(login)
        person = PEOPLE[login]
        assert claims["email"] == person["mail"]
        assert claims["name"] == f"{person['givenName']} {person['sn']}"
        assert claims["groups"] == person["isMemberOf"]
    assert idp.refusals == []


def test_the_same_person_is_the_same_user_over_every_connection(gatehouse):
    subjects = {Way(gatehouse, name).complete("ada")[1]["sub"] for name in ["both-signed", "encrypted", "email-name-id"]}
    assert len(subjects) == 1, "linked by the address within the tenant's domain"
    assert Way(gatehouse, "both-signed").complete("grace")[1]["sub"] not in subjects


def test_two_tabs_of_one_browser_both_finish(gatehouse, idp):
    person = Person()
    tabs = [Way(gatehouse, name, person) for name in ["both-signed", "encrypted"]]
    pages = [tab.to_provider() for tab in tabs]
    for tab, page in reversed(list(zip(tabs, pages))):
        assert tab.tokens(tab.back(page, "ada"))[1]["email"] == "ada@acme.example"


def test_the_requests_say_what_was_asked_for(gatehouse, idp):
    person = Person()
    Way(gatehouse, "persistent-name-id", person).complete()
    first = idp.requests[-1].message
    assert first.name_id_policy.format.endswith(":persistent")
    assert first.issuer.text == f"{gatehouse.url}/saml/acme/persistent-name-id/metadata"
    assert first.destination == f"{idp.url}/sso"
    assert first.assertion_consumer_service_url in (None, f"{gatehouse.url}/oauth2/callback")
    assert first.force_authn in (None, "false")
    again = Way(gatehouse, "persistent-name-id", person, prompt="login")
    again.tokens(again.back(again.to_provider(), "ada"))  # asked again, although the provider has a session
    assert idp.requests[-1].message.force_authn == "true"
    assert idp.refusals == []


@pytest.mark.parametrize("name, cause", [
    ("sha1", "(?i)sha-?1"),
    ("cbc-in-unsigned", "(?i)cbc"),
    ("wants-encrypted", "(?i)encrypted"),
])
def test_what_is_weaker_than_the_connection_allows_is_refused(name, cause, gatehouse):
    refused(Way(gatehouse, name), cause)


def test_an_answer_is_good_once_and_in_its_own_browser(gatehouse):
    def up_to_the_answer():
        way = Way(gatehouse, "both-signed", Person(by_script=("SAMLRequest",)))
        return way, way.back(way.to_provider(), "ada")

    way, page = up_to_the_answer()
    thief = Person()
    answer = thief.submit(page, "SAMLResponse", {})
    assert not isinstance(answer, str) and 400 <= answer.status_code < 500, "another browser"
    way.person.by_script += ("SAMLResponse",)
    first = way.person.submit(page, "SAMLResponse", {})
    way.tokens(first)
    again = way.person.submit(page, "SAMLResponse", {})
    assert not isinstance(again, str) and 400 <= again.status_code < 500, "a second time"


def test_our_metadata_is_what_pysaml2_expects(gatehouse, idp):
    url = f"{gatehouse.url}/saml/acme/encrypted/metadata"
    answer = httpx.get(url)
    assert answer.headers["content-type"].startswith("application/samlmetadata+xml")
    entity = md.entity_descriptor_from_string(answer.text)
    assert entity.entity_id == url and entity.verify()
    [sp] = entity.spsso_descriptor
    assert sp.authn_requests_signed == "true"
    assert {k.use for k in sp.key_descriptor} == {"signing", "encryption"}
    assert [(a.binding, a.location) for a in sp.assertion_consumer_service] == [(BINDING_HTTP_POST, f"{gatehouse.url}/oauth2/callback")]
    slo = f"{gatehouse.url}/saml/acme/encrypted/slo"
    assert {(s.binding, s.location) for s in sp.single_logout_service} == {(BINDING_HTTP_REDIRECT, slo), (BINDING_HTTP_POST, slo)}
