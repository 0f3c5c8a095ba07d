// The values to copy are made of the connection's name and of whose callback URL it has: they follow what is typed. The page
// without this script shows them anew with a click on "Check".
const made = document.querySelectorAll("[data-own]");
const fields = document.querySelector("form.fields")?.elements;

function follow() {
  const typed = fields.namedItem("name");
  const name = typed ? typed.value.trim() : "";
  const own = fields.namedItem("own_callback");
  for (const one of made) {
    const value = own ? (own.checked ? one.dataset.own : one.dataset.shared) : one.dataset.own;
    // What cannot be a name makes no address.
    const shown = /^[A-Za-z0-9-]+$/.test(name) ? value.replaceAll("{name}", name) : value;
    const code = one.querySelector("code.copy");
    if (code.textContent !== shown) code.textContent = shown;
  }
}

if (fields && made.length) {
  document.querySelector("[data-unfollowed]")?.remove();
  document.querySelector("form.fields").addEventListener("input", ({ target }) => {
    if (target.name === "name" || target.name === "own_callback") follow();
  });
  // A browser that comes back to the page fills in what was typed.
  follow();
}
