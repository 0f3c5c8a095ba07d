// Every page of the administration, by the list that the router is made of: opened, looked at, and kept as a picture.
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { Gatehouse } from '../interop/lib/gatehouse.mjs';
import { client, connection, state, tenant } from '../interop/lib/state.mjs';
import { inspect, launch } from './lib/chromium.mjs';
import { password } from './lib/walk.mjs';

const HEDY = { email: 'hedy@acme.example', name: 'Hedy Lamarr', password: 'frequency hopping torpedo', admin: true };
const METADATA = 'https://login.microsoftonline.com/6f6b7f3a-3f0e-4a53-9d0e-3a6a0c1d2e3f/federationmetadata/2007-06/federationmetadata.xml';
/** What has a GET and is no page: files to keep. */
const FILES = ['/admin/_/audit/export', '/admin/{tenant}/audit/export'];

const THINGS = {
  connections: [
    connection('okta', { issuer: 'https://acme.okta.com', client_id: '0oa1b2c3', client_secret: 's', client_secret_expires_on: '2027-03-31' }, { preset: 'okta' }),
    { name: 'entra', preset: 'entra', protocol: 'saml', enabled: false, saml: { metadata_url: METADATA } },
  ],
  clients: [client('control-plane', { name: 'Control plane', secret: 'a secret of the control plane' }), client('batch-jobs', { name: 'Nightly batch', secret: 'a secret of the batch jobs', trusted: false, enabled: false })],
  teams: [{ name: 'sre', members: ['grace@acme.example'] }, { name: 'platform' }],
  directories: [{ name: 'people', connection: 'okta' }],
  service_tokens: [{ name: 'terraform', scopes: ['admin'] }, { name: 'reporting', scopes: ['users:read', 'audit:read'] }],
  trusted_issuers: [{ name: 'ci', issuer: 'https://token.actions.example', audience: ['api://acme'], jwks_uri: 'https://token.actions.example/keys', claim_values: { repository_owner: { values: ['acme'] } } }],
  external_identities: [{ name: 'release-runner', issuer: 'ci', claims: { repository_id: '456789', environment: ['production', 'staging'] } }],
  virtual_accounts: [{ name: 'nightly', issuer: 'ci', claims: { job: 'nightly' } }],
  resources: [{ type: 'model', name: 'gpt', collaborators: [{ team: 'sre', role: 'manager' }, { user: 'grace@acme.example', role: 'editor' }, { external_identity: 'release-runner', role: 'viewer' }] }],
  sites: [{ name: 'dashboards', hosts: ['dashboards.acme.example'], resource: { type: 'model', name: 'gpt' }, role: 'viewer' }],
};
const USERS = [HEDY, { email: 'grace@acme.example', name: 'Grace Hopper', password: 'nanoseconds by the foot' }, { email: 'eve@acme.example', name: 'Eve', active: false }];

let browser;
let gatehouse;
let page;
/** What stands for a parameter of an address, by what is before it. */
const known = { admin: 'acme' };
const problems = [];
const look = async (name) => problems.push(...await inspect(page, `page-${name}`));
const open = (path) => page.goto(gatehouse.url + path);

before(async () => {
  browser = await launch();
  gatehouse = await Gatehouse.start({
    apply: state(tenant({ users: USERS, ...THINGS }), tenant({ name: 'globex', users: [] })),
  });
  await gatehouse.run('admin', 'add', HEDY.email, '--tenant', 'acme', '--platform');
  page = await (await browser.newContext()).newPage();
  page.on('pageerror', (error) => problems.push(`script: ${error}`));
});
after(async () => {
  await browser?.close();
  await gatehouse?.stop();
});

/** The last part but `back` of the address behind the first link that fits. */
async function behind(path, selector, back = 0) {
  await open(path);
  return (await page.locator(selector).first().getAttribute('href')).split('?')[0].split('/').at(-1 - back);
}

/** Presses the button that makes something, of which one page tells once. */
async function made(path, fields, button, name) {
  await open(path);
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value);
  await page.getByRole('button', { name: button }).click();
  await page.locator('code.copy').first().waitFor();
  await look(name);
}

