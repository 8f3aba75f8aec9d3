// Challenges as their makers' documentation has them marked up: what a solver has to know of one, and how its answer is handed over. Runs among the page's
// own scripts, because that is where its callbacks are; nothing that it reads is more than a name of something public.
(() => {
  const WIDGET = { recaptcha: '.g-recaptcha', hcaptcha: '.h-captcha', turnstile: '.cf-turnstile' };
  const FRAME = { recaptcha: /recaptcha/i, hcaptcha: /hcaptcha/i, turnstile: /turnstile|challenge-platform/i };
  const FIELD = {
    recaptcha: ['g-recaptcha-response'], hcaptcha: ['h-captcha-response', 'g-recaptcha-response'], turnstile: ['cf-turnstile-response', 'g-recaptcha-response'],
  };
  const roots = () => { const out = []; const visit = r => { out.push(r); for (const el of r.querySelectorAll('*')) if (el.shadowRoot) visit(el.shadowRoot); }; visit(document); return out; };
  const all = css => roots().flatMap(r => [...r.querySelectorAll(css)]);
  const seen = el => { const r = el.getBoundingClientRect(); return r.width > 1 && r.height > 1 && getComputedStyle(el).visibility !== 'hidden'; };
  const attr = (el, name) => el && el.getAttribute(name) || '';
  const param = (address, name) => {
    try { const u = new URL(address, location.href); return u.searchParams.get(name) || new URLSearchParams(u.hash.slice(1)).get(name) || ''; } catch { return ''; }
  };
  const widgetOf = kind => { const found = all(WIDGET[kind]); return found.find(seen) || found[0] || null; };
  const frameOf = kind => all('iframe').find(f => FRAME[kind].test(f.src) && !/size=invisible/.test(f.src) && seen(f)) || all('iframe').find(f => FRAME[kind].test(f.src)) || null;
  const look = kind => {
    const widget = widgetOf(kind), frame = frameOf(kind), src = frame ? frame.src : '';
    const scripts = [...document.scripts].map(s => s.src).filter(Boolean);
    const rendered = scripts.map(s => /recaptcha\//i.test(s) ? param(s, 'render') : '').find(v => v && v !== 'explicit' && v !== 'onload') || '';
    const own = attr(widget, 'data-sitekey') || param(src, 'k') || param(src, 'sitekey') || (/\/(0x[\w-]+)\//.exec(src) || [])[1] || '';
    const scored = kind === 'recaptcha' && !own && !!rendered;
    return {
      kind, site_key: own || (kind === 'recaptcha' ? rendered : ''), scored, action: attr(widget, 'data-action') || param(src, 'sa'),
      data: attr(widget, 'data-s') || attr(widget, 'data-cdata'), invisible: attr(widget, 'data-size') === 'invisible' || param(src, 'size') === 'invisible',
      enterprise: [src, ...scripts].some(s => /recaptcha\/enterprise/i.test(s)), url: location.href,
    };
  };
  const put = (el, token) => {
    const proto = el.localName === 'textarea' ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype;
    Object.getOwnPropertyDescriptor(proto, 'value').set.call(el, token);
    for (const type of ['input', 'change']) el.dispatchEvent(new Event(type, { bubbles: true }));
  };
  const named = path => { let owner = window, value = window; for (const part of path.split('.')) { owner = value; value = value == null ? undefined : value[part]; } return typeof value === 'function' ? value.bind(owner) : null; };
  // The published library keeps what a page gave it to call among its clients.
  const registered = () => {
    const cfg = window.___grecaptcha_cfg, found = [], met = new Set();
    const visit = (value, depth) => {
      if (!value || typeof value !== 'object' || depth > 5 || met.has(value) || value instanceof Node) return;
      met.add(value);
      for (const name of Object.keys(value)) {
        const inner = value[name];
        if (name === 'callback' && typeof inner === 'function') found.push(inner);
        else if (name === 'callback' && typeof inner === 'string' && named(inner)) found.push(named(inner));
        else visit(inner, depth + 1);
      }
    };
    if (cfg && cfg.clients) visit(cfg.clients, 0);
    return found;
  };
  const give = (kind, token) => {
    const widget = widgetOf(kind), fields = [...FIELD[kind]], own = attr(widget, 'data-response-field-name');
    if (own) fields.unshift(own);
    let filled = 0;
    for (const name of fields) for (const el of all(`[name="${CSS.escape(name)}"],textarea[id^="${CSS.escape(name)}"]`)) if (/^(textarea|input)$/.test(el.localName)) { put(el, token); filled++; }
    if (!filled) {
      const home = widget || (document.querySelector('form input[type=password]') || {}).form || document.forms[0];
      if (home) { const el = document.createElement('input'); el.type = 'hidden'; el.name = fields[0]; home.append(el); put(el, token); filled++; }
    }
    for (const frame of all('iframe')) if (FRAME[kind].test(frame.src) && frame.hasAttribute('data-hcaptcha-response')) frame.setAttribute('data-hcaptcha-response', token);
    const says = () => token, promises = () => Promise.resolve(token);
    const swap = (api, name, f) => { try { if (api && typeof api[name] === 'function') api[name] = f; } catch { /* it does not let itself be changed */ } };
    const api = { recaptcha: [window.grecaptcha, window.grecaptcha && window.grecaptcha.enterprise], hcaptcha: [window.hcaptcha], turnstile: [window.turnstile] }[kind];
    for (const one of api) { swap(one, 'getResponse', says); if (kind === 'recaptcha') swap(one, 'execute', promises); }
    const calls = attr(widget, 'data-callback') ? [named(attr(widget, 'data-callback'))].filter(Boolean) : kind === 'recaptcha' ? registered() : [];
    let called = 0;
    for (const call of calls) { called++; setTimeout(() => call(token), 0); }
    // A form that asks for nothing else waits for its button.
    const form = widget && widget.closest('form');
    const asks = form && [...form.querySelectorAll('input:not([type=hidden]):not([type=submit]):not([type=button]):not([type=checkbox]),textarea')].some(el => seen(el) && !fields.includes(el.name));
    const submitted = !!form && !asks && !called;
    if (submitted) setTimeout(() => form.requestSubmit(), 0);
    return { filled, called, submitted };
  };
  const filled = kind => {
    const fields = [...FIELD[kind], attr(widgetOf(kind), 'data-response-field-name')].filter(Boolean);
    return fields.some(name => all(`[name="${CSS.escape(name)}"]`).some(el => !!el.value));
  };
  return { look, give, filled };
})()
