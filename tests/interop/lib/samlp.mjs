// The npm package samlp (Auth0's) as somebody else's SAML identity provider: a real server on a free port. It listens on
// 127.0.0.1 while gatehouse is localhost: another site, as a customer's provider is.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const samlp = require('samlp');
const SessionParticipants = require('samlp/lib/sessionParticipants');

const POST = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST';
const REDIRECT = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect';
export const PERSISTENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent';
export const EMAIL = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress';

export const PEOPLE = {
  ada: { id: 'u-1', email: 'ada@acme.example', givenName: 'Ada', familyName: 'Lovelace', groups: ['engineers', 'admins'] },
  grace: { id: 'u-2', email: 'grace@acme.example', givenName: 'Grace & "Amazing"', familyName: '<Hopper> Þórð', groups: ['r&d <eu>'] },
};

/** An RSA key and its certificate, in PEM. */
export function newKey() {
  const dir = mkdtempSync(join(tmpdir(), 'samlp-'));
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=samlp', '-keyout', join(dir, 'k'), '-out', join(dir, 'c')], { stdio: 'ignore' });
    return { key: readFileSync(join(dir, 'k'), 'utf8'), cert: readFileSync(join(dir, 'c'), 'utf8') };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const bare = (pem) => pem.replace(/-----[^-]+-----|\s/g, '');
const toPem = (base64) => `-----BEGIN CERTIFICATE-----\n${base64.replace(/\s/g, '').match(/.{1,64}/g).join('\n')}\n-----END CERTIFICATE-----\n`;

/** The attributes under the names that the preset auth0 expects. */
function mapper(user) {
  const claims = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims';
  return {
    getClaims: () => ({
      [`${claims}/nameidentifier`]: user.id,
      [`${claims}/emailaddress`]: user.email,
      [`${claims}/givenname`]: user.givenName,
      [`${claims}/surname`]: user.familyName,
      'http://schemas.xmlsoap.org/claims/Group': user.groups,
    }),
    getNameIdentifier: (options) => ({ nameIdentifier: options.nameIdentifierFormat === EMAIL ? user.email : user.id }),
  };
}
mapper.prototype.metadata = [];

/** A service provider, from its metadata, as an administrator copies it. */
async function serviceProvider(url) {
  const { parse } = await import('node-html-parser');
  const entity = parse(await (await fetch(url)).text());
  const all = (name) => entity.querySelectorAll('*').filter((e) => e.rawTagName.replace(/^.*:/, '') === name);
  const location = (service, binding) => all(service).find((s) => s.getAttribute('Binding') === binding)?.getAttribute('Location');
  const certificates = (use) => all('KeyDescriptor').filter((k) => k.getAttribute('use') === use)
    .map((k) => toPem(k.querySelectorAll('*').find((e) => /X509Certificate$/.test(e.rawTagName)).text));
  return {
    entityId: all('EntityDescriptor')[0].getAttribute('entityID'),
    acs: location('AssertionConsumerService', POST),
    slo: location('SingleLogoutService', REDIRECT),
    sloByForm: location('SingleLogoutService', POST),
    signing: certificates('signing'),
    encryption: certificates('encryption'),
  };
}

const body = async (request) => Object.fromEntries(new URLSearchParams(Buffer.concat(await request.toArray()).toString()));

export class Samlp {
  static async start() {
    const idp = new Samlp();
    Object.assign(idp, { keys: [newKey()], habits: {}, providers: new Map(), requests: [], errors: [], fetched: 0, pending: new Map(), participants: [], transactions: new Map() });
    idp.signing = idp.keys[0];
    idp.server = createServer((request, response) => idp.#serve(request, response));
    idp.server.listen(0, '127.0.0.1');
    await once(idp.server, 'listening');
    idp.url = `http://127.0.0.1:${idp.server.address().port}`;
    idp.entityId = `urn:samlp:${idp.server.address().port}`;
    return idp;
  }

  /** Tells it of service providers; `habits` says by the connection's name how it answers. */
  async introduce(...metadataUrls) {
    for (const url of metadataUrls) {
      const provider = await serviceProvider(url);
      this.providers.set(provider.entityId, provider);
    }
  }

  habitOf(entityId) {
    return this.habits[entityId.split('/').at(-2)] ?? {};
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  /** Express in ten lines: what samlp asks of a request and a response. */
  async #serve(request, response) {
    const url = new URL(request.url, this.url);
    request.query = Object.fromEntries(url.searchParams);
    request.originalUrl = request.url;
    request.protocol = 'http';
    request.body = request.method === 'POST' ? await body(request) : {};
    response.set = (name, value) => response.setHeader(name, value);
    response.send = (content) => {
      if (typeof content === 'number') response.statusCode = content;
      response.end(typeof content === 'number' ? String(content) : content);
    };
    response.redirect = (to) => response.writeHead(302, { location: to }).end();
    const fail = (error) => {
      this.errors.push(error);
      response.writeHead(400, { 'content-type': 'text/plain' }).end(`samlp: ${error.message ?? error}`);
    };
    try {
      await this.#route(url.pathname, request, response, fail);
    } catch (error) {
      fail(error);
    }
  }

  #route(path, request, response, fail) {
    switch (path) {
      case '/metadata': return this.#metadata(request, response);
      case '/sso': return this.#signOn(request, response, fail);
      case '/sign-in': return this.#signedIn(request, response, fail);
      case '/slo': return this.#logout(request, response, fail);
      default: return response.writeHead(404).end();
    }
  }

  /** samlp writes one certificate; a provider that changes its key publishes both. */
  #metadata(request, response) {
    this.fetched += 1;
    const write = response.send;
    response.send = (xml) => {
      const [one] = /<KeyDescriptor[^]*<\/KeyDescriptor>/.exec(xml);
      write(xml.replace(one, this.keys.map((k) => one.replace(bare(this.keys[0].cert), bare(k.cert))).join('')));
    };
    samlp.metadata({
      issuer: this.entityId, cert: this.keys[0].cert, profileMapper: mapper,
      redirectEndpointPath: '/sso', postEndpointPath: '/sso', logoutEndpointPaths: { redirect: '/slo', post: '/slo' },
    })(request, response);
  }

  /**
   * The request must be signed with a key of the service provider's metadata. samlp cannot look the key up by a request's
   * issuer (its getCredentials finds none in an AuthnRequest), so it reads twice: for the issuer, and to verify.
   */
  #signOn(request, response, fail) {
    const message = { ...request.query, ...request.body };
    samlp.parseRequest(request, {}, (unreadable, { issuer } = {}) => {
      const provider = this.providers.get(issuer);
      if (unreadable || !provider) return fail(unreadable ?? new Error(`unknown service provider ${issuer}`));
      const options = { relayState: request.query.RelayState, signingCert: provider.signing[0] };
      return samlp.parseRequest(request, options, (error, parsed) => {
        if (error) return fail(error);
        this.requests.push(parsed);
        const pending = crypto.randomUUID();
        this.pending.set(pending, { parsed, relayState: message.RelayState });
        response.set('Content-Type', 'text/html');
        return response.send(`<form method="post" action="/sign-in"><input name="login"><input type="hidden" name="pending" value="${pending}"></form>`);
      });
    });
  }

  #signedIn(request, response, fail) {
    const { parsed, relayState } = this.pending.get(request.body.pending);
    const provider = this.providers.get(parsed.issuer);
    const user = PEOPLE[request.body.login];
    const { encrypted, ...habit } = this.habitOf(parsed.issuer);
    const encryption = encrypted && { encryptionCert: provider.encryption[0], encryptionPublicKey: publicKey(provider.encryption[0]), ...encrypted };
    const sessionIndex = `_${crypto.randomUUID()}`;
    const options = {
      issuer: this.entityId, ...this.signing, audience: parsed.issuer, destination: provider.acs, recipient: provider.acs,
      inResponseTo: parsed.id, profileMapper: mapper, nameIdentifierFormat: PERSISTENT, sessionIndex, lifetimeInSeconds: 300,
      signatureAlgorithm: 'rsa-sha256', digestAlgorithm: 'sha256', ...habit, ...encryption,
    };
    samlp.getSamlResponse(options, user, (error, xml) => {
      if (error) return fail(error);
      this.participants.push({
        serviceProviderId: parsed.issuer, nameId: mapper(user).getNameIdentifier(options).nameIdentifier, nameIdFormat: options.nameIdentifierFormat,
        sessionIndex, serviceProviderLogoutURL: provider.slo, cert: provider.signing[0],
      });
      response.set('Content-Type', 'text/html');
      return response.send(form(provider.acs, { SAMLResponse: Buffer.from(xml).toString('base64'), RelayState: relayState }));
    });
  }

  /** Both directions of single logout; without a message in the request the provider begins. `?by=form` lets it post. */
  #logout(request, response, fail) {
    const byForm = request.query.by === 'form' || Boolean(request.body.SAMLRequest);
    const asked = request.query.SAMLRequest || request.body.SAMLRequest;
    samlp.logout({
      issuer: this.entityId, ...this.signing, deflate: true, protocolBinding: byForm ? POST : REDIRECT,
      // The signature of a form must name what it signs, and samlp takes a request for granted.
      ...(byForm && asked && { reference: "//*[local-name(.)='LogoutResponse']" }),
      sessionParticipants: new SessionParticipants(this.participants),
      relayState: request.query.RelayState, store: this.#store(),
    })(request, response, fail);
  }

  #store() {
    const { transactions } = this;
    return {
      save: (_request, state, done) => {
        const id = crypto.randomUUID();
        transactions.set(id, state);
        done(null, id);
      },
      load: (_request, id, options, done = options) => {
        const state = transactions.get(id);
        if (options.destroy) transactions.delete(id);
        done(null, state);
      },
      update: (_request, id, state, done) => done(null, transactions.set(id, state)),
    };
  }
}

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
const form = (action, fields) => `<!doctype html><form method="post" action="${escape(action)}">${Object.entries(fields)
  .map(([name, value]) => `<input type="hidden" name="${name}" value="${escape(value ?? '')}">`).join('')}</form>`;

function publicKey(certificate) {
  return new (require('node:crypto').X509Certificate)(certificate).publicKey.export({ type: 'spki', format: 'pem' });
}
