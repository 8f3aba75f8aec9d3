// Walking the composed tree: light DOM, shadow roots, slots and same-origin frames; what is visible, where it is, and
// how to find it again.
// Closed roots are handed in from outside (adopt). Elements that may have one are listed (unseen) and asked about once,
// and again a few times in ever longer intervals.
const closed = new WeakMap(), asked = new WeakMap();
let anyClosed = false, unseenHosts = [];
const rootOf = el => el.shadowRoot || (anyClosed && closed.get(el)) || null;
const HOSTS = new Set('article aside blockquote body div footer h1 h2 h3 h4 h5 h6 header main nav p section span'.split(' '));
// What an element can have inside: 0 nothing of its own, 1 a root (a custom element), 2 a root (a plain one), 3 a document.
const kinds = new Map();
const kindOf = name => {
  let k = kinds.get(name);
  if (k === undefined) { k = name === 'iframe' || name === 'frame' ? 3 : name.includes('-') ? 1 : HOSTS.has(name) ? 2 : 0; kinds.set(name, k); }
  return k;
};
const due = (a, again) => !a || again && a.n < 6 && performance.now() - a.at > 400 * 3 ** a.n;
const mayHide = (el, kind, again) => {
  const a = asked.get(el);
  if (!due(a, again)) return false;
  if (kind === 1 && !a) return true;
  // What it holds is not what is drawn of it.
  const first = el.firstElementChild;
  if (first ? !first.getClientRects().length && el.offsetHeight > 8 : !el.firstChild && el.offsetHeight > 8 && el.offsetWidth > 8) return true;
  asked.set(el, { n: a ? a.n + 1 : 0, at: performance.now() });
  return false;
};
// The elements to ask about, noted as asked.
const unseen = () => {
  if (!unseenHosts.length) roots(true);
  const out = unseenHosts;
  unseenHosts = [];
  for (const el of out) asked.set(el, { n: (asked.get(el)?.n || 0) + 1, at: performance.now() });
  return out;
};
const adopt = found => {
  let n = 0;
  for (const r of found) if (r.host && closed.get(r.host) !== r) { closed.set(r.host, r); n++; }
  if (n) { anyClosed = true; rootCache = null; dirty = true; }
  return n;
};
// A slot of a closed root is not told to those outside.
const slotOf = node => {
  if (node.assignedSlot) return node.assignedSlot;
  const r = anyClosed && node.parentNode && closed.get(node.parentNode);
  if (r) for (const s of r.querySelectorAll('slot')) if (s.assignedNodes().includes(node)) return s;
  return null;
};
const frameDoc = el => { try { const d = el.contentDocument; return d && d.body ? d : null; } catch { return null; } };
const isFrame = el => el.localName === 'iframe' || el.localName === 'frame';
const kids = node => {
  const shadow = rootOf(node);
  if (shadow) return shadow.childNodes;
  if (node.localName === 'slot') { const a = node.assignedNodes({ flatten: true }); return a.length ? a : node.childNodes; }
  if (node.nodeType === 1 && isFrame(node)) { const d = frameDoc(node); return d ? [d.body] : []; }
  return node.childNodes;
};
const up = node => {
  const slot = slotOf(node);
  if (slot) return slot;
  const p = node.parentNode;
  if (p && p.nodeType === 11) return p.host || null;
  if (p && p.nodeType === 9) { try { return p.defaultView.frameElement; } catch { return null; } }
  return p;
};
const contains = (outer, node) => { for (let n = node; n; n = up(n)) if (n === outer) return true; return false; };
const closest = (node, test, limit = 40) => {
  for (let n = node; n && limit-- > 0; n = up(n)) if (n.nodeType === 1 && test(n)) return n;
  return null;
};
// Every document and shadow root there is.
let rootCache = null, rootTime = 0;
const roots = (fresh, again) => {
  const now = performance.now();
  if (!fresh && rootCache && now - rootTime < 400) return rootCache;
  const out = [];
  unseenHosts = [];
  const visit = root => {
    out.push(root);
    if (out.length > 5000) return;
    for (const el of root.querySelectorAll('*')) {
      const kind = kindOf(el.localName);
      if (!kind) continue;
      if (kind === 3) { const d = frameDoc(el); if (d) visit(d); continue; }
      const shadow = rootOf(el);
      if (shadow) visit(shadow);
      else if (unseenHosts.length < 120 && mayHide(el, kind, again)) unseenHosts.push(el);
    }
  };
  visit(document);
  rootCache = out; rootTime = now;
  return out;
};
const all = (selector, fresh) => { const out = []; for (const r of roots(fresh)) out.push(...r.querySelectorAll(selector)); return out; };
const viewOf = el => el.ownerDocument.defaultView || window;
const style = el => viewOf(el).getComputedStyle(el);
const frameOffset = el => {
  let x = 0, y = 0;
  for (let w = viewOf(el); w && w !== window; ) {
    let f = null; try { f = w.frameElement; } catch { /* another origin */ }
    if (!f) break;
    const r = f.getBoundingClientRect(); x += r.left + f.clientLeft; y += r.top + f.clientTop;
    w = viewOf(f);
  }
  return [x, y];
};
const rect = node => {
  const el = node.nodeType === 1 ? node : node.parentElement;
  let r;
  if (node.nodeType === 1) {
    r = node.getBoundingClientRect();
    if (!r.width && !r.height && node.firstChild) { const g = node.ownerDocument.createRange(); g.selectNodeContents(node); r = g.getBoundingClientRect(); }
  } else { const g = node.ownerDocument.createRange(); g.selectNode(node); r = g.getBoundingClientRect(); }
  const [x, y] = el && el.ownerDocument !== document ? frameOffset(el) : [0, 0];
  return { left: r.left + x, top: r.top + y, right: r.right + x, bottom: r.bottom + y, width: r.width, height: r.height };
};
const rendered = el => {
  if (el.checkVisibility({ visibilityProperty: true })) return true;
  // Without a box of its own it shows what it holds, where its parent shows.
  const s = style(el);
  if (s.display !== 'contents' || s.visibility !== 'visible') return false;
  const p = up(el);
  return !p || p.nodeType !== 1 || rendered(p);
};
const visible = el => { if (!rendered(el)) return false; const r = el.getBoundingClientRect(); return r.width > 1 && r.height > 1; };
const shown = el => {
  for (let w = viewOf(el); w !== window; ) { let f = null; try { f = w.frameElement; } catch { return false; } if (!f || !visible(f)) return false; w = viewOf(f); }
  return visible(el);
};
const squash = s => (s || '').replace(/\s+/g, ' ').trim();
// Text for machines to compare: letters and digits only.
const key = s => (s || '').replace(/[^\p{L}\p{N}]+/gu, '');
const attr = (el, name) => el.getAttribute && el.getAttribute(name) || '';
const classes = el => typeof el.className === 'string' ? el.className : attr(el, 'class');
const steady = token => /^[a-z][a-z_-]*[a-z]$/i.test(token) && token.length < 32 && !/^(svelte|css|sc|jsx|emotion|mui)-/.test(token);
// What an element looks like, for recognising its like: tag and up to two class names that mean something.
const sig = el => el.localName + classes(el).split(/\s+/).filter(steady).slice(0, 2).map(c => '.' + c).join('');

