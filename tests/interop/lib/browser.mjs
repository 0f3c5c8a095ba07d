// A browser without a screen: cookies, redirects and HTML forms, as far as a sign-in needs them.
// Like real browsers it counts localhost as a secure context, so Secure cookies travel over its plain http, it keeps
// cookies by host name, not by port, and when another site posts a form, SameSite=Lax cookies stay at home.
import { parse } from 'node-html-parser';

const MOST_HOPS = 25;

class Cookies {
  #byHost = new Map();

  /** The Set-Cookie headers that a browser ignores; an honest server sends none. */
  refused = [];

  set(url, header) {
    const [pair, ...rest] = header.split(';').map((part) => part.trim());
    const at = pair.indexOf('=');
    const name = pair.slice(0, at);
    const attributes = new Map(rest.map((part) => {
      const [key, ...value] = part.split('=');
      return [key.toLowerCase(), value.join('=')];
    }));
    if (name.startsWith('__Host-') && !(attributes.has('secure') && attributes.get('path') === '/' && !attributes.has('domain'))) {
      this.refused.push(header);
      return;
    }
    const cookie = {
      name,
      value: pair.slice(at + 1),
      path: attributes.get('path')?.startsWith('/') ? attributes.get('path') : url.pathname.replace(/\/[^/]*$/, '') || '/',
      secure: attributes.has('secure'),
      lax: attributes.get('samesite')?.toLowerCase() === 'lax',
      expires: attributes.has('max-age')
        ? Date.now() + Number(attributes.get('max-age')) * 1000
        : attributes.has('expires') ? Date.parse(attributes.get('expires')) : Infinity,
    };
    const jar = this.#byHost.get(url.hostname) ?? new Map();
    this.#byHost.set(url.hostname, jar);
    const key = `${cookie.path} ${name}`;
    if (cookie.expires <= Date.now()) jar.delete(key);
    else jar.set(key, cookie);
  }

