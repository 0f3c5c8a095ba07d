// The wire without a library: for races, crashes and the control-plane hops, where a library would hide what is sent.
import { createHash, randomBytes } from 'node:crypto';

import { arrived, byPassword } from './journey.mjs';
import { Browser } from './browser.mjs';

export const pkce = () => {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
};

export function authorizeUrl(issuer, { clientId, redirectUri, challenge, scope = 'openid email offline_access', state = 's', ...more }) {
  const url = new URL(`${issuer}/oauth2/authorize`);
  url.search = new URLSearchParams({
    response_type: 'code', client_id: clientId, redirect_uri: redirectUri, scope, state,
    code_challenge: challenge, code_challenge_method: 'S256', ...more,
  });
  return url;
}

/** POST /oauth2/token of a public client; `origin` is the node that is asked. */
export async function token(origin, fields) {
  const response = await fetch(`${origin}/oauth2/token`, { method: 'POST', body: new URLSearchParams(fields) });
  const text = await response.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    body = { text };
  }
  return { status: response.status, body };
}

export const redeem = (origin, { clientId, code, verifier, redirectUri }) =>
  token(origin, { grant_type: 'authorization_code', client_id: clientId, code, code_verifier: verifier, redirect_uri: redirectUri });

export const refresh = (origin, { clientId, refreshToken }) =>
  token(origin, { grant_type: 'refresh_token', client_id: clientId, refresh_token: refreshToken });

/** A fresh code of this person, with its verifier. */
export async function freshCode(issuer, { clientId, redirectUri, person, browser = new Browser({ stops: [redirectUri] }) }) {
  const { verifier, challenge } = pkce();
  const page = await byPassword(browser, authorizeUrl(issuer, { clientId, redirectUri, challenge }), person);
  const code = arrived(page, redirectUri).searchParams.get('code');
  if (!code) throw new Error(`no code in ${page.stopped}`);
  return { clientId, code, verifier, redirectUri };
}

/** The cookies that an answer sets: name → { value, and its attributes in lower case }. */
export function setCookies(response) {
  return new Map(response.headers.getSetCookie().map((header) => {
    const [pair, ...rest] = header.split(';').map((part) => part.trim());
    const at = pair.indexOf('=');
    const attributes = Object.fromEntries(rest.map((part) => {
      const [key, ...value] = part.split('=');
      return [key.toLowerCase(), value.length ? value.join('=') : true];
    }));
    return [pair.slice(0, at), { value: pair.slice(at + 1), ...attributes }];
  }));
}
