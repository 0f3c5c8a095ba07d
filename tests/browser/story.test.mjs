// An empty deployment, and whoever sets it up: from the link that the first start prints to people who sign in over a
// connection like Okta's and one like Entra's, a role for a workload, a directory's token, and a customer who helps.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Gatehouse } from '../interop/lib/gatehouse.mjs';
import { Samlp } from '../interop/lib/samlp.mjs';
import { Upstream } from '../interop/lib/upstream.mjs';
import { inspect, launch } from './lib/chromium.mjs';
import { OKTA, entra } from './lib/shapes.mjs';

const HEDY = { email: 'hedy@acme.example', name: 'Hedy Lamarr', password: 'frequency hopping torpedo' };
const [GRACE] = Object.keys(OKTA);
const APP = { client_id: '0oa1gatehouse2Jq5d7', client_secret: 'what-okta-showed-0123456789abcdef' };

let browser;
let gatehouse;
let okta;
let idp;
let page;
const problems = [];
const watched = async () => {
  const opened = await (await browser.newContext()).newPage();
  opened.on('pageerror', (error) => problems.push(`script: ${error}`));
  return opened;
};
const look = async (name, what = page) => problems.push(...await inspect(what, `story-${name}`));
const open = (path) => page.goto(`${gatehouse.url}/admin/acme${path}`);
const copied = (label, what = page) => what.locator('.facts > div', { hasText: label }).locator('code.copy').first().textContent();
const callback = (connection) => `${gatehouse.url}/oauth2/callback/acme/${connection}`;
const isEnabled = () => page.getByLabel('Enabled', { exact: true });

before(async () => {
  browser = await launch();
  idp = await Samlp.start();
  gatehouse = await Gatehouse.start();
  idp.habits = { entra: { profileMapper: entra } };
  const redirect_uris = ['okta-staff', 'customer'].map(callback);
  okta = await Upstream.start({ clients: [{ ...APP, redirect_uris }], people: OKTA });
  page = await watched();
});
after(async () => {
  await Promise.all([browser?.close(), okta?.stop(), idp?.stop()]);
  await gatehouse?.stop();
});

/** At the provider like Okta, from its sign-in page to its question what may be told, and out again. */
async function atOkta(what) {
  await what.waitForURL(`${okta.issuer}/interaction/**`);
  await what.locator('input[name=login]').fill(GRACE);
  await what.locator('input[name=password]').fill('whatever');
  await what.locator('button[type=submit]').click();
  await what.getByRole('button', { name: 'Continue' }).click();
}

/** At the provider like Entra ID, which posts its answer from its own site. */
async function atEntra(what) {
  await what.waitForURL(`${idp.url}/sso**`);
  await what.locator('input[name=login]').fill('ada');
  await what.locator('input[name=login]').press('Enter');
  await what.locator('input[name=SAMLResponse]').waitFor({ state: 'attached' });
  await what.locator('form').evaluate((form) => form.submit());
}

/** A test sign-in of the connection that is open. */
async function tested(provider) {
  await page.getByRole('link', { name: 'Test sign-in …' }).click();
  const told = page.url();
  // "Test again" where somebody has tested it before, a customer by their link among them.
  await page.getByRole('button', { name: /^Test (sign-in|again)$/ }).click();
  await provider(page);
  await page.waitForURL(told);
  await page.getByRole('heading', { name: /^Passed/ }).waitFor();
}

/** Enables the connection that was tested. */
async function enabled() {
  await page.getByRole('link', { name: 'Settings', exact: true }).last().click();
  await isEnabled().check();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('The changes were saved.').waitFor();
}

const toSignIn = (what) => what.goto(`${gatehouse.url}/login?tenant=acme&to=/account`);

/** Somebody else, in a browser of their own, signs in by this button. */
async function arrives(button, provider, email) {
  const person = await watched();
  await toSignIn(person);
  await person.getByRole('button', { name: button }).click();
  await provider(person);
  await person.waitForURL(`${gatehouse.url}/account`);
  await person.getByText(email).first().waitFor();
  await person.context().close();
}

test('the first start prints a link, and who follows it administers', async () => {
  const link = /http:\/\/\S+\/admin\/_\/setup\/[\w-]+/.exec(gatehouse.log)?.[0];
  assert.ok(link, gatehouse.log);
  await page.goto(link);
  await look('first-start');
  await page.getByLabel('Short name of your organisation').fill('acme');
  await page.getByLabel('Your name').fill(HEDY.name);
  await page.getByLabel('Your e-mail address').fill(HEDY.email);
  await page.getByLabel('A password').fill('acmeacmeacme');
  await page.getByRole('button', { name: 'Set up' }).click();
  await page.getByText('Take a longer password').waitFor();
  await look('first-start-wrong');
  await page.getByLabel('A password').fill(HEDY.password);
  await page.getByRole('button', { name: 'Set up' }).click();
  await page.waitForURL(`${gatehouse.url}/admin**`);
  await look('first-page');

  const other = await watched();
  assert.equal((await other.goto(link)).status(), 404, 'it works once');
  await look('first-start-over', other);
  await other.context().close();

  await open('/settings');
  await page.getByLabel('Name', { exact: true }).fill('Acme');
  await page.getByLabel('How users come to be').selectOption('jit');
  await page.getByLabel('Proven domains').fill('acme.example');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('The changes were saved.').waitFor();
  await open('');
  await page.getByRole('heading', { name: 'Acme', level: 1 }).waitFor();
  assert.deepEqual(problems.splice(0), []);
});

