// How a person gets through the pages: by what the forms hold, not by how they look.
import assert from 'node:assert/strict';

/** oidc-provider's development pages: sign in as `login`, agree, until they let the browser go. */
export async function throughUpstream(browser, page, login) {
  for (let step = 0; step < 6 && !page.stopped; step += 1) {
    const form = page.form('prompt');
    if (!form) return page;
    page = await browser.submit(page, form, form.fields.get('prompt') === 'login' ? { login, password: 'any' } : {});
  }
  return page;
}

/** gatehouse's consent page, when it asks. */
export async function consent(browser, page, decision = 'allow') {
  const form = page.form('decision', decision);
  return form && !page.stopped ? browser.submit(page, form, {}, ['decision', decision]) : page;
}

/** From an authorization URL to wherever it ends: e-mail, password, consent. */
export async function byPassword(browser, start, { email, password }) {
  let page = await browser.open(start);
  if (page.stopped) return page;
  if (!page.form('password')) {
    const form = page.form('with', 'password') ?? page.form('email');
    page = await browser.submit(page, form, { email }, page.form('with', 'password') ? ['with', 'password'] : null);
  }
  page = await browser.submit(page, page.form('password'), { email, password });
  return consent(browser, page);
}

/** The same over a connection; `login` is whom the upstream signs in. */
export async function bySso(browser, start, { connection, login }) {
  let page = await browser.open(start);
  if (page.stopped) return page;
  const form = page.form('connection', connection);
  if (form) {
    const button = form.buttons.find((b) => b.name === 'connection' && b.value === connection);
    page = await browser.submit(page, form, {}, button && ['connection', connection]);
  }
  page = await throughUpstream(browser, page, login);
  return consent(browser, page);
}

/** The code (or error) that a finished sign-in brought to the client. */
export function arrived(page, redirectUri) {
  assert.ok(page.stopped, `the browser was not sent back to the client:\n${page.describe()}`);
  assert.ok(page.stopped.href.startsWith(redirectUri), `sent to ${page.stopped} instead of ${redirectUri}`);
  return page.stopped;
}
