// Controls that choose one of several things, and what they offer: selects, and boxes and buttons that open a list. Judged elsewhere.
const OPENER = 'select,[role=combobox],[role=listbox],[aria-haspopup],button,[role=button],summary';
const ITEM = '[role=option],[role=menuitemradio],[role=menuitemcheckbox],[role=menuitem],[role=radio]';
const PLAIN_ITEM = 'li,button,[role=button],label,[tabindex]';
const firstLine = el => { for (const line of (el.innerText ?? el.textContent ?? '').split('\n')) { const t = squash(line); if (t) return t.slice(0, 120); } return squash(attr(el, 'aria-label')).slice(0, 120); };
const pickerText = el => {
  if (el.localName === 'select') { const o = el.selectedOptions[0]; return o ? squash(o.label || o.text) : ''; }
  if (el.localName === 'input') return squash(el.value);
  return textOf(el, 160) || squash(attr(el, 'aria-label')).slice(0, 160);
};
// An opened list may have a role that a control has as well.
const opens = el => {
  if (el.localName === 'select') return 'select';
  const role = attr(el, 'role'), popup = attr(el, 'aria-haspopup');
  if (role === 'listbox' && el.localName !== 'input' && el.localName !== 'button' && !el.hasAttribute('aria-expanded')) return null;
  if (role === 'combobox' || role === 'listbox') return 'listbox';
  return popup && popup !== 'false' ? popup : '';
};
// What stands before another control belongs to that.
const chooses = el => !!el && !!el.querySelector && (el.localName === 'select' || !!el.querySelector('select,[role=combobox],[aria-haspopup]'));
const pickers = input => {
  const field = find(input), at = field && rect(surfaceOf(field) || field), out = [];
  for (const el of all(OPENER, true)) {
    if (el === field || field && contains(el, field) || el.localName === 'textarea' || !shown(el)) continue;
    const how = opens(el);
    if (how === null || how === 'select' && (el.multiple || el.size > 1)) continue;
    const said = pickerText(el);
    if (!how && (!said || said.length > 80)) continue;
    const r = rect(el);
    const gap = at ? Math.hypot(Math.max(at.left - r.right, r.left - at.right, 0), Math.max(at.top - r.bottom, r.top - at.bottom, 0)) : 9999;
    out.push({
      locator: locate(el), opens: how, shown: said, near: chooses(el.previousElementSibling) ? '' : nearOf(el).toLowerCase(),
      words: [attr(el, 'aria-label'), attr(el, 'title'), attr(el, 'name'), attr(el, 'id'), attr(el, 'data-testid'), attr(el, 'placeholder'), labelOf(el)].join(' ').toLowerCase().slice(0, 300),
      options: how === 'select' ? [...el.options].filter(o => !o.disabled && !o.hidden).map(o => squash(o.label || o.text)).slice(0, 200) : [],
      context: contextOf(el), disabled: !!el.disabled || attr(el, 'aria-disabled') === 'true', gap: Math.round(gap), form: !!closest(el, n => n.localName === 'form') && !(field && closest(field, n => n.localName === 'form') === closest(el, n => n.localName === 'form')),
    });
    if (out.length >= 150) break;
  }
  return out;
};
const pickerShows = locator => { const el = find(locator); return el && shown(el) ? { text: pickerText(el), disabled: !!el.disabled || attr(el, 'aria-disabled') === 'true' } : null; };
// What is there before a list is opened, and what has come with it.
let before = new WeakSet();
const noteItems = () => { before = new WeakSet(); for (const el of all(ITEM + ',' + PLAIN_ITEM, true)) if (shown(el)) before.add(el); return true; };
const newItems = () => {
  const come = css => all(css, true).filter(el => !before.has(el) && shown(el));
  let found = come(ITEM);
  if (!found.length) found = come(PLAIN_ITEM).filter(el => !el.querySelector(PLAIN_ITEM));
  return found.slice(0, 120).map(el => ({
    locator: locate(el), label: firstLine(el), disabled: !!el.disabled || attr(el, 'aria-disabled') === 'true',
    chosen: attr(el, 'aria-selected') === 'true' || attr(el, 'aria-checked') === 'true' || attr(el, 'data-state') === 'checked' || el.checked === true,
  })).filter(item => item.label);
};
const chooseOption = (locator, label) => {
  const el = find(locator);
  if (!el || el.localName !== 'select' || el.disabled) return false;
  const at = [...el.options].findIndex(o => squash(o.label || o.text) === label);
  if (at < 0) return false;
  el.focus();
  el.selectedIndex = at;
  el.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
  el.dispatchEvent(new Event('change', { bubbles: true }));
  return true;
};
