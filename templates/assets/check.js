// Looks at a provider while its settings are typed: sends the form to where "Check" leads, a while after the last key, and
// takes over what was found. The page without this script does the same with a click.
const button = document.querySelector("button[data-check]");
const place = document.getElementById("findings");
const PAUSE = 1200;
// What says where the provider is; nothing is asked before one of these changes.
const LEADS = /^(oidc\.(issuer|scopes|.*_endpoint|jwks_uri|discover|token_endpoint_auth_method)|saml\.(metadata_.*|idp_entity_id|sso_url|certificates)|issuer|jwks_uri|introspection_endpoint|algorithms)$/;
let timer;
let asking;

async function look() {
  asking?.abort();
  asking = new AbortController();
  const typed = new FormData(button.form);
  // What is found does not depend on secrets.
  for (const field of button.form.querySelectorAll("input[type=password]")) typed.delete(field.name);
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(button.formAction, { method: "POST", body: new URLSearchParams(typed), redirect: "error", signal: asking.signal });
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("findings");
    if (found) {
      // A secret that stands in the form stays there.
      found.querySelector(":scope > .hint")?.remove();
      place.replaceChildren(...found.childNodes);
    }
  } catch {
    // Another look has begun, or there is no network: the button is still there.
  } finally {
    place.removeAttribute("aria-busy");
  }
}

button?.form.addEventListener("input", ({ target }) => {
  if (!LEADS.test(target.name)) return;
  clearTimeout(timer);
  timer = setTimeout(look, PAUSE);
});
