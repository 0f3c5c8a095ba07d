// The npm package openid-client as a downstream client: discovery, code and PKCE, ID token, userinfo, refresh,
// introspection, revocation and logout, for each way a client can prove who it is.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createRemoteJWKSet, decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify } from 'jose';

import { Browser } from './lib/browser.mjs';
import { discover, oidc, signIn } from './lib/client.mjs';
import { Gatehouse } from './lib/gatehouse.mjs';
import { byPassword, consent } from './lib/journey.mjs';
import { ADA, APP, client, state, tenant } from './lib/state.mjs';

const GOODBYE = 'https://app.example/goodbye';
let gatehouse;
let keyPair;

before(async () => {
  keyPair = await generateKeyPair('ES256', { extractable: true });
  const jwks = { keys: [{ ...(await exportJWK(keyPair.publicKey)), kid: 'client-key', alg: 'ES256', use: 'sig' }] };
  const more = { post_logout_redirect_uris: [GOODBYE] };
  gatehouse = await Gatehouse.start({
    apply: state(tenant({
      teams: [{ name: 'sre', members: [ADA.email] }],
      clients: [
        client('basic', { secret: 'basic-secret-0123456789', token_endpoint_auth_method: 'client_secret_basic', ...more }),
        client('post', { secret: 'post-secret-0123456789', token_endpoint_auth_method: 'client_secret_post', ...more }),
        client('jwt', { token_endpoint_auth_method: 'private_key_jwt', jwks, ...more }),
        client('public', { token_endpoint_auth_method: 'none', ...more }),
        client('stranger', { secret: 'stranger-secret-0123', trusted: false }),
        client('es256', { token_endpoint_auth_method: 'none', id_token_alg: 'ES256' }),
        client('eddsa', { token_endpoint_auth_method: 'none', id_token_alg: 'EdDSA', access_token_alg: 'EdDSA' }),
      ],
    })),
  });
});
after(() => gatehouse?.stop());

const walker = (browser = new Browser({ stops: ['https://app.example/'] })) => (url) => byPassword(browser, url, ADA);

const WAYS = {
  basic: () => [{}, oidc.ClientSecretBasic('basic-secret-0123456789')],
  post: () => [{}, oidc.ClientSecretPost('post-secret-0123456789')],
  jwt: () => [{}, oidc.PrivateKeyJwt({ key: keyPair.privateKey, kid: 'client-key' })],
  public: () => [{ token_endpoint_auth_method: 'none' }, oidc.None()],
};

