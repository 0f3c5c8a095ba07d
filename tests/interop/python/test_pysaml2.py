"""pysaml2 as the upstream: each way it can sign and encrypt, a certificate that rolls over, single logout in both
directions; each time a complete sign-in of a downstream client. It takes our requests only when they are signed well, and
reads our metadata."""

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
    "logout-by-form": ({}, {}),
    "portal": ({}, {"idp_initiated": True, "idp_initiated_client": "app", "idp_initiated_url": f"{APP}/start"}),
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


def started(idp, folder, connections):
    """gatehouse with these connections, which the provider then gets to know."""
    client = {"client_id": "app", "token_endpoint_auth_method": "none", "post_logout_redirect_uris": [f"{APP}/bye"], **CLIENT}
    gatehouse = Gatehouse(folder, tenant(clients=[client], connections=connections))
    idp.introduce(*[f"{gatehouse.url}/saml/acme/{c['name']}/metadata" for c in connections])
    return gatehouse


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
        if name == "logout-by-form":
            url = f"{url}?logout-by-form"
        connections.append(connection(name, {"metadata_url": url, **saml}))
    gatehouse = started(idp, tmp_path_factory.mktemp("gatehouse"), connections)
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


def test_a_tile_of_the_providers_portal_begins_a_sign_in_of_ours(gatehouse, idp):
    def press(name):
        person = Person()
        return person, person.send(idp.url, idp.tile(f"{gatehouse.url}/saml/acme/{name}/metadata", "ada"))

    _, page = press("both-signed")
    assert page.status_code == 400, "off, unless the connection says otherwise"
    asked = len(idp.requests)
    person, page = press("portal")
    assert len(idp.requests) == asked + 1 and "pending" in page.text, "the answer is not taken: we ask ourselves"
    assert person.submit(page, "login", {"login": "ada"}) == f"{APP}/start"
    assert is_signed_in(gatehouse, person)


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


def test_a_certificate_rolls_over_in_the_middle(tmp_path_factory):
    idp = Idp(tmp_path_factory.mktemp("rollover"))
    gatehouse = started(idp, tmp_path_factory.mktemp("gatehouse"), [connection("rolls", {"metadata_url": f"{idp.url}/metadata"})])
    refresh = lambda: gatehouse.run("connections", "refresh", "acme", "rolls")
    try:
        Way(gatehouse, "rolls").complete()
        first, second, third = idp.keys[0], Key(idp.folder, "second"), Key(idp.folder, "third")

        idp.published = [first, second]  # the next certificate is announced
        assert "added" in refresh()
        Way(gatehouse, "rolls").complete()

        under_way = Way(gatehouse, "rolls")
        page = under_way.to_provider()
        idp.keys.append(second)  # and used from now on, in the middle of a sign-in
        under_way.tokens(under_way.back(page, "ada"))

        idp.published = [second]
        assert "removed" in refresh()
        Way(gatehouse, "rolls").complete()
        idp.keys.append(first)
        refused(Way(gatehouse, "rolls"), "signature is not by any of the provider's certificates")

        idp.keys.append(third)
        idp.published = [third]  # out of the blue: an operator must look
        assert "HELD" in refresh()
        refused(Way(gatehouse, "rolls"), "signature is not by any of the provider's certificates")
        gatehouse.run("connections", "accept", "acme", "rolls", third.fingerprint())
        Way(gatehouse, "rolls").complete()
    finally:
        gatehouse.stop()
        idp.stop()


def alive(gatehouse, tokens):
    """Whether the refresh token still gets new ones."""
    form = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": tokens["refresh_token"]}
    answer = httpx.post(f"{gatehouse.url}/oauth2/token", data=form)
    tokens.update(answer.json())
    return answer.status_code == 200


def is_signed_in(gatehouse, person):
    """Whether gatehouse signs this browser in without asking."""
    answer = person.request("GET", f"{gatehouse.url}/account")
    return answer.status_code == 200 and "You are signed in" in answer.text


@pytest.mark.parametrize("binding", [BINDING_HTTP_REDIRECT, BINDING_HTTP_POST])
def test_the_provider_signs_somebody_out(binding, gatehouse, idp):
    ada, other = Way(gatehouse, "both-signed"), Way(gatehouse, "both-signed")
    others, _ = other.complete("grace")
    tokens, _ = ada.complete("ada")
    assert alive(gatehouse, tokens) and is_signed_in(gatehouse, ada.person)
    idp.refusals.clear()

    before = len(idp.logout_answers)
    status, headers, body = idp.logout("both-signed", binding)
    page = ada.person.open("GET", headers["location"]) if status == 303 else ada.person.send(idp.url, body)
    assert "signed out everywhere" in page.text, f"{page.status_code} {page.url}\n{page.text}\n{''.join(gatehouse.log[-5:])}"
    assert len(idp.logout_answers) == before + 1 and idp.refusals == []
    assert not is_signed_in(gatehouse, ada.person) and not alive(gatehouse, tokens)
    assert is_signed_in(gatehouse, other.person) and alive(gatehouse, others), "another person's session stays"


@pytest.mark.parametrize("name", ["both-signed", "email-name-id", "logout-by-form"])
def test_signing_out_here_signs_out_there(name, gatehouse, idp):
    way = Way(gatehouse, name)
    tokens, _ = way.complete("ada")
    entity_id, name_id, index = idp.sessions[-1]
    ended = len(idp.ended)
    idp.refusals.clear()
    query = f"id_token_hint={tokens['id_token']}&post_logout_redirect_uri={APP}/bye&state=s"
    landed = way.person.open("GET", f"{gatehouse.url}/oauth2/logout?{query}")
    assert landed == f"{APP}/bye?state=s", f"{landed} {getattr(landed, 'text', '')}\n{idp.refusals}\n{''.join(gatehouse.log[-5:])}"
    assert idp.ended[ended:] == [(name_id.text, [index])], "pysaml2 has verified the request"
    assert not is_signed_in(gatehouse, way.person) and not alive(gatehouse, tokens)
    assert "pending" in way.to_provider().text, "the provider asks again too"
