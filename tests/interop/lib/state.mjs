// The declarative state of the tests: one tenant, in the format of `gatehouse apply`.

/** Redirect URIs are outside: the browser of the tests stops there, nothing listens. */
export const APP = 'https://app.example/callback';
export const CONTROL_PLANE = 'https://cp.example';
export const ADA = { email: 'ada@acme.example', password: 'correct horse battery staple' };
export const GRACE = { email: 'grace@acme.example', password: 'nanoseconds by the foot' };

export const tenant = ({ name = 'acme', connections = [], clients = [], users, ...more } = {}) => ({
  name,
  display_name: name[0].toUpperCase() + name.slice(1),
  domains: [`${name}.example`],
  provisioning: 'jit',
  connections,
  clients,
  users: users ?? [{ ...ADA, name: 'Ada Lovelace' }, { ...GRACE, name: 'Grace Hopper' }],
  ...more,
});

export const state = (...tenants) => ({ tenants });

export const client = (client_id, more = {}) => ({
  client_id,
  name: client_id,
  redirect_uris: [APP],
  grant_types: ['authorization_code', 'refresh_token'],
  trusted: true,
  ...more,
});

export const connection = (name, oidc, more = {}) => ({
  name,
  protocol: 'oidc',
  button_text: `Sign in with ${name}`,
  email_trust: 'verified',
  ...more,
  oidc: { discover: true, scopes: 'openid email profile groups', ...oidc },
});
