// What real providers send, for the providers of tests/interop to send it: claims as Okta has them, attributes as Entra ID.
import { EMAIL } from '../../interop/lib/samlp.mjs';

/** Okta's subjects name nobody; the address may stand in preferred_username too. */
export const OKTA = {
  '00u1grace4HopperJq5d7': {
    email: 'grace@acme.example', email_verified: true, name: 'Grace Hopper', given_name: 'Grace', family_name: 'Hopper',
    preferred_username: 'grace@acme.example', locale: 'en_US', zoneinfo: 'America/New_York', updated_at: 1_780_000_000,
    groups: ['Everyone', 'Compilers'],
  },
};

const SOAP = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims';
const MICROSOFT = 'http://schemas.microsoft.com';

/** Entra ID names people by their object id, and groups by theirs. */
export function entra(user) {
  return {
    getClaims: () => ({
      [`${MICROSOFT}/identity/claims/tenantid`]: '6f6b7f3a-3f0e-4a53-9d0e-3a6a0c1d2e3f',
      [`${MICROSOFT}/identity/claims/objectidentifier`]: `00000000-0000-4000-8000-0000000000${user.id.replace(/\D/g, '').padStart(2, '0')}`,
      [`${MICROSOFT}/identity/claims/displayname`]: `${user.givenName} ${user.familyName}`,
      [`${MICROSOFT}/ws/2008/06/identity/claims/groups`]: ['8d1f0b52-7a58-4a3c-9d5b-0a4c1f0e77aa', '5c2e9c11-0d6e-4b8e-8f49-7f0f3f2b11bb'],
      [`${MICROSOFT}/identity/claims/identityprovider`]: 'https://sts.windows.net/6f6b7f3a-3f0e-4a53-9d0e-3a6a0c1d2e3f/',
      [`${SOAP}/givenname`]: user.givenName,
      [`${SOAP}/surname`]: user.familyName,
      [`${SOAP}/emailaddress`]: user.email,
      [`${SOAP}/name`]: user.email,
    }),
    getNameIdentifier: (options) => ({ nameIdentifier: options.nameIdentifierFormat === EMAIL ? user.email : `pairwise-${user.id}` }),
  };
}
entra.prototype.metadata = [];
