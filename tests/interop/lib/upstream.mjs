// The npm package oidc-provider as somebody else's identity provider. It listens on 127.0.0.1 while gatehouse is
// localhost, so that their cookies never meet.
import { createServer } from 'node:http';
import { once } from 'node:events';

import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

async function signingKeys(generation) {
  const keys = [];
  for (const [alg, extra] of [['RS256', {}], ['ES256', {}]]) {
    const { privateKey } = await generateKeyPair(alg, { extractable: true, ...extra });
    keys.push({ ...(await exportJWK(privateKey)), alg, use: 'sig', kid: `${alg.toLowerCase()}-${generation}` });
  }
  return keys;
}

/** What the provider remembers, kept while it is made anew with other keys. */
function memory() {
  const records = new Map();
  return class Memory {
    constructor(kind) {
      this.kind = kind;
    }

    async upsert(id, payload) {
      records.set(`${this.kind} ${id}`, payload);
    }

    async find(id) {
      return records.get(`${this.kind} ${id}`);
    }

    async findByUid(uid) {
      return [...records].find(([key, payload]) => key.startsWith(`${this.kind} `) && payload.uid === uid)?.[1];
    }

    async consume(id) {
      records.get(`${this.kind} ${id}`).consumed = Math.floor(Date.now() / 1000);
    }

    async destroy(id) {
      records.delete(`${this.kind} ${id}`);
    }

    async revokeByGrantId(grantId) {
      for (const [key, payload] of records) if (payload.grantId === grantId) records.delete(key);
    }
  };
}

/** Everybody signs in with any password; the login name is the subject. */
const PEOPLE = {
  ada: { email: 'ada@acme.example', email_verified: true, name: 'Ada Lovelace', groups: ['engineers', 'admins'] },
  grace: { email: 'grace@acme.example', email_verified: true, name: 'Grace Hopper', groups: ['engineers'] },
  mallory: { email: 'ada@acme.example', email_verified: false, name: 'Mallory' },
};

export class Upstream {
  /** `clients`: oidc-provider's client metadata; `features`: more of it than signing people in. */
  static async start({ clients, people = PEOPLE, features = {} }) {
    const upstream = new Upstream();
    upstream.requests = [];
    upstream.server = createServer((request, response) => {
      upstream.requests.push(`${request.method} ${request.url.split('?')[0]}`);
      upstream.handler(request, response);
    });
    upstream.server.listen(0, '127.0.0.1');
    await once(upstream.server, 'listening');
    upstream.issuer = `http://127.0.0.1:${upstream.server.address().port}`;
    Object.assign(upstream, { clients, people, features, generation: 0, keys: [], errors: [], memory: memory() });
    await upstream.rotateKeys();
    return upstream;
  }

  /** Signs with new keys from now on. `keepOld`: still publishes those before. */
  async rotateKeys({ keepOld = false } = {}) {
    this.generation += 1;
    this.keys = [...await signingKeys(this.generation), ...(keepOld ? this.keys : [])];
    const { people } = this;
    const provider = new Provider(this.issuer, {
      clients: typeof this.clients === 'function' ? this.clients() : this.clients,
      adapter: this.memory,
      jwks: { keys: this.keys },
      pkce: { required: () => true },
      scopes: ['openid', 'email', 'profile', 'groups', 'offline_access'],
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'given_name', 'family_name', 'preferred_username', 'locale', 'zoneinfo', 'updated_at'], groups: ['groups'] },
      features: { requestObjects: { enabled: true }, devInteractions: { enabled: true }, ...this.features },
      cookies: { keys: ['an upstream of a test'] },
      ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
      findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
      // Its own protection against requests to private addresses would refuse to read gatehouse's keys on this machine.
      fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
      clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    });
    provider.on('server_error', (ctx, error) => this.errors.push(error));
    for (const event of ['authorization.error', 'grant.error', 'userinfo.error']) {
      provider.on(event, (ctx, error) => this.errors.push(error));
    }
    this.provider = provider;
    this.handler = provider.callback();
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