for (const [clientId, way] of Object.entries(WAYS)) {
  describe(`a client that authenticates by ${clientId}`, () => {
    let config;
    let browser;
    let tokens;
    let callback;
    before(async () => {
      config = await discover(gatehouse.url, clientId, ...way());
      browser = new Browser({ stops: ['https://app.example/'] });
      ({ tokens, callback } = await signIn(config, APP, walker(browser)));
    });

    test('gets an ID token that its library accepts, and iss in the answer (RFC 9207)', () => {
      const claims = tokens.claims();
      assert.equal(claims.iss, gatehouse.url);
      assert.equal(claims.aud, clientId);
      assert.equal(claims.email, ADA.email);
      assert.equal(claims.tenant, 'acme');
      assert.equal(callback.searchParams.get('iss'), gatehouse.url);
      assert.equal(decodeProtectedHeader(tokens.id_token).alg, 'RS256');
      assert.equal(tokens.token_type, 'bearer');
    });

    test('gets an access token as RFC 9068 has it', async () => {
      const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
      const { payload, protectedHeader } = await jwtVerify(tokens.access_token, keys, { issuer: gatehouse.url, typ: 'at+jwt' });
      assert.equal(protectedHeader.alg, 'ES256');
      assert.equal(payload.client_id, clientId);
      for (const claim of ['sub', 'aud', 'exp', 'iat', 'jti', 'scope']) assert.ok(payload[claim], claim);
      assert.equal(payload.exp - payload.iat, 86_400);
    });

    test('reads userinfo', async () => {
      const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
      assert.equal(userinfo.email, ADA.email);
      assert.equal(userinfo.name, 'Ada Lovelace');
    });

    test('refreshes, and the new tokens are for the same person', async () => {
      const before = tokens;
      tokens = await oidc.refreshTokenGrant(config, before.refresh_token);
      assert.notEqual(tokens.refresh_token, before.refresh_token);
      assert.notEqual(tokens.access_token, before.access_token);
      if (tokens.id_token) assert.equal(tokens.claims().sub, before.claims().sub);
    });

    test('introspects and revokes', { skip: clientId === 'public' && 'a public client may not introspect' }, async () => {
      const seen = await oidc.tokenIntrospection(config, tokens.access_token);
      assert.equal(seen.active, true);
      assert.equal(seen.client_id, clientId);
      await oidc.tokenRevocation(config, tokens.refresh_token);
      assert.equal((await oidc.tokenIntrospection(config, tokens.refresh_token)).active, false);
      await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });
    });

    test('signs out at gatehouse and comes back', async () => {
      ({ tokens } = await signIn(config, APP, walker(browser)));
      const url = oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: GOODBYE, state: 'bye' });
      let page = await browser.open(url);
      if (!page.stopped) page = await browser.submit(page, page.form('csrf'));
      assert.ok(page.stopped, page.describe());
      assert.equal(page.stopped.href, `${GOODBYE}?state=bye`);
      const again = await browser.open(oidc.buildAuthorizationUrl(config, {
        redirect_uri: APP, scope: 'openid', prompt: 'none', state: 's',
        code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()), code_challenge_method: 'S256',
      }));
      assert.equal(again.stopped?.searchParams.get('error'), 'login_required', again.describe());
      assert.deepEqual(browser.cookies.refused, []);
    });
  });
}

for (const [clientId, alg] of [['public', 'RS256'], ['es256', 'ES256'], ['eddsa', 'EdDSA']]) {
  test(`ID tokens can be signed with ${alg}`, async () => {
    const config = await discover(gatehouse.url, clientId, { token_endpoint_auth_method: 'none', id_token_signed_response_alg: alg });
    oidc.enableNonRepudiationChecks(config); // checks signatures against the published keys
    const { tokens } = await signIn(config, APP, walker());
    assert.equal(decodeProtectedHeader(tokens.id_token).alg, alg);
    assert.equal(tokens.claims().email, ADA.email);
  });
}

test('teams are told when groups are asked for, and nothing that was not asked for', async () => {
  const config = await discover(gatehouse.url, 'public', ...WAYS.public());
  const { tokens } = await signIn(config, APP, walker(), { scope: 'openid groups' });
  const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  for (const claims of [tokens.claims(), userinfo]) {
    assert.deepEqual(claims.teams, ['sre']);
    for (const claim of ['groups', 'email', 'name']) assert.equal(claims[claim], undefined, claim);
  }
});

test('a second sign-in in the same browser asks for nothing', async () => {
  const browser = new Browser({ stops: ['https://app.example/'] });
  const config = await discover(gatehouse.url, 'public', ...WAYS.public());
  const first = await signIn(config, APP, walker(browser));
  const second = await signIn(config, APP, (url) => browser.open(url));
  assert.equal(second.tokens.claims().sub, first.tokens.claims().sub);
  assert.equal(second.tokens.claims().auth_time, first.tokens.claims().auth_time);
});

test('a client that is not trusted needs the consent of the person, who may deny it', async () => {
  const config = await discover(gatehouse.url, 'stranger', {}, oidc.ClientSecretPost('stranger-secret-0123'));
  const browser = new Browser({ stops: ['https://app.example/'] });
  const start = async (extra) => oidc.buildAuthorizationUrl(config, {
    redirect_uri: APP, scope: 'openid email', state: 's', ...extra,
    code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()), code_challenge_method: 'S256',
  });
  let page = await browser.open(await start());
  page = await browser.submit(page, page.form('with', 'password'), { email: ADA.email }, ['with', 'password']);
  page = await browser.submit(page, page.form('password'), ADA);
  assert.ok(page.form('decision', 'allow'), `no consent page:\n${page.describe()}`);
  const denied = await consent(browser, page, 'deny');
  assert.equal(denied.stopped?.searchParams.get('error'), 'access_denied', denied.describe());
  assert.equal(denied.stopped.searchParams.get('iss'), gatehouse.url);

  const { tokens } = await signIn(config, APP, async (url) => consent(browser, await browser.open(url)), { scope: 'openid email' });
  assert.equal(tokens.claims().email, ADA.email);
});

