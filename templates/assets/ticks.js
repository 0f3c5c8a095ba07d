// Brings what is done up to date while the page is open: the same page is asked for again, and only its ticks are taken. It
// stops when nobody looks, and when the link has ended.
const ticks = document.getElementById("ticks");
const EVERY = 5000;

async function look() {
  if (document.visibilityState === "visible") {
    const answer = await fetch("/setup", { redirect: "error" }).catch(() => undefined);
    if (answer && !answer.ok) return;
    if (answer) {
      const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("ticks");
      if (found && found.textContent !== ticks.textContent) ticks.replaceChildren(...found.childNodes);
    }
  }
  setTimeout(look, EVERY);
}

if (ticks) setTimeout(look, EVERY);