test('a connection like Okta\'s: a draft, tested, enabled, used', async () => {
  await open('/connections');
  await page.getByRole('link', { name: 'Add a connection' }).click();
  await page.getByRole('link', { name: 'Okta OIDC' }).click();
  await page.getByRole('heading', { name: 'At Okta' }).waitFor();
  assert.equal(await copied('redirect URI'), callback('okta'));
  // What is copied follows the name that is typed: the provider takes that of the connection and no other.
  await page.getByLabel('Name', { exact: true }).fill('okta-staff');
  assert.equal(await copied('redirect URI'), callback('okta-staff'));
  await page.getByLabel('Client ID').fill(APP.client_id);
  await page.getByLabel('Client secret').fill(APP.client_secret);
  await page.getByLabel('Issuer URL').fill(`${okta.issuer}/`);
  await page.getByText('Remove the slash at the end of the issuer.').waitFor();
  await look('okta-difference');
  await page.getByLabel('Issuer URL').fill(okta.issuer);
  await page.getByText('names exactly this issuer').waitFor();
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('It was created.').waitFor();
  assert.equal(await isEnabled().isChecked(), false, 'a draft');

  const visitor = await watched();
  await toSignIn(visitor);
  assert.equal(await visitor.getByRole('button', { name: /okta/i }).count(), 0, 'nobody is offered a draft');
  await visitor.context().close();

  await tested(atOkta);
  await page.getByText(GRACE).first().waitFor();
  await look('okta-tested');
  await open('/users?search=grace');
  await page.getByText('Nothing is called like').waitFor(); // a test makes nobody
  await open('/connections/okta-staff/test');
  await enabled();
  await arrives(/okta/i, atOkta, 'grace@acme.example');
  await open('/users?search=grace');
  await page.getByRole('link', { name: 'grace@acme.example' }).click();
  await page.getByText(GRACE).waitFor();
  await look('okta-user');
  assert.deepEqual(problems.splice(0), []);
});

test('a connection like Entra\'s, over SAML, by its metadata', async () => {
  await open('/connections');
  await page.getByRole('link', { name: 'Add a connection' }).click();
  await page.getByRole('link', { name: 'Microsoft Entra ID SAML v2' }).click();
  await page.getByRole('heading', { name: 'At Microsoft Entra ID' }).waitFor();
  await look('entra-new');
  await page.getByLabel('Metadata URL', { exact: true }).fill(`${idp.url}/metadata`);
  await page.locator('.findings li.good').first().waitFor();
  await look('entra-checked');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('It was created.').waitFor();
  assert.equal(await isEnabled().isChecked(), false, 'a draft');
  // The provider takes ours: its administrator copies the address from the page.
  const [metadata] = (await page.locator('code.copy').allTextContents()).filter((text) => text.endsWith('/metadata'));
  assert.equal(metadata, `${gatehouse.url}/saml/acme/entra/metadata`);
  await idp.introduce(metadata);
  await look('entra');
  await tested(atEntra);
  await page.getByText('objectidentifier').first().waitFor();
  await look('entra-tested');
  await enabled();
  await arrives(/entra/i, atEntra, 'ada@acme.example');
  await open('/users?search=ada');
  await page.getByRole('link', { name: 'ada@acme.example' }).click();
  await page.getByText('00000000-0000-4000-8000-000000000001').waitFor();
  await open('/sign-ins?connection=entra');
  await page.locator('table.list').waitFor();
  await look('sign-ins');
  await page.locator('table.list th a').first().click();
  await page.getByRole('heading', { name: 'What happened' }).waitFor();
  await look('sign-in');
  assert.deepEqual(idp.errors, []);
  assert.deepEqual(problems.splice(0), []);
});