test('response_mode=form_post brings the answer in a form', async () => {
  const config = await discover(gatehouse.url, 'public', ...WAYS.public());
  const browser = new Browser({ stops: ['https://app.example/'] });
  const page = await byPassword(browser, oidc.buildAuthorizationUrl(config, {
    redirect_uri: APP, scope: 'openid', state: 'posted', response_mode: 'form_post',
    code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()), code_challenge_method: 'S256',
  }), ADA);
  assert.equal(page.stopped?.href, APP, page.describe());
  assert.equal(page.posted.get('state'), 'posted');
  assert.equal(page.posted.get('iss'), gatehouse.url);
  assert.ok(page.posted.get('code'));
});

describe('what its checks are for', () => {
  const setUp = async (clientId = 'public') => discover(gatehouse.url, clientId, ...WAYS[clientId]());

  test('a wrong nonce, state or issuer is noticed by the client', async () => {
    const config = await setUp();
    const { callback, checks } = await signIn(config, APP, walker());
    const code = (change) => {
      const url = new URL(callback);
      change(url.searchParams);
      return url;
    };
    await assert.rejects(oidc.authorizationCodeGrant(config, code((q) => q.set('state', 'x')), checks));
    await assert.rejects(oidc.authorizationCodeGrant(config, code((q) => q.set('iss', 'https://evil.example')), checks));
    await assert.rejects(oidc.authorizationCodeGrant(config, code((q) => q.delete('iss')), checks));
  });

  test('a code is worth nothing with another verifier, another redirect URI or a second time', async () => {
    const config = await setUp();
    for (const change of [
      { checks: { pkceCodeVerifier: oidc.randomPKCECodeVerifier() } },
      { checks: {}, after: true },
    ]) {
      const verifier = oidc.randomPKCECodeVerifier();
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: APP, scope: 'openid', state: 's',
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
      });
      const { stopped } = await byPassword(new Browser({ stops: ['https://app.example/'] }), url, ADA);
      const checks = { pkceCodeVerifier: verifier, expectedState: 's', ...change.checks };
      if (change.after) await oidc.authorizationCodeGrant(config, stopped, checks);
      await assert.rejects(oidc.authorizationCodeGrant(config, stopped, checks), { error: 'invalid_grant' });
    }
  });

  test('a public client without PKCE is refused', async () => {
    const config = await setUp();
    const page = await new Browser({ stops: ['https://app.example/'] }).open(oidc.buildAuthorizationUrl(config, { redirect_uri: APP, scope: 'openid', state: 's' }));
    assert.equal(page.stopped?.searchParams.get('error'), 'invalid_request', page.describe());
  });

  test('a used refresh token kills its family', async () => {
    const config = await setUp('basic');
    const { tokens } = await signIn(config, APP, walker());
    const second = await oidc.refreshTokenGrant(config, tokens.refresh_token);
    const third = await oidc.refreshTokenGrant(config, second.refresh_token);
    await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });
    await assert.rejects(oidc.refreshTokenGrant(config, third.refresh_token), { error: 'invalid_grant' });
  });

  test('a wrong secret is invalid_client', async () => {
    const config = await discover(gatehouse.url, 'basic', {}, oidc.ClientSecretBasic('wrong'));
    await assert.rejects(oidc.refreshTokenGrant(config, 'anything'), (e) => e.status === 401 || e.error === 'invalid_client' || e.cause?.status === 401);
  });

  test('a redirect URI that is not registered shows a page and sends nobody anywhere', async () => {
    const config = await setUp();
    const page = await new Browser({ stops: ['https://'] }).open(oidc.buildAuthorizationUrl(config, { redirect_uri: `${APP}/`, scope: 'openid', state: 's' }));
    assert.equal(page.stopped, null);
    assert.equal(page.status, 400);
  });
});
