// An operator makes a set-up link, and the customer's own administrator follows it in a browser of their own.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { inspect, launch } from './lib/chromium.mjs';
import { startDemo } from './lib/demo.mjs';
import { password, people } from './lib/walk.mjs';

let browser;
let demo;
let page;
let link;
const problems = [];
const look = async (name, what = page) => problems.push(...await inspect(what, `setup-${name}`));
const open = (path) => page.goto(`${demo.gatehouse}/admin/demo${path}`);
const watched = async () => {
  const opened = await (await browser.newContext()).newPage();
  opened.on('pageerror', (error) => problems.push(`script: ${error}`));
  return opened;
};

before(async () => {
  [browser, demo] = await Promise.all([launch(), startDemo()]);
  page = await watched();
  await page.goto(demo.url);
  const ada = (await people(page)).find((p) => p.password && /password/.test(p.note));
  await open('/setup-links');
  await page.getByLabel('E-mail address, or short name').fill('demo');
  await page.getByRole('button', { name: 'Continue' }).click();
  await password(page, ada);
  await page.waitForURL(`${demo.gatehouse}/admin/demo/setup-links`);
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

test('a difference shows while it is typed, and nothing is saved', async () => {
  await open('/connections/new?preset=custom_oidc&protocol=oidc');
  await page.getByLabel('Client secret').fill('typed and kept');
  await page.getByLabel('Issuer URL').fill(`${demo.identityProvider}/`);
  await page.getByText('Remove the slash at the end of the issuer.').waitFor();
  assert.equal(await page.getByLabel('Issuer URL').inputValue(), `${demo.identityProvider}/`, 'it is not repaired');
  assert.equal(await page.getByLabel('Client secret').inputValue(), 'typed and kept');
  await look('difference');
  await page.getByLabel('Issuer URL').fill(demo.identityProvider);
  await page.getByText('names exactly this issuer').waitFor();
  await page.getByRole('button', { name: 'Check' }).click();
  await page.getByText('A secret that you typed is not sent back').waitFor();
  assert.equal(await page.getByLabel('Issuer URL').inputValue(), demo.identityProvider);
  await look('checked');
  assert.deepEqual(problems.splice(0), []);
});

test('a domain has a record to publish', async () => {
  await open('/domains');
  await page.getByLabel('Add a domain').fill('gmail.com');
  await page.getByRole('button', { name: 'Add' }).click();
  await page.getByText("is a mailbox provider's").waitFor();
  await look('domain-wrong');
  await page.getByLabel('Add a domain').fill('customer.example');
  await page.getByRole('button', { name: 'Add' }).click();
  await page.getByText('_gatehouse-challenge.customer.example').waitFor();
  await look('domains');
  assert.deepEqual(problems.splice(0), []);
});

test('an operator makes a link', async () => {
  await open('/setup-links');
  await look('none');
  await page.getByLabel('Connection', { exact: true }).fill('customer');
  await page.getByLabel('Also a directory').check();
  await page.getByLabel('Also prove a domain').check();
  await page.getByRole('button', { name: 'Make a link' }).click();
  link = await page.locator('code.copy').first().textContent();
  assert.match(link, /\/setup\/[\w-]{43}$/);
  await look('made');
  assert.deepEqual(problems.splice(0), []);
});

test('a second browser follows it and fills in the connection', async () => {
  const guest = await watched();
  await guest.goto(link);
  assert.equal(guest.url(), `${demo.gatehouse}/setup`, 'the link stands in no address');
  await look('choose', guest);
  await guest.getByRole('link', { name: 'Custom OIDC' }).click();
  await guest.getByLabel('Client ID').fill('gatehouse');
  await guest.getByLabel('Client secret').fill('not to be seen again');
  await guest.getByLabel('Issuer URL').fill(demo.identityProvider);
  await guest.getByText('names exactly this issuer').waitFor();
  assert.equal(await guest.getByLabel('Button text').count(), 0, 'that is the operator\'s');
  await look('form', guest);
  await guest.getByRole('button', { name: 'Save' }).click();
  await guest.getByText('The changes were saved.').waitFor();
  assert.ok(!(await guest.content()).includes('not to be seen again'));
  await guest.getByLabel('Domain').fill('guest.example');
  await guest.getByRole('button', { name: 'Prove this domain' }).click();
  await guest.getByText('_gatehouse-challenge.guest.example').waitFor();
  await guest.getByRole('button', { name: 'Make a token' }).click();
  await guest.getByText('shown this once').waitFor();
  const token = await guest.locator('code.copy', { hasText: /^ghs_/ }).textContent();
  await look('token', guest);

  // The directory calls, and the page says so by itself.
  const called = await fetch(`${demo.gatehouse}/scim/v2/Users`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(called.status, 200);
  await guest.locator('li.done', { hasText: 'The directory has called' }).waitFor();
  await guest.goto(`${demo.gatehouse}/admin/demo/connections/customer`);
  assert.match(guest.url(), /\/login/, 'it opens nothing else');

  await open('/connections/customer');
  assert.equal(await page.getByLabel('Enabled', { exact: true }).isChecked(), false, 'a draft');
  await guest.goto(`${demo.gatehouse}/setup`);
  await guest.getByRole('button', { name: 'I am done' }).click();
  await guest.getByRole('heading', { name: 'Thank you' }).waitFor();
  await look('done', guest);
  await guest.goto(link);
  await guest.getByRole('heading', { name: 'This link leads nowhere' }).waitFor();
  await open('/setup-links');
  await page.getByText('ended by').waitFor();
  await look('list');
  assert.deepEqual(problems.splice(0), []);
});
