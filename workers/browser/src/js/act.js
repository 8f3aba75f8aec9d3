// What acting on an element needs from inside the page: where to click, what would be hit, what a field holds.
const point = locator => {
  const field = find(locator), el = surfaceOf(field) || field;
  if (!el) return null;
  el.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' });
  const r = rect(el), x = r.left + r.width / 2, y = r.top + r.height / 2;
  const hit = hitAt(x, y);
  const free = !hit || contains(el, hit) || contains(hit, el) || !!(el.labels && [...el.labels].some(l => contains(l, hit)));
  return { x, y, free, shown: shown(el), disabled: !!field.disabled || attr(field, 'aria-disabled') === 'true', cover: free ? '' : sig(hit) + ' ' + textOf(hit, 60) };
};
// Where a point in a frame's document is in this one. Brings it into view when it is not.
const through = (locator, x, y) => {
  const el = find(locator);
  if (!el) return null;
  const at = () => { const [left, top, across, down] = innerOf(el); return [left + x * across, top + y * down]; };
  let [px, py] = at();
  if (px < 0 || py < 0 || px > innerWidth || py > innerHeight) { el.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' }); [px, py] = at(); }
  const hit = hitAt(px, py), free = !hit || hit === el;
  return { x: px, y: py, free, shown: shown(el), cover: free ? '' : sig(hit) + ' ' + textOf(hit, 60) };
};
// What lies over an element (its middle, or the point given): the dialog or overlay, and the buttons in it by which a
// person would close it.
const overlay = (locator, at) => {
  const field = find(locator), el = surfaceOf(field) || field;
  if (!el) return null;
  const r = rect(el), [x, y] = at || [r.left + r.width / 2, r.top + r.height / 2], hit = hitAt(x, y);
  if (!hit || contains(el, hit) || contains(hit, el)) return null;
  let top = hit;
  for (let n = hit; n && n !== document.body && !contains(n, el); n = up(n)) if (n.nodeType === 1) top = n;
  const doors = [];
  const visit = n => { if (n.nodeType !== 1) return; if (n.matches('button,[role=button],input[type=button],input[type=submit],a') && shown(n)) doors.push(n); for (const k of kids(n)) visit(k); };
  visit(top);
  return { what: sig(top), text: textOf(top, 200), doors: doors.slice(0, 12).map(d => ({ locator: locate(d), text: textOf(d, 60) || d.value || '', aria: attr(d, 'aria-label') || attr(d, 'title') })) };
};
const deepActive = () => { let a = document.activeElement; for (;;) { const n = a && (rootOf(a)?.activeElement || (isFrame(a) && frameDoc(a)?.activeElement)); if (!n) return a; a = n; } };
const focus = locator => {
  const el = find(locator);
  if (!el) return false;
  const active = deepActive();
  if (active && (active === el || contains(el, active))) return true;
  el.focus();
  const now = deepActive();
  return !!now && (now === el || contains(el, now));
};
const press = locator => { const el = find(locator); if (!el) return false; el.click(); return true; };
// Text as a person would paste it; whether the page took it.
const paste = (locator, text) => {
  const el = find(locator);
  if (!el) return false;
  const data = new DataTransfer();
  data.setData('text/plain', text);
  return !(deepActive() || el).dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true, composed: true }));
};
// A text of very many lines, which the browser takes minutes to insert: handed over as the clipboard does, or written
// into the field, which then says so.
const pasteCode = (locator, text) => { const el = find(locator); return !!el && (!!surfaceOf(el) || codeEditor(el)) && paste(locator, text); };
const hand = (locator, text) => {
  const el = find(locator);
  if (!el) return false;
  const plain = 'value' in el && typeof el.setRangeText === 'function';
  if (!plain && paste(locator, text)) return true;
  if (plain) el.setRangeText(text, 0, el.value.length, 'end');
  else if (el.isContentEditable) el.innerText = text;
  else return false;
  el.dispatchEvent(new InputEvent('input', { bubbles: true, composed: true, inputType: 'insertFromPaste' }));
  return true;
};
const heldBySurface = (el, surface) => { const t = drawnText(surface, el); return t.trim() || !el.editContext ? t : el.editContext.text; };
const held = el => { const surface = surfaceOf(el); return surface ? heldBySurface(el, surface) : heldByField(el); };
const heldByField = el => 'value' in el && el.localName !== 'li' ? el.value : (el.innerText ?? el.textContent);
const fieldText = locator => { const el = find(locator); return el ? (held(el) || '') : null; };
// Compared here so that a secret never travels back.
const holds = (locator, text) => { const el = find(locator); return !!el && held(el) === text; };
const state = locator => stateOf(find(locator));
const stateOf = el => {
  if (!el) return null;
  return { shown: shown(surfaceOf(el) || el), disabled: !!el.disabled || attr(el, 'aria-disabled') === 'true', readonly: !!el.readOnly, empty: !squash(held(el)), look: look(el) };
};
const look = el => (attr(el, 'aria-label') + '|' + attr(el, 'title') + '|' + attr(el, 'data-testid') + '|' + squash(el.textContent) + '|' + [...el.querySelectorAll('svg *, i, img, svg')].map(n => n.localName + attr(n, 'd').slice(0, 40) + attr(n, 'class') + attr(n, 'src').slice(-40)).join(';')).slice(0, 600);
// Nothing of a secret may be in a picture: its text is not drawn at all, and what is left of the field is blurred. Secret are passwords and codes by
// their fields, and whatever holds one of the `secrets`, be it a field or a text of the page.
const VEILED = 'input[type=password],input[autocomplete~=one-time-code],input[autocomplete~=current-password],input[autocomplete~=new-password],input[maxlength="1"]';
const VEIL = { color: 'transparent', '-webkit-text-fill-color': 'transparent', 'text-shadow': 'none', 'caret-color': 'transparent', transition: 'none', filter: 'blur(8px)' };
let veils = [];
// Boxes in a row that hold a letter each are one field for a code, whatever else they say of themselves.
const lettered = () => {
  const out = [];
  let row = [];
  const end = () => { if (row.length >= 4) out.push(...row.filter(el => el.value)); row = []; };
  for (const el of all('input', true)) {
    const type = (el.type || '').toLowerCase();
    if (type === 'hidden' || !/^(text|tel|number|password|search|url|email)$/.test(type)) continue;
    if (el.value.length > 1) end(); else row.push(el);
  }
  end();
  return out;
};
const veil = (on, secrets) => {
  if (on) {
    if (veils.length) veil(false);
    const kept = (secrets || []).filter(s => s.length > 3), tells = t => !!t && kept.some(s => t.includes(s));
    const found = new Set([...all(VEILED, true).filter(el => el.value), ...lettered()]);
    if (kept.length) {
      for (const el of all('input,textarea,[contenteditable]')) if (tells('value' in el ? el.value : el.textContent)) found.add(el);
      for (const r of roots()) {
        const top = r.body || r;
        if (!tells(top.textContent)) continue;
        const walk = (r.ownerDocument || r).createTreeWalker(top, NodeFilter.SHOW_TEXT);
        // One that is cut into pieces, a letter in each.
        const whole = kept.filter(s => s.length > 5), inPieces = t => whole.some(s => t.includes(s));
        const deepest = n => { const inner = [...n.children].filter(k => inPieces(k.textContent)); if (inner.length) inner.forEach(deepest); else found.add(n.host || n); };
        if (inPieces(top.textContent)) deepest(top);
        for (let t = walk.nextNode(); t; t = walk.nextNode()) if (tells(t.data)) found.add(t.parentElement || t.parentNode.host);
      }
    }
    const cover = el => { veils.push([el, el.getAttribute('style')]); for (const [name, value] of Object.entries(VEIL)) el.style.setProperty(name, value, 'important'); };
    for (const el of found) if (el && el.style) { cover(el); for (const k of el.querySelectorAll('*')) if (k.style && !found.has(k)) cover(k); }
    return veils.length > 0;
  }
  for (const [el, before] of veils) if (before === null) el.removeAttribute('style'); else el.style.cssText = before;
  veils = [];
  return true;
};
// What can be written into at a point of the view, by fractions of it: the field that is hit, or the only one in what is hit.
const fieldAt = (x, y) => {
  const hit = hitAt(x * innerWidth, y * innerHeight);
  if (!hit) return null;
  const takes = el => (el.localName === 'textarea' || el.localName === 'input' && !TYPES.has((el.type || '').toLowerCase()) && el.type !== 'password' || el.isContentEditable || !!el.editContext) && !el.disabled && !el.readOnly;
  const told = el => { const surface = el.localName === 'input' ? null : surfaceOf(el); return [locate(el), surface ? 'editor' : el.localName === 'textarea' ? 'textarea' : el.localName === 'input' ? 'text' : 'rich']; };
  let el = closest(hit, takes, 6);
  while (el && el.isContentEditable && el.parentElement && el.parentElement.isContentEditable) el = el.parentElement;
  if (el) return told(el);
  for (let n = hit, i = 0; n && n !== document.body && i < 4; n = up(n), i++) {
    if (n.nodeType !== 1) continue;
    const inside = [...n.querySelectorAll('input,textarea,[contenteditable]')].filter(f => takes(f) && (shown(f) || surfaceOf(f)));
    if (inside.length === 1) return told(inside[0]);
    if (inside.length > 1) return null;
  }
  return null;
};
