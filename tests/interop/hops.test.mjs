// The control-plane hops H1 to H9, byte for byte as promised: status codes, headers, names and cookies.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';

import { Browser } from './lib/browser.mjs';
import { Gatehouse } from './lib/gatehouse.mjs';
import { throughUpstream } from './lib/journey.mjs';
import { client, connection, CONTROL_PLANE, state, tenant } from './lib/state.mjs';
import { Upstream } from './lib/upstream.mjs';
import { setCookies } from './lib/wire.mjs';

const CALLBACK = `${CONTROL_PLANE}/auth/callback`;
const SCRIPT = { 'content-type': 'application/json', origin: CONTROL_PLANE };
const LIFETIME = { access: 86_400, refresh: 604_800 };
let upstream;
let gatehouse;

before(async () => {
  let self = 'http://localhost:1';
  upstream = await Upstream.start({
    clients: () => [{ client_id: 'gatehouse', client_secret: 'the upstream secret', redirect_uris: [`${self}/oauth2/callback`] }],
  });
  const acme = (name, more) => tenant({
    name,
    connections: [connection('sso', { issuer: upstream.issuer, client_id: 'gatehouse', client_secret: 'the upstream secret', scopes: 'openid groups email' })],
    clients: [client(`${name}-control-plane`, { secret: 'control-plane-secret-01', redirect_uris: [CALLBACK] })],
    ...more,
  });
  gatehouse = await Gatehouse.start({
    apply: state(acme('acme'), acme('short', { access_token_lifetime: 600, refresh_token_lifetime: 1200 })),
  });
  self = gatehouse.url;
  await upstream.rotateKeys();
});
after(async () => {
  await gatehouse?.stop();
  await upstream?.stop();
});

const hop1 = (browser, tenantName = 'acme') => browser.fetch(
  `${gatehouse.url}/api/svc/v1/oauth2/authorize?${new URLSearchParams({ tenantName, controlPlaneURL: CONTROL_PLANE, redirectURL: CALLBACK })}`,
);