// A locator: CSS segments joined by ' >>> ', each unique in its document or shadow root.
const esc = s => CSS.escape(s);
const quoted = s => '"' + s.replace(/\\/g, '\\\\').replace(/"/g, '\\"') + '"';
const HOST = /^https?:\/\/([^/?#]+)/;
// What kind of locator survives a change of the page, and how likely.
const STABILITY = { 'data-testid': 0.95, 'data-test': 0.95, name: 0.85, 'aria-label': 0.7, placeholder: 0.65, title: 0.6, autocomplete: 0.6, type: 0.4, role: 0.4 };
const segment = el => segments(el)[0][0];
const segments = (el, every) => {
  const root = el.getRootNode();
  const only = css => { try { const f = root.querySelectorAll(css); return f.length === 1 && f[0] === el; } catch { return false; } };
  const tag = el.localName, tries = [], held = [];
  const id = attr(el, 'id');
  // An id with a number in it is often counted up when the element is made anew.
  const named = id && !/\d{3,}|:|^[0-9a-f-]{16,}$/.test(id), counted = named && /\d/.test(id);
  if (named && !counted) tries.push(['#' + esc(id), 0.9]);
  for (const a of isFrame(el) ? ['data-testid', 'data-test', 'title', 'name', 'aria-label'] : ['data-testid', 'data-test', 'name', 'autocomplete', 'aria-label', 'placeholder', 'type', 'role']) {
    const v = attr(el, a); if (v && v.length < 80 && !(isFrame(el) && /\d{3,}/.test(v))) tries.push([`${tag}[${a}=${quoted(v)}]`, STABILITY[a] || 0.5]);
  }
  if (isFrame(el)) { const host = HOST.exec(attr(el, 'src')); if (host) tries.push([`${tag}[src*=${quoted('//' + host[1])}]`, 0.6]); }
  if (tag === 'textarea' || tag.includes('-')) tries.push([tag, 0.5]);
  if (counted) tries.push(['#' + esc(id), 0.5]);
  for (const c of classes(el).split(/\s+/).filter(steady).slice(0, 4)) tries.push([`${tag}.${esc(c)}`, 0.45]);
  for (const one of tries) if (only(one[0])) { held.push(one); if (!every) return held; }
  let path = '';
  for (let n = el; n && n.nodeType === 1; n = n.parentElement) {
    const nid = attr(n, 'id');
    if (n !== el && nid && !/\d{3,}|:/.test(nid) && root.querySelectorAll('#' + esc(nid)).length === 1) { path = `#${esc(nid)} > ${path}`; held.push([path.replace(/ > $/, ''), 0.3]); return held; }
    let nth = 1; for (let s = n.previousElementSibling; s; s = s.previousElementSibling) if (s.localName === n.localName) nth++;
    path = `${n.localName}:nth-of-type(${nth})` + (path ? ' > ' + path : '');
    if (only(path)) { held.push([path, 0.2]); return held; }
  }
  held.push([path.replace(/ > $/, ''), 0.1]);
  return held;
};
const locate = el => {
  const parts = [];
  for (let n = el; n; ) {
    parts.unshift(segment(n));
    const root = n.getRootNode();
    if (root.nodeType === 11 && root.host) n = root.host;
    else if (root !== document && root.defaultView) { try { n = root.defaultView.frameElement; } catch { n = null; } }
    else n = null;
  }
  return parts.join(' >>> ');
};
// Every way to find an element again, with how likely each is to survive a change.
const ways = locator => {
  const el = find(locator);
  if (!el) return [];
  const whole = locate(el), last = segment(el), before = whole.slice(0, whole.length - last.length);
  return segments(el, true).slice(0, 8).map(([css, stability]) => [before + css, stability]);
};
// The locator that an element has now.
const canonical = locator => { const el = find(locator); return el ? locate(el) : null; };
const find = locator => {
  let root = document, el = null;
  for (const part of (locator || '').split(' >>> ')) {
    if (!root) {
      const a = asked.get(el);
      if (!a || performance.now() - a.at > 1000) { unseenHosts = [el]; throw new Error('computetower: unseen root'); }
      return null;
    }
    let hits; try { hits = root.querySelectorAll(part); } catch { return null; }
    // What was one of its kind and is one of several now has to be found anew.
    if (hits.length !== 1) return null;
    el = hits[0];
    root = rootOf(el) || (isFrame(el) ? frameDoc(el) : null);
  }
  return el;
};
