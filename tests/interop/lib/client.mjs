// The npm package openid-client (and oauth4webapi beneath it) as a downstream client.
import * as oidc from 'openid-client';

import { arrived } from './journey.mjs';

export { oidc };

/** Discovers the issuer; `auth` is one of openid-client's client authentications. */
export async function discover(issuer, clientId, metadata = {}, auth = oidc.None()) {
  const config = await oidc.discovery(new URL(issuer), clientId, metadata, auth, { execute: [oidc.allowInsecureRequests] });
  return config;
}

/** A complete authorization code sign-in. `walk(url)` brings a browser from the URL to the client's redirect URI. */
export async function signIn(config, redirectUri, walk, { scope = 'openid email profile offline_access', ...extra } = {}) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const expectedState = oidc.randomState();
  const expectedNonce = oidc.randomNonce();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    ...extra,
  });
  const callback = arrived(await walk(url), redirectUri);
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  return { callback, checks, tokens: await oidc.authorizationCodeGrant(config, callback, checks) };
}
