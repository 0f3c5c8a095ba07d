// Sends the page's only form at once, but not when the person came here with the Back button: that would trap them.
// The method is taken from the prototype because a field named "submit" would hide the form's own.
const [arrival] = performance.getEntriesByType("navigation");
if (!arrival || arrival.type !== "back_forward") {
  HTMLFormElement.prototype.submit.call(document.forms[0]);
}