const post = (browser, path, body, headers = SCRIPT) =>
  browser.fetch(`${gatehouse.url}/api/svc/v1/oauth2/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });

/** H1 to H6; gives the browser and what arrived at the control plane. */
async function upToCallback(tenantName = 'acme', login = 'ada', browser = new Browser({ stops: [CONTROL_PLANE] })) {
  const { authorizationEndpoint } = await (await hop1(browser, tenantName)).json();
  const page = await browser.open(authorizationEndpoint);
  const left = page.stopped ? page : await browser.submit(page, page.form('connection', 'sso'));
  const last = await throughUpstream(browser, left, login);
  assert.ok(last.stopped, last.describe());
  return { browser, last, arrived: last.stopped };
}

const redeem = (browser, code, tenantName = 'acme', headers = SCRIPT) =>
  post(browser, 'token', { tenantName, code, grantType: 'authorization_code', redirectURI: CALLBACK }, headers);

async function signedIn(tenantName = 'acme', login = 'ada') {
  const { browser, arrived } = await upToCallback(tenantName, login);
  const answer = await redeem(browser, arrived.searchParams.get('code'), tenantName);
  assert.equal(answer.status, 201, await answer.text());
  return { browser, cookies: setCookies(answer), answer };
}

test('H1: the control plane asks where to begin', async () => {
  const browser = new Browser();
  const answer = await hop1(browser);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-type'), /^application\/json/);
  assert.match(answer.headers.get('cache-control') ?? '', /no-store/);
  const body = await answer.json();
  assert.deepEqual(Object.keys(body), ['authorizationEndpoint']);
  assert.ok(body.authorizationEndpoint.startsWith(`${gatehouse.url}/oauth2/authorize?`), body.authorizationEndpoint);
  assert.ok(body.authorizationEndpoint.includes('scope=openid+email+profile+offline_access'), body.authorizationEndpoint);
  assert.ok(body.authorizationEndpoint.includes(`redirect_uri=${encodeURIComponent(CALLBACK)}`), body.authorizationEndpoint);
  const query = new URL(body.authorizationEndpoint).searchParams;
  assert.equal(query.get('client_id'), 'acme-control-plane');
  assert.equal(query.get('response_type'), 'code');
  assert.equal(query.get('code_challenge_method'), 'S256');
  assert.ok(query.get('code_challenge') && query.get('state'));
  // The browser that began is bound by a cookie that no script reads.
  const [binding] = setCookies(answer).values();
  assert.ok(binding?.httponly && binding.secure, 'H1 sets an HttpOnly, Secure cookie');
});

test('H1: an unknown tenant, and a redirect URL that is not registered, are refused', async () => {
  for (const [tenantName, redirectURL] of [['nobody', CALLBACK], ['acme', 'https://evil.example/auth/callback'], ['acme', `${CALLBACK}/`]]) {
    const answer = await fetch(`${gatehouse.url}/api/svc/v1/oauth2/authorize?${new URLSearchParams({ tenantName, controlPlaneURL: CONTROL_PLANE, redirectURL })}`);
    assert.ok(answer.status >= 400 && answer.status < 500, `${tenantName} ${redirectURL}: ${answer.status}`);
    assert.ok((await answer.json()).error);
  }
});

test('H2 to H4: password or SSO, to the identity provider, and back by one callback URL', async () => {
  const browser = new Browser({ stops: [CONTROL_PLANE, upstream.issuer] });
  const { authorizationEndpoint } = await (await hop1(browser)).json();
  const choose = await browser.open(authorizationEndpoint);
  assert.equal(choose.status, 200);
  assert.ok(choose.form('connection', 'sso'), 'SSO is offered');
  assert.ok(choose.form('email'), 'e-mail and password are offered');

  const left = await browser.submit(choose, choose.form('connection', 'sso'));
  assert.ok(left.stopped.href.startsWith(upstream.issuer), left.describe());
  const query = left.stopped.searchParams;
  assert.equal(query.get('response_type'), 'code');
  assert.equal(query.get('client_id'), 'gatehouse');
  assert.equal(query.get('code_challenge_method'), 'S256');
  assert.equal(query.get('redirect_uri'), `${gatehouse.url}/oauth2/callback`);
  for (const name of ['code_challenge', 'state', 'nonce']) assert.ok(query.get(name), name);
  assert.deepEqual(query.get('scope').split(' ').sort(), ['email', 'groups', 'openid']);

  browser.stops = [CONTROL_PLANE];
  const back = await throughUpstream(browser, await browser.open(left.stopped), 'ada');
  assert.ok(back.trail.some((hop) => hop.includes('/oauth2/callback')), back.describe());
  assert.equal(back.status, 302, back.describe());
  assert.equal(back.headers.get('cache-control'), 'no-cache, no-store');
  assert.equal(back.headers.get('pragma'), 'no-cache');
  const answer = back.stopped;
  assert.equal(`${answer.origin}${answer.pathname}`, CALLBACK);
  assert.equal(answer.searchParams.get('userState'), 'Authenticated');
  assert.ok(answer.searchParams.get('code'));
  assert.ok(answer.searchParams.get('state'));
  assert.equal(answer.searchParams.get('iss'), gatehouse.url);
});

test('H7: the code becomes two cookies', async () => {
  const { cookies, answer } = await signedIn();
  assert.equal(answer.status, 201);
  assert.deepEqual([...cookies.keys()].filter((name) => /Token$/.test(name)).sort(), ['accessToken', 'refreshToken']);
  for (const [name, seconds] of [['accessToken', LIFETIME.access], ['refreshToken', LIFETIME.refresh]]) {
    const cookie = cookies.get(name);
    assert.equal(cookie.path, '/', name);
    assert.equal(cookie['max-age'], String(seconds), name);
    assert.ok(Math.abs(Date.parse(cookie.expires) - Date.now() - seconds * 1000) < 60_000, `${name}: ${cookie.expires}`);
    assert.ok(cookie.httponly && cookie.secure, name);
    assert.match(cookie.samesite, /^lax$/i, name);
    assert.equal(cookie.domain, undefined, name);
  }
});

test('H8: both tokens are signed by the auth server, and the access token is one that APIs accept', async () => {
  const { cookies } = await signedIn();
  const keys = createRemoteJWKSet(new URL(`${gatehouse.url}/oauth2/jwks`));
  const access = await jwtVerify(cookies.get('accessToken').value, keys, { issuer: gatehouse.url, typ: 'at+jwt' });
  const refresh = await jwtVerify(cookies.get('refreshToken').value, keys, { issuer: gatehouse.url, typ: 'refresh+jwt' });
  assert.equal(access.payload.exp - access.payload.iat, LIFETIME.access);
  assert.ok(Math.abs(refresh.payload.exp - refresh.payload.iat - LIFETIME.refresh) <= 1);
  assert.equal(access.payload.tenant, 'acme');
  assert.equal(access.payload.email, 'ada@acme.example');
  const userinfo = (bearer) => fetch(`${gatehouse.url}/oauth2/userinfo`, { headers: { authorization: `Bearer ${bearer}` } });
  assert.equal((await (await userinfo(cookies.get('accessToken').value)).json()).email, 'ada@acme.example');
  assert.equal((await userinfo(cookies.get('refreshToken').value)).status, 401, 'a refresh token is no bearer token');
});

test('lifetimes are the tenant\'s', async () => {
  const { cookies } = await signedIn('short');
  assert.equal(cookies.get('accessToken')['max-age'], '600');
  assert.equal(cookies.get('refreshToken')['max-age'], '1200');
  const { exp, iat } = decodeJwt(cookies.get('accessToken').value);
  assert.equal(exp - iat, 600);
});

describe('H7 refuses', () => {
  test('a browser that did not begin the sign-in (the cookie of H1 is missing)', async () => {
    const { arrived } = await upToCallback();
    const answer = await redeem(new Browser(), arrived.searchParams.get('code'));
    assert.ok(answer.status >= 400 && answer.status < 500, String(answer.status));
    assert.equal(setCookies(answer).has('accessToken'), false);
  });

  test('a code for the second time', async () => {
    const { browser, arrived } = await upToCallback();
    const again = browser.clone();
    assert.equal((await redeem(browser, arrived.searchParams.get('code'))).status, 201);
    const answer = await redeem(again, arrived.searchParams.get('code'));
    assert.ok(answer.status >= 400 && answer.status < 500, String(answer.status));
    assert.ok((await answer.json()).error);
  });

  test('another tenant\'s name, another redirect URI, a foreign origin, a form', async () => {
    const { browser, arrived } = await upToCallback();
    const code = arrived.searchParams.get('code');
    const refused = async (answer) => assert.ok(answer.status >= 400 && answer.status < 500, String(answer.status));
    await refused(await redeem(browser.clone(), code, 'acme', { ...SCRIPT, origin: 'https://evil.example' }));
    await refused(await redeem(browser.clone(), code, 'short'));
    await refused(await post(browser.clone(), 'token', { tenantName: 'acme', code, grantType: 'authorization_code', redirectURI: `${CALLBACK}/other` }));
    await refused(await browser.clone().fetch(`${gatehouse.url}/api/svc/v1/oauth2/token`, {
      method: 'POST', headers: { origin: CONTROL_PLANE }, body: new URLSearchParams({ tenantName: 'acme', code, grantType: 'authorization_code', redirectURI: CALLBACK }),
    }));
  });
});

test('two tabs of one browser both finish', async () => {
  const browser = new Browser({ stops: [CONTROL_PLANE] });
  const tabs = [];
  for (let tab = 0; tab < 2; tab += 1) {
    const { authorizationEndpoint } = await (await hop1(browser)).json();
    tabs.push(await browser.open(authorizationEndpoint));
  }
  for (const page of tabs) {
    const left = page.stopped ? page : await browser.submit(page, page.form('connection', 'sso'));
    const last = await throughUpstream(browser, left, 'ada');
    const answer = await redeem(browser, last.stopped.searchParams.get('code'));
    assert.equal(answer.status, 201, await answer.text());
  }
});

test('refresh on the same hop family: new cookies, and the old refresh token is dead', async () => {
  const { browser, cookies } = await signedIn();
  const answer = await post(browser, 'token', { tenantName: 'acme', grantType: 'refresh_token' });
  assert.equal(answer.status, 201, await answer.clone().text());
  const renewed = setCookies(answer);
  for (const name of ['accessToken', 'refreshToken']) {
    assert.ok(renewed.get(name)?.httponly && renewed.get(name).secure, name);
    assert.notEqual(renewed.get(name).value, cookies.get(name).value, name);
  }
  const once = await post(browser, 'token', { tenantName: 'acme', grantType: 'refresh_token' });
  assert.equal(once.status, 201);
  const old = await fetch(`${gatehouse.url}/api/svc/v1/oauth2/token`, {
    method: 'POST', headers: { ...SCRIPT, cookie: `refreshToken=${cookies.get('refreshToken').value}` },
    body: JSON.stringify({ tenantName: 'acme', grantType: 'refresh_token' }),
  });
  assert.ok(old.status >= 400 && old.status < 500, String(old.status));
});

test('sign-out on the same hop family: cookies gone, tokens dead on the server', async () => {
  const { browser, cookies } = await signedIn();
  const answer = await post(browser, 'logout', { tenantName: 'acme' });
  assert.ok(answer.status >= 200 && answer.status < 300, String(answer.status));
  const cleared = setCookies(answer);
  for (const name of ['accessToken', 'refreshToken']) assert.equal(cleared.get(name)?.['max-age'], '0', name);
  const after = await fetch(`${gatehouse.url}/api/svc/v1/oauth2/token`, {
    method: 'POST', headers: { ...SCRIPT, cookie: `refreshToken=${cookies.get('refreshToken').value}` },
    body: JSON.stringify({ tenantName: 'acme', grantType: 'refresh_token' }),
  });
  assert.ok(after.status >= 400 && after.status < 500, String(after.status));
});

test('H5: a deactivated user is rejected, at the callback and at the refresh', async () => {
  const { browser } = await signedIn('acme', 'grace');
  const active = (flag) => gatehouse.apply(state(tenant({
    connections: [connection('sso', { issuer: upstream.issuer, client_id: 'gatehouse', client_secret: 'the upstream secret', scopes: 'openid groups email' })],
    clients: [client('acme-control-plane', { secret: 'control-plane-secret-01', redirect_uris: [CALLBACK] })],
    users: [{ email: 'grace@acme.example', active: flag }],
  })));
  await active(false);
  const refresh = await post(browser, 'token', { tenantName: 'acme', grantType: 'refresh_token' });
  assert.ok(refresh.status >= 400 && refresh.status < 500, String(refresh.status));

  const fresh = new Browser({ stops: [CONTROL_PLANE] });
  const { authorizationEndpoint } = await (await hop1(fresh)).json();
  const page = await fresh.open(authorizationEndpoint);
  const last = await throughUpstream(fresh, await fresh.submit(page, page.form('connection', 'sso')), 'grace');
  const refused = last.stopped ? last.stopped.searchParams.get('error') : last.status >= 400;
  assert.ok(refused, last.describe());
  assert.equal(last.stopped?.searchParams.get('code') ?? null, null);
});