test('an administrator comes in, makes tokens, and things come to be', async () => {
  await open('/login?tenant=acme&to=/admin/acme');
  await password(page, { ...HEDY, password: 'not the password' });
  await page.getByRole('alert').waitFor();
  await password(page, HEDY);
  await page.waitForURL(`${gatehouse.url}/admin/acme`);
  for (const noun of Object.keys(THINGS)) known[noun] = THINGS[noun][0].client_id ?? THINGS[noun][0].name;

  await made('/admin/_/tokens', { Name: 'laptop', Scopes: 'admin:read' }, 'Make the token', 'token-shown');
  await made('/admin/acme/directories/people/token', {}, 'Make a token', 'directory-token-shown');
  await made('/admin/acme/service_tokens/reporting/token', {}, /token/i, 'service-token-shown');
  await made('/admin/acme/setup-links', { Connection: 'customer' }, 'Make a link', 'setup-link-shown');
  await open('/admin/acme/domains');
  await page.getByLabel('Add a domain').fill('acme-labs.example');
  await page.getByRole('button', { name: 'Add' }).click();
  await page.getByText('_gatehouse-challenge.acme-labs.example').waitFor();
  await gatehouse.run('invites', 'create', '--tenant', 'acme', 'mary.winston.jackson@acme.example');

  await gatehouse.run('users', 'link-identity', 'grace@acme.example', 'okta', '--tenant', 'acme', '--subject', '00u1grace');
  known.domains = 'acme-labs.example';
  known.identities = 'okta';
  known['/admin/{tenant}/connections/{name}/metadata'] = '/admin/acme/connections/entra/metadata';
  known.keys = await behind('/admin/_/keys', 'main a[href$="/rotate"]', 1);
  known['_/tokens'] = await behind('/admin/_/tokens', 'main a[href$="/revoke"]', 1);
  known['{name}/tokens'] = await behind('/admin/acme/directories/people', 'main a[href$="/revoke"]', 1);
  known.users = await behind('/admin/acme/users?search=grace', 'table.list th a');
  known['{name}/members'] = known.users;
  const hedy = await behind('/admin/acme/users?search=hedy', 'table.list th a');
  known['/admin/{tenant}/users/{id}/tokens/{token}/revoke'] = `/admin/acme/users/${hedy}/tokens/${known['_/tokens']}/revoke`;
  known['setup-links'] = await behind('/admin/acme/setup-links', 'main a[href$="/revoke"]', 1);
  known.invites = await behind('/admin/acme/invites', 'main a[href$="/revoke"]', 1);
  known['sign-ins'] = await behind('/admin/acme/sign-ins', 'table.list th a');
  known.resources = await behind('/admin/acme/resources', 'table.list th a');
  const removal = page.locator('main a[href*="/collaborators/remove"]').first();
  await open(`/admin/acme/resources/${known.resources}`);
  known['/admin/{tenant}/resources/{name}/collaborators/remove'] = await removal.getAttribute('href');
  assert.deepEqual(problems.splice(0), []);
});

/** Every address with a page, as the router has them; what is one page for all nouns is each noun's. */
async function routes() {
  const source = (path) => readFile(new URL(`../../src/${path}`, import.meta.url), 'utf8');
  const fields = 'admin/pages/fields';
  const files = await readdir(new URL(`../../src/${fields}`, import.meta.url));
  const nouns = (await Promise.all(files.filter((file) => file !== 'mod.rs').map((file) => source(`${fields}/${file}`))))
    .flatMap((text) => [...text.matchAll(/\bname: "(\w+)",\s+key:/g)].map(([, name]) => name)).filter((name) => name !== 'settings' && name !== 'invites');
  const all = [...(await source('admin/pages/mod.rs')).matchAll(/"(\/admin[^"\s]*)",\s*(?:\|r\|\s*r\.)?get\(/g)].map(([, route]) => route);
  assert.ok(nouns.length > 10 && all.length > 40, `${nouns} ${all}`);
  const shape = (route) => route.replaceAll(/\{\w+\}/g, '{}');
  const own = new Set(all.map(shape));
  return all.filter((route) => !FILES.includes(route)).flatMap((route) => (route.includes('{noun}')
    ? nouns.map((noun) => route.replace('{noun}', noun)).filter((one) => !own.has(shape(one)))
    : [route]));
}

/** Where a page is here. */
function address(route) {
  if (known[route]) return known[route];
  const parts = route.split('/');
  const filled = parts.map((part, at) => {
    if (!part.startsWith('{')) return part;
    const value = known[`${parts[at - 2]}/${parts[at - 1]}`] ?? known[parts[at - 1]];
    assert.ok(value, `what stands for ${part} of ${route}?`);
    return value;
  });
  return filled.join('/');
}

test('every page', async () => {
  const names = new Set();
  for (const route of await routes()) {
    const answer = await open(address(route));
    // The deployment's last administrator is of this organisation: its page says so.
    const expected = route === '/admin/{tenant}/settings/delete' ? 409 : 200;
    if (answer.status() !== expected) problems.push(`${route}: ${answer.status()}`);
    const name = route.replace(/^\/admin\/?/, '').replaceAll(/[{}]/g, '').replaceAll('/', '-').replace(/^_/, 'deployment').replace(/^tenant-/, '') || 'start';
    assert.ok(!names.has(name), `two pages are ${name}`);
    names.add(name);
    if (await page.locator('main h1').count() !== 1) problems.push(`${route}: no heading`);
    await look(name);
  }
  assert.deepEqual(problems.splice(0), []);
});

/** Opens what a form has folded away. */
async function unfold() {
  const folded = page.locator('form details:not([open]) > summary');
  while (await folded.count() > 0) await folded.first().click();
}

test('forms of every provider, over both protocols', async () => {
  await open('/admin/acme/connections/new');
  const links = await page.locator('.choices a').evaluateAll((all) => all.map((a) => a.getAttribute('href')));
  assert.ok(links.length > 20);
  for (const link of links) {
    await open(link);
    await unfold();
    await look(`connection-${link.split('?')[1].replaceAll(/(preset|protocol)=/g, '').replace('&', '-')}`);
  }
  await open('/admin/acme/connections/entra');
  await unfold();
  await look('connection-saml');
  assert.deepEqual(problems.splice(0), []);
});

test('the doors beside the sign-in', async () => {
  const printed = await gatehouse.run('admin', 'break-glass', HEDY.email);
  page = await (await browser.newContext()).newPage();
  const link = /http:\/\/\S+\/admin\/_\/break-glass\/[\w-]+/.exec(printed)[0];
  await page.goto(link);
  await look('break-glass');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(`${gatehouse.url}/admin**`);
  page = await (await browser.newContext()).newPage();
  await page.goto(link);
  await look('break-glass-over');
  assert.deepEqual(problems.splice(0), []);
});
