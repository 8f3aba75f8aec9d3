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
let veils = [];
const veil = on => {
  if (on) {
    veils = all('input[type=password],input[autocomplete=one-time-code],input[maxlength="1"]').filter(el => el.value).map(el => [el, el.style.filter]);
    for (const [el] of veils) el.style.filter = 'blur(8px)';
    return veils.length > 0;
  }
  for (const [el, before] of veils) el.style.filter = before;
  veils = [];
  return true;
};
