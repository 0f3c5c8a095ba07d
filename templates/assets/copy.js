// Puts a button beside each value that is there to be copied. Without it, a click selects the whole value.
for (const value of document.querySelectorAll('code.copy')) {
  if (!navigator.clipboard) break;
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copying';
  button.textContent = 'Copy';
  // What it is called here: what others call it, and how long it is, nobody needs to hear.
  const label = value.closest('dl > div')?.querySelector('dt')?.firstChild?.textContent.trim();
  if (label) button.setAttribute('aria-label', `Copy ${label}`);
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(value.textContent);
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  });
  value.after(button);
}