  /** Those that travel to `url`; `foreign`: with a form of another site. */
  for(url, foreign = false) {
    const secure = url.protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
    return [...(this.#byHost.get(url.hostname)?.values() ?? [])]
      .filter((c) => c.expires > Date.now() && (secure || !c.secure) && !(foreign && c.lax) && (c.path === '/' || url.pathname === c.path || url.pathname.startsWith(c.path.replace(/\/?$/, '/'))))
      .sort((a, b) => b.path.length - a.path.length);
  }

  clone() {
    const copy = new Cookies();
    copy.#byHost = new Map([...this.#byHost].map(([host, jar]) => [host, new Map(jar)]));
    return copy;
  }
}

/** One answer: a page, or the place outside where the browser was sent (`stopped`). */
export class Page {
  constructor(url, response, body, trail) {
    Object.assign(this, { url, status: response?.status, headers: response?.headers, body, trail, stopped: null });
    this.html = parse(body ?? '');
  }

  get text() {
    return this.html.structuredText;
  }

  forms() {
    return this.html.querySelectorAll('form').map((element) => ({
      action: new URL(element.getAttribute('action') || this.url.href, this.url),
      method: (element.getAttribute('method') || 'get').toLowerCase(),
      fields: new Map(element.querySelectorAll('input[name], textarea[name], select[name]')
        .filter((f) => !['checkbox', 'radio', 'submit', 'button'].includes(f.getAttribute('type')) || f.hasAttribute('checked'))
        .map((f) => [f.getAttribute('name'), f.getAttribute('value') ?? ''])),
      buttons: element.querySelectorAll('button, input[type=submit]')
        .map((b) => ({ name: b.getAttribute('name'), value: b.getAttribute('value') ?? '', text: b.text.trim() })),
    }));
  }

  /** The form that has this field or named button (with this value, when given). */
  form(name, value) {
    return this.forms().find((form) =>
      (form.fields.has(name) && (value === undefined || form.fields.get(name) === value))
      || form.buttons.some((b) => b.name === name && (value === undefined || b.value === value)));
  }

  /** The form that a script of the page sends at once: by ours, or by a SAML provider's. */
  selfSending() {
    const [form] = this.forms();
    const saml = form?.fields.has('SAMLRequest') || form?.fields.has('SAMLResponse');
    return (saml || this.html.querySelector('script[src*=post]')) && form;
  }

  /** For messages of failed tests. */
  describe() {
    return `${this.trail.join('\n')}\n${this.stopped ? `stopped at ${this.stopped}` : `${this.status} ${this.url}\n${this.text.trim()}`}`;
  }
}

export class Browser {
  /** @param stops URL prefixes that are outside: a redirect there ends the walk. */
  constructor({ stops = [] } = {}) {
    this.stops = stops;
    this.cookies = new Cookies();
  }

  /** Another browser with the same cookies (for what happens when they are stolen or restored). */
  clone() {
    const copy = new Browser({ stops: this.stops });
    copy.cookies = this.cookies.clone();
    return copy;
  }

  open(url, { follow = true } = {}) {
    return this.#walk(new URL(url), { method: 'GET' }, follow);
  }

  /** `from`: the page that has the form; without one, a page of the same origin. */
  post(url, fields, { follow = true, from = null } = {}) {
    return this.#walk(new URL(url), { method: 'POST', body: new URLSearchParams(fields) }, follow, from);
  }

  /** Fills in and sends a form of a page: `values` over what the form holds, `button` the [name, value] pressed. */
  async submit(page, form, values = {}, button = null, options) {
    if (!form) throw new Error(`the page has no such form:\n${page.describe()}`);
    const fields = new Map(form.fields);
    for (const [name, value] of Object.entries(values)) fields.set(name, value);
    if (button) fields.set(...button);
    if (form.method === 'post') return this.post(form.action, [...fields], { from: page.url, ...options });
    const url = new URL(form.action);
    url.search = new URLSearchParams([...fields]).toString();
    return this.open(url, options);
  }

  /** One request with this browser's cookies and nothing followed: what a page's own fetch() would do. */
  async fetch(url, { foreign = false, ...init } = {}) {
    const target = new URL(url);
    const headers = new Headers(init.headers);
    const cookies = this.cookies.for(target, foreign);
    if (cookies.length && !headers.has('cookie')) headers.set('cookie', cookies.map((c) => `${c.name}=${c.value}`).join('; '));
    const response = await fetch(target, { ...init, headers, redirect: 'manual' });
    for (const header of response.headers.getSetCookie()) this.cookies.set(target, header);
    return response;
  }

  async #walk(url, init, follow, from = null) {
    const trail = [];
    for (let hop = 0; hop < MOST_HOPS; hop += 1) {
      const headers = { accept: 'text/html' };
      if (init.method === 'POST') headers.origin = (from ?? url).origin;
      const foreign = init.method === 'POST' && from !== null && from.hostname !== url.hostname;
      const response = await this.fetch(url, { ...init, headers, foreign });
      const body = await response.text();
      trail.push(`${init.method} ${url.origin}${url.pathname} ${response.status}`);
      const location = response.headers.get('location');
      if (!location || response.status < 300 || response.status > 399) {
        const page = new Page(url, response, body, trail);
        const own = page.selfSending();
        if (!own || !follow) return page;
        if (this.#isOutside(own.action.href)) {
          page.stopped = own.action;
          page.posted = own.fields;
          return page;
        }
        [url, from, init] = [own.action, url, { method: 'POST', body: new URLSearchParams([...own.fields]) }];
        continue;
      }
      const next = new URL(location, url);
      if (!follow || this.#isOutside(next.href)) {
        const page = new Page(url, response, body, trail);
        page.stopped = next;
        return page;
      }
      const keep = response.status === 307 || response.status === 308;
      [url, from, init] = [next, url, keep ? init : { method: 'GET' }];
    }
    throw new Error(`more than ${MOST_HOPS} redirects:\n${trail.join('\n')}`);
  }

  #isOutside(href) {
    return this.stops.some((stop) => href.startsWith(stop));
  }
}
