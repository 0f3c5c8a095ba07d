// A partner's own provider, an npm oidc-provider, that gives the partner's machine access tokens for `API`: JWTs, or opaque
// ones about which it can be asked.
import { discover, oidc } from './client.mjs';
import { Upstream } from './upstream.mjs';

export const API = 'https://api.acme.example';
const SECRET = 'a-secret-of-a-partner-0123456789';
const ASKER = 'a-secret-of-gatehouse-0123456789';

export const partner = (accessTokenFormat) => Upstream.start({
  clients: [
    { client_id: 'partner', client_secret: SECRET, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
    { client_id: 'gatehouse', client_secret: ASKER, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
  ],
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => API,
      getResourceServerInfo: (ctx, resource) => ({
        scope: 'read', audience: resource, accessTokenFormat, accessTokenTTL: 300, jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});

/** What the partner's machine gets from its own provider. */
export async function partnerToken(upstream, resource = API) {
  const config = await discover(upstream.issuer, 'partner', {}, oidc.ClientSecretBasic(SECRET));
  const { access_token } = await oidc.clientCredentialsGrant(config, { resource, scope: 'read' });
  return { access_token, revoke: () => oidc.tokenRevocation(config, access_token) };
}

/** How gatehouse trusts the two, as `partner-jwt` and `partner-opaque`. */
export const trusted = (jwts, opaques, audience = [API]) => [
  { name: 'partner-jwt', issuer: jwts.issuer, jwks_uri: `${jwts.issuer}/jwks`, audience, algorithms: ['ES256'] },
  {
    name: 'partner-opaque', issuer: opaques.issuer, audience: [API], unique_id_claim: 'client_id',
    introspection_endpoint: `${opaques.issuer}/token/introspection`,
    introspection_client_id: 'gatehouse', introspection_client_secret: ASKER,
  },
];