test('a workload holds a role on a model', async () => {
  await open('/trusted_issuers/new');
  await page.getByLabel('Name', { exact: true }).fill('ci');
  await page.getByLabel('Issuer', { exact: true }).fill('https://ci.example');
  await page.getByLabel('Audience', { exact: true }).fill('api://acme');
  await page.getByLabel('JWKS URI').fill('https://ci.example/keys');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('It was created.').waitFor();
  await open('/external_identities/new');
  await page.getByLabel('Name', { exact: true }).fill('release-runner');
  await page.getByLabel('Identity provider').selectOption('ci');
  const claim = page.getByRole('group', { name: 'Claim 1', exact: true });
  await claim.getByLabel('Claim').fill('repository_id');
  await claim.getByLabel('Values, one on each line').fill('456789');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('It was created.').waitFor();
  await open('/resources/new');
  await page.getByLabel('Name', { exact: true }).fill('gpt');
  await page.getByLabel('Type').fill('model');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('It was created.').waitFor();
  await page.getByRole('link', { name: 'Add collaborators' }).click();
  await page.getByLabel('Search by name or e-mail address').fill('release');
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByLabel('release-runner').check();
  await page.getByLabel('Role of those who are ticked').selectOption('Editor');
  await look('collaborator');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('The roles were given.').waitFor();
  assert.equal(await page.getByLabel('Role of release-runner').inputValue(), 'editor');
  await look('resource');
  assert.deepEqual(problems.splice(0), []);
});

test('a directory\'s token is shown once', async () => {
  await open('/directories/new');
  await page.getByLabel('Name', { exact: true }).fill('okta-scim');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('It was created.').waitFor();
  await page.getByRole('link', { name: 'Make a token' }).click();
  await page.getByRole('button', { name: 'Make a token' }).click();
  const token = await page.locator('code.copy', { hasText: /^ghs_/ }).textContent();
  await look('scim-token');
  const push = await fetch(`${gatehouse.url}/scim/v2/Users`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(push.status, 200);
  await page.reload();
  assert.ok(!(await page.content()).includes(token), 'not on a reload');
  await open('/directories/okta-scim');
  assert.ok(!(await page.content()).includes(token), 'nor on the directory\'s page');
  await page.getByRole('rowheader', { name: /^Made here/ }).waitFor();
  assert.deepEqual(problems.splice(0), []);
});

test('a customer fills in a connection by a link, in another browser, and sees the ticks', async () => {
  await open('/setup-links');
  await page.getByLabel('Connection', { exact: true }).fill('customer');
  await page.getByLabel('Also a directory').check();
  await page.getByRole('button', { name: 'Make a link' }).click();
  const link = await page.locator('code.copy', { hasText: '/setup/' }).textContent();
  const guest = await watched();
  await guest.goto(link);
  const tick = (words, state) => guest.locator(`#ticks li${state === 'Done' ? '.done' : ''}`, { hasText: words }).filter({ hasText: state });
  await tick('The connection is filled in', 'Open').waitFor();
  await guest.getByRole('link', { name: 'Okta OIDC' }).click();
  assert.equal(await copied('redirect URI', guest), callback('customer'));
  await guest.getByLabel('Client ID').fill(APP.client_id);
  await guest.getByLabel('Client secret').fill(APP.client_secret);
  await guest.getByLabel('Issuer URL').fill(okta.issuer);
  await guest.getByText('names exactly this issuer').waitFor();
  await guest.getByRole('button', { name: 'Save' }).click();
  await guest.getByText('The changes were saved.').waitFor();
  await tick('The connection is filled in', 'Done').waitFor();
  await tick('metadata was read', 'Done').waitFor();
  // The customer tests it too, in the browser that followed the link.
  await tick('A test sign-in has passed', 'Open').waitFor();
  await guest.getByRole('link', { name: 'Test sign-in …' }).click();
  await look('customer-test', guest);
  await guest.getByRole('button', { name: 'Test sign-in' }).click();
  await atOkta(guest);
  await guest.waitForURL(`${gatehouse.url}/setup/test`);
  await guest.getByRole('heading', { name: /^Passed/ }).waitFor();
  await guest.getByText(GRACE).first().waitFor();
  await look('customer-tested', guest);
  await guest.getByRole('link', { name: 'Back' }).click();
  await tick('A test sign-in has passed', 'Done').waitFor();
  await guest.getByRole('button', { name: 'Make a token' }).click();
  const token = await guest.locator('code.copy', { hasText: /^ghs_/ }).textContent();
  await tick('The directory has called', 'Open').waitFor();
  const call = await fetch(`${gatehouse.url}/scim/v2/Users`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(call.status, 200);
  await tick('The directory has called', 'Done').waitFor(); // by itself
  await tick('switched on', 'Open').waitFor();
  await look('customer', guest);

  // The operator tests what came, and switches it on: from then on the link opens nothing.
  await open('/connections/customer');
  await tested(() => {}); // the provider knows this browser, and what it may tell
  await enabled();
  await guest.goto(`${gatehouse.url}/setup`);
  await guest.getByRole('heading', { name: 'This link leads nowhere' }).waitFor();
  await guest.context().close();
  assert.deepEqual(problems.splice(0), []);
});
