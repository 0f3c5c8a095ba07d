// The peers without gatehouse: openid-client signs in at oidc-provider, driven by our own browser. When this fails,
// the tests are at fault and not the program.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { decodeProtectedHeader, exportJWK, generateKeyPair } from 'jose';

import { Browser } from './lib/browser.mjs';
import { discover, oidc, signIn } from './lib/client.mjs';
import { throughUpstream } from './lib/journey.mjs';
import { Upstream } from './lib/upstream.mjs';

const REDIRECT = 'https://app.example/callback';
const common = { redirect_uris: [REDIRECT], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'] };
let upstream;
let keyPair;

before(async () => {
  keyPair = await generateKeyPair('RS256', { extractable: true });
  const jwks = { keys: [{ ...(await exportJWK(keyPair.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }] };
  upstream = await Upstream.start({
    clients: [
      { ...common, client_id: 'basic', client_secret: 'basic-secret', token_endpoint_auth_method: 'client_secret_basic' },
      { ...common, client_id: 'post', client_secret: 'post-secret', token_endpoint_auth_method: 'client_secret_post' },
      { ...common, client_id: 'jwt', jwks, token_endpoint_auth_method: 'private_key_jwt', request_object_signing_alg: 'RS256', require_signed_request_object: true },
    ],
  });
});
after(() => upstream?.stop());

function walker() {
  const browser = new Browser({ stops: [REDIRECT] });
  return async (url) => throughUpstream(browser, await browser.open(url), 'ada');
}

test('a sign-in with client_secret_basic', async () => {
  const config = await discover(upstream.issuer, 'basic', {}, oidc.ClientSecretBasic('basic-secret'));
  const { tokens } = await signIn(config, REDIRECT, walker());
  assert.equal(tokens.claims().sub, 'ada');
  const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, 'ada');
  assert.equal(userinfo.email, 'ada@acme.example');
});

test('a sign-in with client_secret_post', async () => {
  const config = await discover(upstream.issuer, 'post', {}, oidc.ClientSecretPost('post-secret'));
  const { tokens } = await signIn(config, REDIRECT, walker());
  assert.equal(tokens.claims().sub, 'ada');
});

test('a sign-in with private_key_jwt and a signed request object', async () => {
  const key = { key: keyPair.privateKey, kid: 'k1' };
  const config = await discover(upstream.issuer, 'jwt', {}, oidc.PrivateKeyJwt(key));
  const browser = new Browser({ stops: [REDIRECT] });
  const verifier = oidc.randomPKCECodeVerifier();
  const parameters = { redirect_uri: REDIRECT, scope: 'openid email', code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' };
  const plain = await browser.open(oidc.buildAuthorizationUrl(config, parameters));
  assert.match(plain.stopped?.href ?? plain.text, /invalid_request|Request Object/i);
  const url = await oidc.buildAuthorizationUrlWithJAR(config, parameters, key);
  const page = await throughUpstream(browser, await browser.open(url), 'ada');
  const tokens = await oidc.authorizationCodeGrant(config, page.stopped, { pkceCodeVerifier: verifier });
  assert.equal(tokens.claims().sub, 'ada');
});

test('keys rotate without a restart, in the middle of a sign-in', async () => {
  const config = await discover(upstream.issuer, 'basic', {}, oidc.ClientSecretBasic('basic-secret'));
  const browser = new Browser({ stops: [REDIRECT] });
  const { tokens } = await signIn(config, REDIRECT, async (url) => {
    const page = await browser.open(url);
    await upstream.rotateKeys();
    return throughUpstream(browser, page, 'ada');
  });
  assert.equal(decodeProtectedHeader(tokens.id_token).kid, 'rs256-2');
});
