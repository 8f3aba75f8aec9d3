// Facts of a page, captured once and judged elsewhere: fields, buttons, alerts, challenges. Never a password's value.
const MARKS = [
  ['nav', el => el.localName === 'nav' || attr(el, 'role') === 'navigation'],
  ['header', el => el.localName === 'header' || attr(el, 'role') === 'banner'],
  ['footer', el => el.localName === 'footer' || attr(el, 'role') === 'contentinfo'],
  ['aside', el => el.localName === 'aside' || attr(el, 'role') === 'complementary'],
  ['search', el => attr(el, 'role') === 'search' || el.localName === 'search'],
  ['dialog', el => el.localName === 'dialog' || /^(alert)?dialog$/.test(attr(el, 'role')) || attr(el, 'aria-modal') === 'true'],
  ['log', el => attr(el, 'role') === 'log' || attr(el, 'aria-live') === 'polite'],
  ['article', el => el.localName === 'article' || attr(el, 'role') === 'article'],
];
const contextOf = el => {
  const out = [];
  for (let n = up(el); n; n = up(n)) if (n.nodeType === 1) for (const [name, test] of MARKS) if (!out.includes(name) && test(n)) out.push(name);
  return out;
};
const textOf = (el, max = 120) => squash(el.innerText ?? el.textContent).slice(0, max);
const byIds = (el, ids) => ids.split(/\s+/).map(id => { const t = el.getRootNode().getElementById?.(id); return t ? textOf(t) : ''; }).join(' ').trim();
const labelOf = el => {
  const own = el.labels && el.labels.length ? [...el.labels].map(l => textOf(l)).join(' ') : '';
  return own || (attr(el, 'aria-labelledby') ? byIds(el, attr(el, 'aria-labelledby')) : '');
};
// Text that stands near a field without being tied to it.
const nearOf = el => {
  let n = el;
  for (let depth = 0; n && depth < 4; depth++, n = up(n)) {
    for (let s = n.previousSibling, hops = 0; s && hops < 4; s = s.previousSibling, hops++) {
      const t = s.nodeType === 3 ? squash(s.data) : s.nodeType === 1 && rendered(s) && !s.querySelector?.('input,textarea,button') ? textOf(s, 80) : '';
      if (t) return t.slice(0, 80);
      if (s.nodeType === 1 && (s.matches('input,textarea') || s.querySelector('input,textarea'))) return '';
    }
  }
  return '';
};
const TYPES = new Set(['hidden', 'checkbox', 'radio', 'file', 'submit', 'button', 'image', 'reset', 'color', 'range']);
// A code editor draws its text beside the field that takes the keys (tiny, clear, or none at all): the box around both.
const surfaces = new WeakMap();
const surfaceOf = el => {
  if (!el) return null;
  if (el.localName !== 'textarea' && !el.isContentEditable && !el.editContext) return null;
  const known = surfaces.get(el), now = performance.now();
  if (known && now - known.at < 1000) return known.box;
  const box = surfaceAround(el) || (el.editContext ? el : null);
  surfaces.set(el, { box, at: now });
  return box;
};
const surfaceAround = el => {
  const r = el.getBoundingClientRect(), p = el.parentElement, pr = p && p.getBoundingClientRect();
  if (r.width >= 60 && r.height >= 10 && +style(el).opacity > 0.1 && !(pr && (pr.width < 8 || pr.height < 4))) return null;
  for (let n = up(el), i = 0; n && i < 8; n = up(n), i++) {
    if (n.nodeType !== 1 || n === el.ownerDocument.body) continue;
    const b = n.getBoundingClientRect();
    if (n.querySelectorAll('input:not([type=hidden]),textarea:not([readonly])').length > 1) return null;
    if (b.width >= 120 && b.height >= 24) return b.height < viewOf(el).innerHeight * 0.9 && rendered(n) ? n : null;
  }
  return null;
};
const HINT = /placeholder/i;
const numbersOnly = n => LINE_NO.test(classes(n)) || /^\d*$/.test(n.textContent.trim()) && n.textContent.length < 7 && style(n).userSelect === 'none' && !!n.textContent;
// What is drawn in it, by the place of each line.
const drawnText = (surface, field) => {
  const pieces = [];
  const visit = n => {
    if (n.nodeType === 3) {
      if (!n.data) return;
      const g = n.ownerDocument.createRange(); g.selectNodeContents(n);
      const r = g.getClientRects()[0];
      if (r) pieces.push([r.top, r.left, n.data]);
      return;
    }
    if (n.nodeType !== 1 || n === field && n !== surface || SILENT.has(n.localName) || HINT.test(classes(n)) || !rendered(n)) return;
    if (n !== surface && numbersOnly(n)) return;
    for (const k of kids(n)) visit(k);
  };
  visit(surface);
  pieces.sort((a, b) => Math.abs(a[0] - b[0]) > 4 ? a[0] - b[0] : a[1] - b[1]);
  let out = '', last = null;
  for (const [top, , text] of pieces) { if (last !== null && Math.abs(top - last) > 4 && !out.endsWith('\n')) out += '\n'; out += text; last = top; }
  return out.replace(/[\u00a0\u200b]/g, c => c === '\u200b' ? '' : ' ');
};
const editable = el => el.isContentEditable && !(el.parentElement && el.parentElement.isContentEditable);
const box = el => { const r = rect(el); return [Math.round(r.left), Math.round(r.top), Math.round(r.width), Math.round(r.height)]; };
const covered = field => {
  const el = surfaceOf(field) || field, r = rect(el), x = r.left + r.width / 2, y = r.top + r.height / 2;
  if (x < 0 || y < 0 || x > innerWidth || y > innerHeight) return false;
  const hit = hitAt(x, y);
  return !!hit && !contains(el, hit) && !contains(hit, el) && !(el.labels && [...el.labels].some(l => contains(l, hit)));
};
const hitAt = (x, y) => {
  let root = document, el = null;
  for (let i = 0; i < 20; i++) {
    const next = root.elementFromPoint(x, y);
    if (!next || next === el) return el;
    el = next;
    const shadow = rootOf(el);
    if (shadow) root = shadow;
    else if (isFrame(el) && frameDoc(el)) { const r = el.getBoundingClientRect(); x -= r.left + el.clientLeft; y -= r.top + el.clientTop; root = frameDoc(el); }
    else return el;
  }
  return el;
};
// Left and top of the document in a frame, and how much it is scaled.
const innerOf = f => { const r = rect(f), across = r.width / (f.offsetWidth || 1), down = r.height / (f.offsetHeight || 1); return [r.left + f.clientLeft * across, r.top + f.clientTop * down, across, down]; };
const CHALLENGE = /recaptcha|hcaptcha|turnstile|challenge-platform|captcha/i;
let searched = 0, searchedAt = 0;
const hintOf = surface => { const h = [...surface.querySelectorAll('[class*=placeholder i]')].find(rendered); return h ? textOf(h, 80) : ''; };
// What a page's corners offer to press and is no button by its markup: the bubbles of chat widgets.
const BUTTON = 'button,[role=button],[role=menuitem],[role=tab],input,a[href],summary,textarea,select,label,iframe,frame';
const cornersOf = () => {
  const found = new Set(), w = innerWidth, h = innerHeight;
  for (const [x, y] of [[w - 40, h - 40], [w - 60, h - 60], [w - 85, h - 85], [40, h - 40], [60, h - 60]]) {
    let el = x > 0 && y > 0 ? hitAt(x, y) : null;
    if (!el || closest(el, n => n.matches(BUTTON))) continue;
    const presses = n => style(n).cursor === 'pointer' || n.hasAttribute('onclick');
    if (!presses(el)) continue;
    for (let n = up(el); n && n.nodeType === 1 && presses(n); n = up(n)) el = n;
    const r = rect(el);
    if (r.width >= 24 && r.height >= 24 && r.width <= 300 && r.height <= 140) found.add(el);
  }
  return [...found].map(el => ({
    locator: locate(el), tag: el.localName, type: '', link: false, text: textOf(el, 80), aria: attr(el, 'aria-label') || attr(el, 'title'), name: '', id: attr(el, 'id'),
    testid: attr(el, 'data-testid'), classes: classes(el).slice(0, 160), href: '', icon: !!el.querySelector('svg,img,i'), box: box(el), disabled: false, form: null,
    context: contextOf(el), submit: false, covered: false, popup: attr(el, 'aria-haspopup'), pressed: '',
  }));
};
const facts = () => {
  roots(true, true);
  const missed = unseenHosts.length;
  const forms = [], formIndex = f => f ? (forms.includes(f) ? forms.indexOf(f) : forms.push(f) - 1) : null;
  const fields = [], buttons = [];
  const fieldEls = all('input,textarea,select,[contenteditable],[role=textbox],[tabindex],canvas').filter(el => !TYPES.has((el.type || '').toLowerCase()) || el.localName !== 'input');
  for (const el of fieldEls) {
    if (el.localName === 'select') continue;
    const rich = el.localName !== 'input' && el.localName !== 'textarea';
    if (rich && !el.editContext && !editable(el)) continue;
    const surface = el.localName === 'input' ? null : surfaceOf(el);
    if (!shown(surface || el) || !rendered(el)) continue;
    const type = surface ? 'editor' : rich ? 'rich' : el.localName === 'textarea' ? 'textarea' : (el.type || 'text').toLowerCase();
    const secret = type === 'password';
    const value = surface ? held(el) : rich ? textOf(el, 400) : el.value;
    fields.push({
      locator: locate(el), tag: el.localName, type, role: attr(el, 'role'), name: attr(el, 'name'), id: attr(el, 'id'),
      autocomplete: attr(el, 'autocomplete'), placeholder: attr(el, 'placeholder') || attr(el, 'data-placeholder') || attr(el, 'aria-placeholder') || surface && hintOf(surface) || '',
      label: labelOf(el), aria: attr(el, 'aria-label') || attr(el, 'title'), near: nearOf(el), classes: classes(el).slice(0, 160),
      box: box(surface || el), disabled: !!el.disabled || attr(el, 'aria-disabled') === 'true', readonly: !!el.readOnly,
      focused: el.getRootNode().activeElement === el, length: (value || '').length, value: secret ? '' : squash(value).slice(0, 200),
      form: formIndex(el.form || el.closest('form')), context: contextOf(el), inputmode: attr(el, 'inputmode'),
      maxlength: el.maxLength > 0 ? el.maxLength : 0, invalid: attr(el, 'aria-invalid') === 'true', covered: covered(el),
      shadow: el.getRootNode() !== document,
    });
    if (fields.length >= 120) break;
  }
  for (const el of all('button,[role=button],[role=menuitem],[role=tab],input[type=submit],input[type=button],input[type=image],a[href],summary')) {
    if (!shown(el)) continue;
    const link = el.localName === 'a' && attr(el, 'role') !== 'button';
    const form = el.form || el.closest('form');
    const kind = (el.localName === 'button' || el.localName === 'input') ? (el.type || '').toLowerCase() : '';
    buttons.push({
      locator: buttons.length < 250 ? locate(el) : '', tag: el.localName, type: kind, link, text: textOf(el, 80) || squash(el.localName === 'input' ? el.value : ''),
      aria: attr(el, 'aria-label') || attr(el, 'title') || attr(el, 'alt'), name: attr(el, 'name'), id: attr(el, 'id'),
      testid: attr(el, 'data-testid'), classes: classes(el).slice(0, 160), href: link ? attr(el, 'href').slice(0, 160) : '', icon: !!el.querySelector('svg,img,i,[class*=icon i]'),
      box: box(el), disabled: !!el.disabled || attr(el, 'aria-disabled') === 'true', form: formIndex(form), context: contextOf(el),
      submit: !!form && (kind === 'submit' || kind === 'image'), covered: covered(el), popup: attr(el, 'aria-haspopup'), pressed: attr(el, 'aria-pressed'),
    });
    if (buttons.length >= 400) break;
  }
  const boxes = all('input[type=checkbox],[role=checkbox],[role=switch]').slice(0, 60).map(el => {
    const seen = shown(el) ? el : [...(el.labels || [])].find(shown);
    const words = [labelOf(el), attr(el, 'aria-label'), attr(el, 'title'), attr(el, 'name'), attr(el, 'id'), textOf(el, 80)].join(' ').trim().slice(0, 200).toLowerCase();
    return seen && !el.disabled && { locator: locate(seen), words, on: el.checked === true || attr(el, 'aria-checked') === 'true', form: formIndex(el.form || el.closest('form')) };
  }).filter(Boolean);
  const alerts = alertEls().map(el => ({ text: textOf(el, 300), role: attr(el, 'role'), sig: sig(el), box: box(el) })).filter(a => a.text).slice(0, 30);
  const frames = all('iframe,frame').filter(shown).map(f => {
    const foreign = !frameDoc(f), r = rect(f), enter = foreign && r.width >= 40 && r.height >= 16 && !CHALLENGE.test(f.src || '');
    return { src: (f.src || '').slice(0, 300), title: attr(f, 'title'), foreign, box: box(f), enter, locator: enter ? locate(f) : '', inner: innerOf(f), context: enter ? contextOf(f) : [], covered: enter && covered(f) };
  });
  const body = document.body;
  const nothing = !fields.some(f => f.type === 'textarea' || f.type === 'rich' || f.type === 'editor' || f.type === 'password');
  const bare = document.readyState === 'complete' && nothing && searched < 5 && performance.now() - searchedAt > 1500 * searched;
  if (bare) { searched++; searchedAt = performance.now(); }
  return {
    url: location.href, title: document.title.slice(0, 200), lang: document.documentElement.lang || '', ready: document.readyState,
    viewport: [innerWidth, innerHeight], fields, buttons, boxes, alerts, frames,
    headings: all('h1,h2,h3,[role=heading],legend').filter(shown).map(el => textOf(el, 100)).filter(Boolean).slice(0, 20),
    text: body ? squash(body.innerText).slice(0, 6000) : '', elements: document.getElementsByTagName('*').length,
    challenges: challenges(frames), cookies: cookieLength(),
    busy: all('[aria-busy=true],[role=progressbar]').some(shown), unseen: missed, bare, corners: nothing ? cornersOf() : [],
  };
};
const ALERT = '[role=alert],[role=alertdialog],[aria-live=assertive],[class*=error i],[class*=alert i],[class*=toast i],[class*=notif i],[class*=snack i],[class*=invalid i],[class*=danger i],[class*=warning i],[class*=feedback i],output[role=status],[role=status]';
const alertEls = () => all(ALERT).filter(el => !/^(input|textarea|select|button|label|html|body|form|svg|path)$/.test(el.localName) && shown(el) && !el.querySelector('input:not([type=hidden]),textarea') && squash(el.textContent).length < 400);
const challenges = frames => {
  const out = [];
  const has = (css, kind) => { if (!out.includes(kind) && all(css).some(shown)) out.push(kind); };
  for (const f of frames) {
    if (/recaptcha/i.test(f.src) && !/size=invisible/i.test(f.src)) out.push('recaptcha');
    if (/hcaptcha/i.test(f.src)) out.push('hcaptcha');
    if (/turnstile|challenge-platform/i.test(f.src)) out.push('turnstile');
  }
  has('.g-recaptcha:not([data-size=invisible])', 'recaptcha'); has('.h-captcha', 'hcaptcha'); has('.cf-turnstile', 'turnstile');
  if (all('input[name*=captcha i],input[id*=captcha i]').some(shown) && all('img[src*=captcha i],img[alt*=captcha i],canvas[id*=captcha i]').some(shown)) out.push('image');
  // One that only gives a score stands in nobody's way, unless the page says that it does.
  const scores = [...document.scripts].some(s => /recaptcha\/[^?]*\?(.*&)?render=(?!explicit|onload)/i.test(s.src));
  if (!out.length && scores && alertEls().some(el => /captcha|robot|human|humain|mensch|人机|人機|机器人|機器人|ロボット|로봇|робот|капч/i.test(textOf(el, 300)))) out.push('recaptcha');
  return [...new Set(out)];
};
// The kinds alone, where all the rest is of no use.
const challengeKinds = () => challenges(all('iframe,frame').filter(shown).map(f => ({ src: (f.src || '').slice(0, 300) })));
// Where the picture of a challenge is that has to be read.
const challengePicture = () => {
  const img = all('img[src*=captcha i],img[alt*=captcha i],canvas[id*=captcha i],img[id*=captcha i],img[class*=captcha i]').find(shown);
  if (!img) return null;
  img.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' });
  const r = rect(img);
  return [r.left + scrollX, r.top + scrollY, r.width, r.height];
};
const cookieLength = () => { try { return document.cookie.length; } catch { return 0; } };
const ready = () => [document.readyState, !!document.body && document.body.childElementCount > 0];
const address = () => location.href;
// When this document began: another figure, another document.
const born = () => performance.timeOrigin;
const storage = () => {
  const dump = s => { const o = {}; try { for (let i = 0; i < s.length && i < 500; i++) { const k = s.key(i); o[k] = s.getItem(k); } } catch { /* none here */ } return o; };
  let l = {}, s = {};
  try { l = dump(localStorage); s = dump(sessionStorage); } catch { /* an opaque origin */ }
  return [location.origin, l, s];
};
