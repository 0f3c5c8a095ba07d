"""Authlib as a downstream client: a complete sign-in, checked against the published keys, refresh and revocation."""

import httpx
import pytest
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.jwk import KeySet

from conftest import ADA, APP, CONFIDENTIAL


@pytest.fixture
def metadata(issuer):
    found = httpx.get(f"{issuer}/.well-known/openid-configuration").json()
    assert found["issuer"] == issuer
    return found


@pytest.fixture
def keys(metadata):
    return KeySet.import_key_set(httpx.get(metadata["jwks_uri"]).json())


def session(method):
    client_id, secret = ("public", None) if method == "none" else CONFIDENTIAL
    return OAuth2Client(
        client_id, secret, token_endpoint_auth_method=method, redirect_uri=APP,
        scope="openid email profile offline_access", code_challenge_method="S256",
    )


def sign_in(client, metadata, person):
    verifier, nonce = generate_token(64), generate_token(24)
    url, state = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
    answer = person.sign_in(url, **ADA)
    tokens = client.fetch_token(metadata["token_endpoint"], authorization_response=answer, code_verifier=verifier, state=state)
    return tokens, nonce


def verify(token, keys, **claims):
    decoded = jwt.decode(token, keys, algorithms=["RS256", "ES256", "EdDSA"])
    options = {name: {"essential": True, "value": value} for name, value in claims.items()}
    jwt.JWTClaimsRegistry(**options, exp={"essential": True}, iat={"essential": True}).validate(decoded.claims)
    return decoded


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_a_complete_sign_in(method, issuer, metadata, keys, person):
    client = session(method)
    tokens, nonce = sign_in(client, metadata, person)

    identity = verify(tokens["id_token"], keys, iss=issuer, nonce=nonce)
    assert identity.claims["aud"] == client.client_id
    assert identity.claims["email"] == ADA["email"]
    access = verify(tokens["access_token"], keys, iss=issuer)
    assert access.header["typ"] == "at+jwt"
    assert access.claims["client_id"] == client.client_id

    userinfo = client.get(metadata["userinfo_endpoint"]).json()
    assert userinfo["sub"] == identity.claims["sub"]
    assert userinfo["email"] == ADA["email"]


def test_refresh_and_revocation(issuer, metadata, keys, person):
    client = session("client_secret_basic")
    tokens, _ = sign_in(client, metadata, person)
    renewed = client.refresh_token(metadata["token_endpoint"], refresh_token=tokens["refresh_token"])
    assert renewed["refresh_token"] != tokens["refresh_token"]
    verify(renewed["access_token"], keys, iss=issuer)

    seen = client.introspect_token(metadata["introspection_endpoint"], token=renewed["access_token"]).json()
    assert seen["active"] is True
    assert client.revoke_token(metadata["revocation_endpoint"], token=renewed["refresh_token"]).status_code == 200
    with pytest.raises(OAuthError) as refused:
        client.refresh_token(metadata["token_endpoint"], refresh_token=renewed["refresh_token"])
    assert refused.value.error == "invalid_grant"


def test_a_code_is_good_once(metadata, person):
    client = session("none")
    verifier = generate_token(64)
    url, state = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
    answer = person.sign_in(url, **ADA)
    client.fetch_token(metadata["token_endpoint"], authorization_response=answer, code_verifier=verifier, state=state)
    with pytest.raises(OAuthError) as refused:
        client.fetch_token(metadata["token_endpoint"], authorization_response=answer, code_verifier=verifier, state=state)
    assert refused.value.error == "invalid_grant"
