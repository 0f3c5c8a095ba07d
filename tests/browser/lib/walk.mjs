// The ways of a newcomer through the demo, in the words of the pages.

/** From the demo's page to the sign-in page. */
export async function toSignIn(page, demo) {
  await page.goto(demo.url);
  await page.getByRole('link', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: /^Sign in to/ }).waitFor();
}

/** On a sign-in page, gatehouse's or the identity provider's, which is one too. */
export async function password(page, { email, password: secret }) {
  if (await page.getByLabel('Password').count() === 0) {
    await page.getByLabel('E-mail address').fill(email);
    await page.getByRole('button', { name: /with a password/ }).click();
  }
  await page.getByLabel('Password').fill(secret);
  await page.getByLabel('E-mail address').fill(email);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

/** Over the connection of the demo. */
export async function singleSignOn(page, demo, person, atProvider = async () => {}) {
  await page.getByRole('button', { name: 'Sign in with OpenID (development)' }).click();
  await page.waitForURL(`${demo.identityProvider}/**`);
  await atProvider();
  await password(page, person);
}

/** From the sign-in page to the page of the SAML identity provider. */
export async function toSaml(page, demo) {
  await page.getByRole('button', { name: 'Sign in with SAML (development)' }).click();
  await page.waitForURL(`${demo.identityProvider}/**`);
  await page.getByRole('heading', { name: 'Who are you?' }).waitFor();
}

/** There, as this person: the answer is posted from the provider's site to gatehouse's. */
export async function answerAs(page, { email }) {
  await page.getByRole('button', { name: email }).click();
}

/** The people that the demo's page names: e-mail, password if they have one, and what the page says of them. */
export async function people(page) {
  return page.locator('ul.people > li').evaluateAll((items) => items.map((item) => ({
    email: item.querySelector('strong')?.textContent.trim(),
    password: item.querySelector('code')?.textContent.trim(),
    note: item.textContent.replace(/\s+/g, ' ').trim(),
  })));
}

/** The claims of a panel of the control plane, by name. */
export async function claims(page, title) {
  const rows = page.locator('section', { has: page.getByRole('heading', { name: title }) }).locator('table.claims tbody tr');
  return Object.fromEntries(await rows.evaluateAll((all) => all.map((row) => [
    row.querySelector('th code').textContent, row.querySelector('td code').textContent,
  ])));
}

/** Whom the demo's mailbox suggests to invite. */
export const KATHERINE = { email: 'katherine@guests.example', password: 'launch-window' };

/** On the mailbox page: invites, and gives the link of the mail that arrives. */
export async function invite(page, demo, email) {
  await page.getByLabel('E-mail address').fill(email);
  await page.getByRole('button', { name: 'Invite' }).click();
  const letter = page.locator('article.letter', { hasText: `To ${email}` });
  await letter.waitFor();
  const link = await letter.getByRole('link').textContent();
  if (!link.startsWith(`${demo.gatehouse}/login/invite/`)) throw new Error(`no link to gatehouse: ${link}`);
  return link;
}
