// Somebody is invited by mail, follows the link, and is a user; the link works once.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { inspect, launch } from './lib/chromium.mjs';
import { startDemo } from './lib/demo.mjs';
import { KATHERINE, invite, password } from './lib/walk.mjs';

let browser;
let demo;
let context;
let page;
const problems = [];

before(async () => {
  [browser, demo] = await Promise.all([launch(), startDemo()]);
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});
beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
  page.on('console', (message) => message.type() === 'error' && !/^Failed to load resource.* 4\d\d /.test(message.text()) && problems.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => problems.push(`script: ${error}`));
});
afterEach(async () => {
  await context.close();
  assert.deepEqual(problems.splice(0), []);
});

const look = async (name) => problems.push(...await inspect(page, name));

test('invited, by mail to the account; and once', async () => {
  await page.goto(demo.url);
  await page.getByRole('link', { name: 'invite somebody by mail' }).click();
  await page.getByRole('heading', { name: 'Mailbox' }).waitFor();
  await look('11-mailbox-empty');
  const link = await invite(page, demo, KATHERINE.email);
  await look('12-mailbox');

  // A program that looks at links in mails has been here before.
  await Promise.all([1, 2, 3].map(() => fetch(link)));
  const asked = [];
  page.on('request', (request) => asked.push(request));
  await page.getByRole('link', { name: link }).click();
  await page.getByRole('heading', { name: 'Join Guests' }).waitFor();
  await page.getByText('Ada Lovelace (ada@demo.example)').waitFor();
  await look('13-invite');
  const elsewhere = asked.filter((request) => !request.url().startsWith(demo.gatehouse));
  assert.deepEqual(elsewhere.map((request) => request.url()), [], 'the page loads nothing from elsewhere');

  asked.length = 0;
  await page.getByRole('button', { name: 'Sign in with OpenID (development)' }).click();
  await page.waitForURL(`${demo.identityProvider}/**`);
  const headers = await Promise.all(asked.map((request) => request.allHeaders()));
  assert.ok(headers.every((all) => !all.referer?.includes('/login/invite/')), 'nobody is told where the person was');
  await password(page, KATHERINE);
  await page.waitForURL(`${demo.gatehouse}/account`);
  await page.getByRole('heading', { name: 'You are signed in' }).waitFor();
  await page.getByText(KATHERINE.email).waitFor();
  await look('14-account-invited');

  const other = await (await browser.newContext()).newPage();
  await other.goto(link);
  await other.getByRole('heading', { name: 'This invite has been used' }).waitFor();
  await page.goto(link);
  await look('15-invite-used');
  await other.context().close();
});

test('with a password of her own choice', async () => {
  await page.goto(`${demo.url}/mailbox`);
  const link = await invite(page, demo, 'mary.winston.jackson@guests.example');
  await page.goto(link);
  const lines = await page.locator('dd bdi').evaluate((address) => address.getClientRects().length);
  assert.equal(lines, 1, 'an address stays in one piece, as long as the card is wide enough');
  await page.getByLabel('Your name').fill('Mary Jackson');
  await page.getByLabel('Choose a password').fill('aaaaaaaaaaaaaaaa');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('alert').waitFor();
  await look('16-invite-weak-password');
  await page.getByLabel('Choose a password').fill('wind tunnel data');
  await page.keyboard.press('Enter');
  await page.waitForURL(`${demo.gatehouse}/account`);
  await page.getByText('Mary Jackson').waitFor();
});

test('somebody else with the link is told whose it is', async () => {
  await page.goto(`${demo.url}/mailbox`);
  const link = await invite(page, demo, 'dorothy@guests.example');
  await page.goto(link);
  await page.getByRole('button', { name: 'Sign in with OpenID (development)' }).click();
  await password(page, { email: 'grace@demo.example', password: 'nanosecond-wire' });
  await page.getByText('You signed in as grace@demo.example, but the invite is for dorothy@guests.example.').waitFor();
  await look('17-invite-wrong-account');
});
