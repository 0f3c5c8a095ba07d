// Back-channel logout as a client's back end gets it, judged by jose and not by us: whom the logout token is for and about,
// what it says, how long, by whose key, and that it is nothing else (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';

import { Browser } from './lib/browser.mjs';
import { discover, oidc, signIn } from './lib/client.mjs';
import { Gatehouse } from './lib/gatehouse.mjs';
import { byPassword } from './lib/journey.mjs';
import { ADA, APP, GRACE, client, state, tenant } from './lib/state.mjs';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const ALGS = { rp: 'RS256', 'rp-es256': 'ES256', 'rp-eddsa': 'EdDSA' };
let gatehouse;
let server;
const heard = new Map();

before(async () => {
  server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const name = request.url.slice(1);
    heard.set(name, [...(heard.get(name) ?? []), { type: request.headers['content-type'], form: new URLSearchParams(body) }]);
    response.writeHead(200, { 'cache-control': 'no-store' }).end();
    server.emit('heard');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const at = `http://127.0.0.1:${server.address().port}`;
  const clients = Object.entries(ALGS).map(([name, id_token_alg]) =>
    client(name, { token_endpoint_auth_method: 'none', id_token_alg, backchannel_logout_uri: `${at}/${name}` }));
  gatehouse = await Gatehouse.start({ apply: state(tenant({ clients })) });
});
after(async () => {
  await gatehouse?.stop();
  server?.close();
});

async function logoutToken(name) {
  const signal = AbortSignal.timeout(20_000);
  while (!heard.get(name)?.length) await once(server, 'heard', { signal });
  const { type, form } = heard.get(name).shift();
  assert.match(type, /^application\/x-www-form-urlencoded/);
  assert.deepEqual([...form.keys()], ['logout_token']);
  return form.get('logout_token');
}

const configOf = (name) => discover(gatehouse.url, name, { token_endpoint_auth_method: 'none', id_token_signed_response_alg: ALGS[name] });

test('discovery says that there is back-channel logout, with sessions', async () => {
  const metadata = (await configOf('rp')).serverMetadata();
  assert.equal(metadata.backchannel_logout_supported, true);
  assert.equal(metadata.backchannel_logout_session_supported, true);
});

for (const [name, alg] of Object.entries(ALGS)) {
  test(`a client whose ID tokens are ${alg} is told with a logout token that its library accepts`, async () => {
    const config = await configOf(name);
    const browser = new Browser({ stops: ['https://app.example/'] });
    const { tokens } = await signIn(config, APP, (url) => byPassword(browser, url, ADA));
    const began = Math.floor(Date.now() / 1000);
    const page = await browser.open(oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token }));
    if (!page.stopped && page.form('csrf')) await browser.submit(page, page.form('csrf'));
    const token = await logoutToken(name);

    const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
    const { payload } = await jwtVerify(token, keys, {
      issuer: gatehouse.url,
      audience: name,
      typ: 'logout+jwt',
      algorithms: [alg],
      maxTokenAge: '2 minutes',
      requiredClaims: ['iss', 'aud', 'iat', 'exp', 'jti', 'events', 'sub', 'sid'],
    });
    assert.deepEqual(payload.events, { [EVENT]: {} });
    assert.equal(payload.sub, tokens.claims().sub);
    assert.equal(payload.sid, tokens.claims().sid);
    assert.ok(payload.iat >= began - 1 && payload.exp > payload.iat && payload.exp - payload.iat <= 120, JSON.stringify(payload));
    assert.equal(payload.nonce, undefined, 'a nonce would let it pass for an ID token');
    assert.ok(decodeProtectedHeader(token).kid);

    // It is nothing else, to the library and to us.
    await assert.rejects(jwtVerify(token, keys, { typ: 'JWT' }));
    await assert.rejects(jwtVerify(token, keys, { typ: 'at+jwt' }));
    await assert.rejects(jwtVerify(token, keys, { audience: 'another' }));
    await assert.rejects(jwtVerify(`${token.slice(0, -8)}AAAAAAAA`, keys));
    const answer = await fetch(`${gatehouse.url}/oauth2/userinfo`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 401);
  });
}

test('whoever is signed in elsewhere hears nothing of it', async () => {
  const config = await configOf('rp');
  const browsers = [ADA, GRACE].map((person) => [person, new Browser({ stops: ['https://app.example/'] })]);
  const signedIn = await Promise.all(browsers.map(([person, browser]) => signIn(config, APP, (url) => byPassword(browser, url, person))));
  const page = await browsers[0][1].open(oidc.buildEndSessionUrl(config, { id_token_hint: signedIn[0].tokens.id_token }));
  if (!page.stopped && page.form('csrf')) await browsers[0][1].submit(page, page.form('csrf'));
  const token = await logoutToken('rp');
  const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri)), { audience: 'rp' });
  assert.equal(payload.sid, signedIn[0].tokens.claims().sid);
  assert.notEqual(payload.sid, signedIn[1].tokens.claims().sid);
  assert.deepEqual(heard.get('rp'), []);
  const still = await oidc.fetchUserInfo(config, signedIn[1].tokens.access_token, signedIn[1].tokens.claims().sub);
  assert.equal(still.email, GRACE.email);
});
