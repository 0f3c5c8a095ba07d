// Forward auth behind real proxies: nginx (auth_request), Caddy (forward_auth) and Envoy (ext_authz over HTTP), with the
// configurations of proxies/, in front of a service that answers with the headers it got. What Envoy is told for itself, and
// shows to nobody, is asked for besides as Envoy asks.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';

import { SignJWT, createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';

import { Browser } from './lib/browser.mjs';
import { Gatehouse, freePort } from './lib/gatehouse.mjs';
import { byPassword } from './lib/journey.mjs';
import { partner, partnerToken, trusted } from './lib/partner.mjs';
import { Proxy, Upstream } from './lib/proxy.mjs';
import { ADA, APP, client, state, tenant } from './lib/state.mjs';
import { freshCode, redeem } from './lib/wire.mjs';

const ISSUER = 'https://login.customer.example';
const AUDIENCE = 'https://services.acme.example';
const IDENTITY = ['remote-user', 'remote-email', 'remote-name', 'remote-groups', 'remote-subject', 'remote-issuer'];
const KINDS = ['nginx', 'caddy', 'envoy'];
const ports = {};
const proxies = {};
// Providers of machines: JWTs, and opaque tokens about which they are asked.
const partners = {};
let gatehouse;
let upstream;
let key;
let own;

const foreign = (claims = {}) =>
  new SignJWT({ email: 'ci@customer.example', ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'k1', typ: 'at+jwt' })
    .setIssuer(ISSUER).setAudience(AUDIENCE).setSubject('repo:acme/app').setIssuedAt().setExpirationTime('10m').sign(key.privateKey);

before(async () => {
  for (const kind of KINDS) ports[kind] = await freePort();
  [partners.jwt, partners.opaque] = await Promise.all([partner('jwt'), partner('opaque')]);
  key = await generateKeyPair('RS256', { extractable: true });
  const jwks = { keys: [{ ...(await exportJWK(key.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }] };
  const hosts = Object.fromEntries(Object.entries(ports).map(([kind, port]) => [kind, `127.0.0.1:${port}`]));
  const site = (name, more = {}) => ({ name, hosts: [hosts[name]], issuers: ['gatehouse', 'customer', 'partner-jwt', 'partner-opaque'], login: { client: 'portal' }, public_paths: ['/open'], ...more });
  gatehouse = await Gatehouse.start({
    env: { GATEHOUSE_TRUSTED_PROXIES: '127.0.0.0/8, ::1/128' },
    apply: state(tenant({
      teams: [{ name: 'sre', members: [ADA.email] }],
      clients: [
        client('app', { token_endpoint_auth_method: 'none' }),
        client('portal', { token_endpoint_auth_method: 'none', redirect_uris: [...Object.values(hosts).map((host) => `http://${host}/.gatehouse/callback`), 'https://envoy.example/.gatehouse/callback'] }),
      ],
      trusted_issuers: [{ name: 'customer', issuer: ISSUER, jwks, audience: [AUDIENCE] }, ...trusted(partners.jwt, partners.opaque)],
      external_identities: [
        { name: 'ci', issuer: 'customer', claims: { sub: 'repo:acme/app' } },
        { name: 'by-jwt', issuer: 'partner-jwt', claims: { client_id: 'partner' } },
        { name: 'by-opaque', issuer: 'partner-opaque', claims: { client_id: 'partner', scope: 'read' } },
      ],
      sites: [
        ...KINDS.map((kind) => site(kind)),
        site('asked', { hosts: ['envoy.example'] }),
        { name: 'open', hosts: Object.values(ports).map((port) => `open.example:${port}`), public_paths: ['/'] },
        { name: 'jwt', hosts: ['jwt.example'], issuers: ['customer'], identity: { method: 'jwt_header', include_claims: ['email'] } },
      ],
    })),
  });
  upstream = await Upstream.start();
  for (const kind of KINDS) {
    proxies[kind] = await Proxy.start(kind, { port: ports[kind], gatehouse: gatehouse.origin.replace('localhost', '127.0.0.1'), upstream: upstream.url });
  }
  const code = await freshCode(gatehouse.url, { clientId: 'app', redirectUri: APP, person: ADA });
  const { status, body } = await redeem(gatehouse.origin, code);
  assert.equal(status, 200, JSON.stringify(body));
  own = body.access_token;
});

after(async () => {
  await Promise.all([...Object.values(proxies).map((proxy) => proxy.stop()), upstream?.stop(), gatehouse?.stop(), partners.jwt?.stop(), partners.opaque?.stop()]);
});

for (const kind of KINDS) {
  describe(`behind ${kind}`, () => {
    const page = (path = '/page?a=1') => `${proxies[kind].url}${path}`;
    const get = (headers = {}, path = undefined, init = {}) => fetch(page(path), { redirect: 'manual', headers: { accept: 'application/json', ...headers }, ...init });
    const bearer = (token) => ({ authorization: `Bearer ${token}` });

    test('a bearer token of ours passes, and the service is told who it is and not given the token', async () => {
      const response = await get(bearer(own));
      assert.equal(response.status, 200, `${await response.clone().text()}\n${gatehouse.log}\n${proxies[kind].log}`);
      const { headers, url } = await response.json();
      assert.equal(url, '/page?a=1');
      assert.equal(headers['remote-user'], ADA.email);
      assert.equal(headers['remote-email'], ADA.email);
      assert.equal(headers['remote-name'], 'Ada Lovelace');
      assert.equal(headers['remote-groups'], 'sre');
      assert.equal(headers.authorization, undefined);
    });

    test('a token of the customer passes as the external identity it maps to', async () => {
      const { headers } = await (await get(bearer(await foreign()))).json();
      assert.equal(headers['remote-user'], 'ci');
      assert.ok(headers['remote-subject'].includes('/'));
      assert.equal(headers['remote-issuer'], ISSUER);
      assert.ok(!headers['remote-email'], 'nobody here has proven it');
      assert.ok(!headers['remote-name']);
    });

    for (const format of ['jwt', 'opaque']) {
      test(`a machine passes with the ${format} token of its own provider`, async () => {
        const provider = partners[format];
        const asked = () => provider.requests.filter((line) => line === 'POST /token/introspection').length;
        const { access_token, revoke } = await partnerToken(provider);
        assert.equal(access_token.split('.').length, format === 'jwt' ? 3 : 1);
        const before = asked();
        const response = await get(bearer(access_token));
        assert.equal(response.status, 200, `${await response.clone().text()}\n${gatehouse.log}`);
        const { headers } = await response.json();
        assert.equal(headers['remote-user'], `by-${format}`);
        assert.equal(headers.authorization, undefined);
        assert.equal(asked() > before, format === 'opaque');
        // Made for another service.
        const { access_token: other } = await partnerToken(provider, 'https://another.example');
        const refused = await get(bearer(other));
        assert.equal(refused.status, 401);
        assert.match(refused.headers.get('www-authenticate'), /error_description="Invalid audience"/);
        if (format === 'jwt') return;
        // Nothing is kept of what the provider may call back.
        await revoke();
        const revoked = await get(bearer(access_token));
        assert.equal(revoked.status, 401);
        assert.match(revoked.headers.get('www-authenticate'), /error_description="Token is not active"/);
      });
    }

    test('an API client without a token, or with a bad one, gets 401 and a challenge', async () => {
      for (const headers of [{}, bearer('x.y.z'), bearer(`${own}x`)]) {
        const response = await get(headers);
        assert.equal(response.status, 401);
        assert.match(response.headers.get('www-authenticate'), /^Bearer /);
        assert.equal(response.headers.get('location'), null);
      }
      const post = await get({ 'content-type': 'application/json' }, '/mcp', { method: 'POST', body: '{}' });
      assert.equal(post.status, 401);
    });

    test('a POST keeps its body', async () => {
      const response = await get({ ...bearer(own), 'content-type': 'application/json' }, '/save', { method: 'POST', body: '{"a":1}' });
      assert.equal((await response.json()).method, 'POST');
    });

    test('identity headers of the client never arrive', async () => {
      const forged = { 'Remote-User': 'root', 'REMOTE-EMAIL': 'root@acme.example', 'remote-groups': 'admins' };
      const { headers } = await (await get({ ...bearer(own), ...forged })).json();
      assert.equal(headers['remote-user'], ADA.email);
      assert.equal(headers['remote-email'], ADA.email);
      assert.equal(headers['remote-groups'], 'sre');
      // With underscores: nginx drops the header, Envoy refuses it, Caddy passes it on to gatehouse, which does.
      const response = await get({ ...bearer(own), Remote_User: 'root' });
      const text = await response.text();
      assert.ok([400, 403].includes(response.status) || !('remote_user' in JSON.parse(text).headers), text);
      // Open paths too.
      const open = await (await get(forged, '/open/x')).json();
      for (const name of IDENTITY) assert.ok(!open.headers[name], `${name}: ${open.headers[name]}`);
    });

    test('none of our cookies arrives at the service, and its own do', async () => {
      const secret = 'what-the-service-could-act-by';
      const ours = [`refreshToken=${secret}`, `__Host-gatehouse-site-abcdefgh=${secret}`, `__Host-gatehouse-login-abc=${secret}`];
      const arrived = async (path, cookie, headers = {}) => {
        const { status, text } = await ask(ports[kind], path, { cookie, ...headers });
        assert.equal(status, 200, text);
        assert.ok(!text.includes(own) && !text.includes(secret), text);
        return (JSON.parse(text).headers.cookie ?? '').split(';').map((pair) => pair.trim()).filter(Boolean);
      };
      const mixed = [`accessToken=${own}`, 'theme=dark', ...ours, 'xaccessToken=1', 'lang=en'].join('; ');
      const theirs = ['theme=dark', 'xaccessToken=1', 'lang=en'];
      assert.deepEqual(await arrived('/page', mixed), theirs);
      assert.deepEqual(await arrived('/page', mixed, bearer(own)), theirs);
      assert.deepEqual(await arrived('/open/x', mixed), theirs, 'nobody has judged it');
      assert.deepEqual(await arrived('/page', `accessToken=${own}; ${ours.join('; ')}`), []);
      assert.deepEqual(await arrived('/page', `${ours.join(';')};accessToken=${own}; theme=dark`), ['theme=dark']);
      assert.deepEqual(await arrived('/page', 'theme=dark; lang=en', bearer(own)), ['theme=dark', 'lang=en']);
    });

    test('a disguised path is not public', async () => {
      for (const path of ['/open/../page', '/open/..%2fpage', '/open/%2e%2e/page', '//open', '/OPEN']) {
        const status = await raw(ports[kind], path);
        assert.ok([301, 308, 400, 401, 403].includes(status), `${path}: ${status}`);
      }
      assert.equal(await raw(ports[kind], '/open/x'), 200, 'the honest twin');
    });

    test('the host of the request line decides who is judged, and who is served', async () => {
      // Absolute form (RFC 9112 §3.2.2): the Host header beside it counts for nothing.
      const at = (path) => `${proxies[kind].url}${path}`;
      const host = `open.example:${ports[kind]}`;
      assert.equal((await ask(ports[kind], at('/page'), { host })).status, 401);
      const open = await ask(ports[kind], at('/open/x'), { host });
      assert.equal(open.status, 200, 'the honest twin');
      assert.equal(JSON.parse(open.text).headers.host, `127.0.0.1:${ports[kind]}`);
    });

    test('a browser signs in over gatehouse, lands on the page it asked for, and signs out', async () => {
      const browser = new Browser();
      const sent = await navigate(page());
      assert.ok([302, 303].includes(sent.statusCode), `${sent.statusCode}`);
      const landed = await byPassword(browser, new URL(sent.headers.location, page()), ADA);
      assert.equal(landed.url.href, page(), landed.describe());
      assert.equal(landed.status, 200, landed.describe());
      const { headers } = JSON.parse(landed.body);
      assert.equal(headers['remote-user'], ADA.email);
      assert.equal(headers['remote-name'], 'Ada Lovelace');
      assert.ok(!headers.cookie, 'the cookie of the sign-in stays with the proxy');
      assert.deepEqual(browser.cookies.refused, []);
      // Once more: no sign-in is needed. Without the cookie it is.
      const cookie = browser.cookies.for(new URL(page())).map((c) => `${c.name}=${c.value}`).join('; ');
      assert.equal((await navigate(page('/second'), { cookie })).statusCode, 200);
      assert.match((await navigate(page('/second'))).headers.location, /\/\.gatehouse\/start\?rd=%2Fsecond$/);
      const out = await browser.fetch(page('/.gatehouse/sign-out'), { method: 'POST', headers: { origin: proxies[kind].url, 'sec-fetch-site': 'same-origin' } });
      assert.equal(out.status, 303, await out.text());
      assert.ok(out.headers.get('location').startsWith(`${gatehouse.url}/oauth2/logout`));
      assert.match((await navigate(page(), { cookie })).headers.location, /\/\.gatehouse\/start/, 'the cookie is worth nothing any more');
    });
  });
}

describe('asked as Envoy asks', () => {
  const ask = async (path, headers) => {
    const asked = request({ host: '127.0.0.1', port: gatehouse.port, path: `/auth/envoy${path}`, method: 'GET', headers: { host: 'envoy.example', 'x-forwarded-proto': 'https', 'content-length': '0', ...headers } });
    asked.end();
    const [response] = await once(asked, 'response');
    response.resume();
    return response;
  };

  test('200 with the identity and what to remove', async () => {
    const response = await ask('/page?a=1', { authorization: `Bearer ${own}` });
    assert.equal(response.statusCode, 200);
    assert.equal(response.headers['remote-user'], ADA.email);
    assert.equal(response.headers['x-envoy-auth-headers-to-remove'], 'x-user-claims,x-user-jwt,authorization');
  });

  test('and the cookies that are the service\'s own', async () => {
    const mixed = await ask('/page', { cookie: `theme=dark; accessToken=${own}; __Host-gatehouse-site-abcdefgh=x; lang=en` });
    assert.equal(mixed.statusCode, 200);
    assert.equal(mixed.headers.cookie, 'theme=dark; lang=en');
    assert.ok(!mixed.headers['x-envoy-auth-headers-to-remove'].split(',').includes('cookie'));
    const ours = await ask('/page', { cookie: `accessToken=${own}` });
    assert.equal(ours.headers.cookie, undefined);
    assert.ok(ours.headers['x-envoy-auth-headers-to-remove'].split(',').includes('cookie'));
  });

  test('redirects browsers, challenges clients, refuses forged identities', async () => {
    const browser = await ask('/page', { accept: 'text/html' });
    assert.equal(browser.statusCode, 302);
    assert.equal(browser.headers.location, 'https://envoy.example/.gatehouse/start?rd=%2Fpage');
    const api = await ask('/page', { accept: '*/*' });
    assert.equal(api.statusCode, 401);
    assert.match(api.headers['www-authenticate'], /^Bearer /);
    const forged = await ask('/page', { authorization: `Bearer ${own}`, 'remote-user': 'root' });
    assert.equal(forged.statusCode, 403);
  });
});

test('a service verifies its JWT header with our key set, by its own library', async () => {
  const url = new URL(`${gatehouse.origin}/auth/request`);
  const response = await fetch(url, { headers: { 'x-original-url': 'https://jwt.example/', 'x-original-method': 'GET', authorization: `Bearer ${await foreign()}` } });
  assert.equal(response.status, 200);
  const keys = createRemoteJWKSet(new URL(`${gatehouse.origin}/oauth2/jwks`));
  const { payload } = await jwtVerify(response.headers.get('x-user-jwt'), keys, { issuer: gatehouse.url, audience: 'https://jwt.example', typ: 'identity+jwt', algorithms: ['RS256'] });
  assert.equal(payload.sub, 'customer/repo:acme%2Fapp');
  assert.deepEqual(payload.origin, { iss: ISSUER, sub: 'repo:acme/app' });
  assert.equal(payload.idp, ISSUER);
  assert.equal(payload.principal.name, 'ci');
  assert.equal(payload.exp - payload.iat, 300);
});

/** What the address bar of a browser sends: fetch always calls itself a script (Sec-Fetch-Mode). */
async function navigate(url, headers = {}) {
  const asked = request(url, { headers: { accept: 'text/html,application/xhtml+xml', 'sec-fetch-mode': 'navigate', ...headers } });
  asked.end();
  const [response] = await once(asked, 'response');
  response.resume();
  return response;
}

/** The path as it stands: fetch would tidy it. */
async function raw(port, path) {
  return (await ask(port, path)).status;
}

/** A request line as it stands; `line` may be a whole address. */
async function ask(port, line, headers = {}) {
  const asked = request({ host: '127.0.0.1', port, path: line, headers: { accept: 'application/json', ...headers } });
  asked.end();
  const [response] = await once(asked, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, text };
}
