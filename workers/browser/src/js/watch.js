// Watching one question being answered: what was there before (baseline), where the question stands now, what has
// come after it, and every mark that says "still answering".
let base = null, watching = null, dirty = true, observed = new WeakSet(), observer = null;
const attend = () => {
  if (!observer) observer = new MutationObserver(() => { dirty = true; });
  for (const r of roots(true)) if (!observed.has(r)) {
    observed.add(r);
    observer.observe(r, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ['hidden', 'class', 'aria-hidden', 'open'] });
  }
};
// The elements themselves while they last; their locators when the page has made them anew.
const lasting = (slot, locator) => { if (!locator) return null; const el = watching[slot]; if (el && el.isConnected) return el; return watching[slot] = find(locator); };
const composerEl = () => watching && lasting('inputEl', watching.input);
// With what an editor draws around the field.
const composerBox = () => { const el = composerEl(); return surfaceOf(el) || el; };
const senderEl = () => watching && lasting('sendEl', watching.send);
const leaves = skip => {
  const nodes = [], starts = []; let text = '';
  const bare = watching && watching.bare ? s => s.replace(/\s+/g, '') : key;
  const visit = n => {
    if (n.nodeType === 3) { const k = bare(n.data); if (k) { nodes.push(n); starts.push(text.length); text += k; } return; }
    if (n.nodeType !== 1 || n === skip) return;
    const tag = n.localName;
    if (tag === 'script' || tag === 'style' || tag === 'noscript' || tag === 'template' || tag === 'textarea' || tag === 'svg' || tag === 'head') return;
    for (const k of kids(n)) visit(k);
  };
  if (document.body) visit(document.body);
  return { nodes, starts, text };
};
const common = (a, b) => { const seen = new Set(); for (let n = a; n; n = up(n)) seen.add(n); for (let n = b; n; n = up(n)) if (seen.has(n)) return n; return document.body; };
const SIDE = el => /^(a|button|nav|aside|summary|option)$/.test(el.localName) || /^(button|link|navigation|complementary|option|treeitem|menuitem|tab|listbox|menu|alert|tooltip)$/.test(attr(el, 'role'));
// Of a kind, and not the region that the whole chat is in.
const beside = kind => { const c = composerBox(); return el => kind(el) && !(c && contains(el, c)); };
// How a question may show: as asked, or as the page has drawn its Markdown and HTML: without tags, link targets, entities, list numbers and fences,
// in any combination.
const formsOf = question => {
  if (watching.bare) return [question.replace(/\s+/g, '')];
  const drawn = [s => s.replace(/\]\([^)]*\)/g, ']').replace(/^\s*\d+[.)]\s/gm, '').replace(/^\s*```.*$/gm, ''), s => s.replace(/<[^<>]*>/g, ''), s => s.replace(/&(#\d+|\w+);/g, ' ')];
  let forms = [question];
  for (const draw of drawn) forms = forms.concat(forms.map(draw));
  forms = [...new Set(forms.map(key))];
  return [forms[0], ...forms.slice(1).filter(f => f.length >= 8).sort((a, b) => b.length - a.length)];
};
// Those, and the beginnings of the first and the shortest.
const needlesOf = question => {
  const forms = formsOf(question);
  return watching.bare ? forms : [...new Set([...forms, ...[forms[0], forms[forms.length - 1]].map(f => f.slice(0, 48)).filter(f => f.length >= 8)])];
};
// What stands in the conversation; where messages are declared as alerts, what stands in those.
const standing = spots => { const out = spots.filter(s => !s.side); return out.length ? out : spots.filter(s => s.said); };
const spotsOf = question => {
  const text = leaves(composerBox());
  for (const needle of needlesOf(question)) { const found = spotsFor(needle, text); if (standing(found).length) return found; }
  return [];
};
const spotsFor = (needle, { nodes, starts, text } = leaves(composerBox())) => {
  const out = [];
  if (!needle) return out;
  let at = 0, i = 0;
  while ((at = text.indexOf(needle, at)) >= 0 && out.length < 60) {
    while (i + 1 < starts.length && starts[i + 1] <= at) i++;
    let j = i; const end = at + needle.length;
    while (j + 1 < starts.length && starts[j + 1] < end) j++;
    const whole = starts[i] === at, ends = (j + 1 < starts.length ? starts[j + 1] : text.length) === end;
    const el = i === j ? up(nodes[i]) : common(nodes[i], nodes[j]);
    at = end;
    if (needle.length < 8 && !(whole && ends)) continue;
    if (!el || el.nodeType !== 1 || !rendered(el)) continue;
    const r = rect(i === j ? nodes[i] : el);
    if (r.width < 2 || r.height < 2) continue;
    const side = !!closest(el, beside(SIDE)), said = side && !closest(el, beside(n => SIDE(n) && attr(n, 'role') !== 'alert'));
    out.push({ el, needle, node: nodes[i], rect: r, exact: whole && ends, side, said, fresh: !base || base.nodes.get(nodes[i]) !== nodes[i].data });
  }
  return out;
};
const pickQuestion = () => {
  let spots = standing(spotsOf(watching.question));
  if (!spots.length) return null;
  const c = composerBox(), cr = c && shown(c) ? rect(c) : null;
  if (cr) { const inColumn = spots.filter(s => s.rect.right > cr.left && s.rect.left < cr.right); if (inColumn.length) spots = inColumn; }
  spots.sort((a, b) => a.rect.top - b.rect.top || a.rect.left - b.rect.left);
  let pool;
  if (watching.resume) { const exact = spots.filter(s => s.exact); pool = (exact.length ? exact : spots).slice(-1); }
  else {
    const fresh = spots.filter(s => s.fresh);
    const before = base.spots[spots[0].needle] || 0;
    if (fresh.length && fresh.length < spots.length || !before) pool = fresh;
    else pool = spots.slice(before);
  }
  const spot = pool.find(s => s.exact) || pool[0];
  watching.needle = spot ? spot.needle : '';
  return spot ? spot.el : null;
};
// Messages that are declared as alerts, each: known by the question's.
let voice = null;
// What is declared in another way is not one of them, however it looks.
const declared = el => [sig(el), attr(el, 'role'), attr(el, 'aria-live')].join('|');
const voiceOf = el => { const a = closest(el, el => /^(alert|status)$/.test(attr(el, 'role')) || attr(el, 'aria-live') === 'assertive', 6); return a && !(composerBox() && contains(a, composerBox())) ? declared(a) : null; };
const speaks = el => voice !== null && declared(el) === voice;
const ALERTISH = el => !speaks(el) && ALARMS(el);
const ALARMS = el => /^(alert|alertdialog|status|log-status|tooltip)$/.test(attr(el, 'role')) || attr(el, 'aria-live') === 'assertive' || /(^|[\s_-])(toast|snackbar|notification)s?([\s_-]|$)/i.test(classes(el));
const afterRoots = (q, top, composer) => {
  const qr = rect(q), strict = [], loose = [];
  for (let a = q; a && a !== top; a = up(a)) {
    const parent = up(a);
    if (!parent) break;
    let passed = false;
    for (const s of kids(parent)) {
      if (s === a) { passed = true; continue; }
      if (s.nodeType === 3 ? !s.data.trim() : s.nodeType !== 1 || SILENT.has(s.localName)) continue;
      if (composer && contains(s, composer)) continue;
      if (s.nodeType === 1 && (ALERTISH(s) || !rendered(s))) continue;
      const r = rect(s);
      if (!r.width && !r.height) continue;
      if (r.top >= qr.bottom - 6) strict.push([r.top, s]); else if (passed && r.top >= qr.top - 6) loose.push([r.top, s]);
    }
  }
  const order = list => list.map((x, i) => [x[0], i, x[1]]).sort((a, b) => Math.abs(a[0] - b[0]) > 2 ? a[0] - b[0] : a[1] - b[1]).map(x => x[2]);
  return [order(strict), order(loose)];
};
const countBlocks = () => { const counts = new Map(), seen = new WeakMap(); for (const b of blocksOf([document.body])) { counts.set(b.md, (counts.get(b.md) || 0) + 1); const s = seen.get(b.el); if (s) s.add(b.md); else seen.set(b.el, new Set([b.md])); } return { counts, seen }; };
const itemsOf = md => md.split('\n').map(line => line.replace(/^\s*(?:[-*+]|\d+[.)])\s+/, '').trim()).filter(Boolean);
// A list of conversations is named after their first questions: this one, whole or cut short, beside what stood there before.
const namesConversations = (md, asked) => {
  const isQuestion = item => { const k = key(item), cut = /(?:…|\.{3})$/.test(item); return asked.has(k) || cut && k.length > 5 && [...asked].some(form => form.startsWith(k)); };
  const items = itemsOf(md);
  if (!items.some(isQuestion)) return false;
  const before = new Set(base ? [...base.counts.keys()].flatMap(itemsOf) : []);
  return items.every(item => isQuestion(item) || before.has(item));
};
const newOnly = blocks => {
  let now = null;
  const asked = new Set(formsOf(watching.question));
  return blocks.filter(b => {
    if (asked.has(key(b.md)) || b.kind === 'list' && namesConversations(b.md, asked)) return false;
    if (!base) return true;
    const was = base.seen.get(b.el);
    if (was && was.has(b.md)) return false;
    const before = base.counts.get(b.md);
    if (before) { now ||= countBlocks().counts; if ((now.get(b.md) || 0) <= before) return false; }
    return !closest(b.el, el => ALERTISH(el) && !(qEl && contains(el, qEl)));
  });
};
const SIDE_PLACE = el => /^(nav|aside|header|footer)$/.test(el.localName) || /^(navigation|complementary|menu|banner)$/.test(attr(el, 'role'));
let qEl = null, lastBlocks = [], lastEl = null, wide = false, searchedAgain = 0, searchedWide = 0, wideBlocks = [];
const answerBlocks = () => {
  const composer = composerBox();
  wide = false;
  if (!qEl || !qEl.isConnected || !(watching.bare ? qEl.textContent.replace(/\s+/g, '') : key(qEl.textContent)).includes(watching.needle) || !rendered(qEl)) { qEl = pickQuestion(); voice = qEl ? voiceOf(qEl) : null; }
  if (qEl) {
    const top = composer ? common(qEl, composer) : document.body;
    const [strict, loose] = afterRoots(qEl, top, composer);
    const found = newOnly(blocksOf(strict));
    if (found.length) return found;
    const near = loose.length ? newOnly(blocksOf(loose)) : [];
    // Answers may stand apart from the questions: then anything new on the page may be one. Whoever asks judges by the traffic.
    if (near.length || watching.resume || performance.now() - watching.sent < 3500) return near;
    wide = true;
    // All of the page is much to look through, while it draws.
    if (performance.now() - searchedWide < 700) { dirty = true; return wideBlocks.filter(b => b.el.isConnected); }
    searchedWide = performance.now();
  }
  if (watching.resume || performance.now() - watching.sent < 1500) return [];
  const skip = composer && closest(composer, el => { const r = el.getBoundingClientRect(); return r.height > 160; }, 12);
  wideBlocks = newOnly(blocksOf([document.body])).filter(b => !(qEl && contains(qEl, b.el)) && !closest(b.el, beside(el => SIDE(el) || /^(header|footer|form)$/.test(el.localName))) && !(composer && contains(b.el, composer)) && !(skip && skip !== document.body && !contains(skip, b.el) && false));
  return wideBlocks;
};
const STOP = /(^|[^\p{L}])(stop|abort|cancel|halt|interrupt|stopp(en)?|anhalten|abbrechen|arrêter|annuler|detener|parar|cancelar|interromper|annulla|ferma|interrompi|stoppen|annuleren|avbryt)([^\p{L}]|$)|停止|中止|中断|キャンセル|取消/iu;
const BUSY_TOKEN = /^(is-?)?(stream(ing|ed)?(-?(message|text|content|response|answer))?|typing(-?(indicator|dots|cursor|animation))?|loading(-?(cursor|dots|indicator|message(-[a-z-]+)?|spinner|bubble))?|spinner|generating|thinking|pending|responding|writing|answering|processing|in-?progress|blink(ing)?(-?cursor)?|(typing|stream|streaming|text|blinking|loading)-?(cursor|caret)|dots?-?(flashing|typing|loader|pulse)|loader|busy|skeleton)$/i;
const BUSY_CSS = 'stream,typing,loading,loader,spinner,generat,thinking,pending,respond,writing,answering,process,progress,blink,cursor,caret,dot,busy,skeleton'.split(',').map(w => `[class*=${w} i]`).join(',');
const BUTTONS = 'button,[role=button],input[type=button],input[type=submit]';
const nameOf = el => [attr(el, 'aria-label'), attr(el, 'title'), attr(el, 'data-testid'), attr(el, 'id'), classes(el), el.localName === 'input' ? el.value : textOf(el, 40)].join(' ').replace(/([a-z])([A-Z])/g, '$1 $2').replace(/_/g, ' ');
const stops = () => all(BUTTONS).filter(el => STOP.test(nameOf(el)) && shown(el));
const marksNow = () => {
  const found = new Map(), add = k => found.set(k, (found.get(k) || 0) + 1);
  for (const el of stops()) if (!el.disabled) add('stop:' + sig(el));
  for (const el of all('[aria-busy=true]')) if (shown(el)) add('aria-busy:' + sig(el));
  for (const el of all('[role=progressbar],progress:not([value])')) if (shown(el)) add('progress:' + sig(el));
  const seen = new Set();
  for (const el of all('animate,animateTransform,animateMotion')) { const s = el.closest('svg'); if (s && !seen.has(s) && shown(s)) { seen.add(s); add('smil:' + sig(s)); } }
  for (const el of all(BUSY_CSS)) for (const token of classes(el).split(/\s+/)) if (BUSY_TOKEN.test(token) && rendered(el)) { add('class:' + token); break; }
  for (const r of roots()) if (r.getAnimations) for (const a of r.getAnimations()) {
    const t = a.effect && a.effect.target;
    if (t && a.playState === 'running' && a.effect.getTiming().iterations === Infinity && rendered(t)) add('anim:' + sig(t) + (a.effect.pseudoElement || ''));
  }
  const c = stateOf(composerEl());
  if (!c || !c.shown) add('composer-gone'); else if (c.disabled || c.readonly) add('composer-disabled');
  if (watching && watching.send) {
    const s = stateOf(senderEl());
    // Beside an empty box, without a look from before the question, neither says anything.
    const telling = base || !(c && c.empty);
    if (!s || !s.shown) { if (telling) add('send-gone'); } else { if (s.disabled && telling) add('send-disabled'); if (base && base.look !== null && s.look !== base.look && c && c.empty) add(s.look === base.primed ? 'look:send' : 'send-changed'); }
  }
  return found;
};
const alertsNow = () => alertEls().filter(el => !(qEl && contains(el, qEl)) && !speaks(el)).map(el => textOf(el, 300)).filter(Boolean);
// Taken before the question is typed, with an empty composer.
const baseline = (input, send, question) => {
  watching = { input, send, question, sent: performance.now(), bare: !key(question), resume: false };
  base = null; qEl = null; voice = null; lastBlocks = []; searchedWide = 0; dirty = true;
  const nodes = new WeakMap(); for (const n of leaves(null).nodes) nodes.set(n, n.data);
  const s = stateOf(senderEl());
  const spots = {};
  const text = leaves(composerBox());
  for (const needle of needlesOf(question)) { const n = standing(spotsFor(needle, text)).length; if (n) spots[needle] = n; }
  base = { nodes, ...countBlocks(), spots, look: s ? s.look : null, primed: null, marks: new Map(), alerts: alertsNow(), more: moreButtons().length };
  base.marks = marksNow();
  attend();
  return { counts: [...base.counts], spots, look: base.look, marks: [...base.marks], alerts: base.alerts, more: base.more };
};
// How the send control looks with the question in the box. One that keeps looking so may never have been told that the box is empty again.
const primed = () => { const s = base && stateOf(senderEl()); if (s) base.primed = s.look; return s ? s.look : null; };
// The same baseline again, in a document that has replaced the one it was taken in.
const restore = (input, send, question, b) => {
  watching = { input, send, question, sent: performance.now(), bare: !key(question), resume: false };
  base = { nodes: new WeakMap(), counts: new Map(b.counts), seen: new WeakMap(), spots: b.spots, look: b.look, primed: b.primed ?? null, marks: new Map(b.marks), alerts: b.alerts, more: b.more };
  qEl = null; voice = null; lastBlocks = []; searchedWide = 0; dirty = true; attend();
  return true;
};
// Reading the answer to a question that was asked before this watch began.
const resume = (input, send, question) => {
  watching = { input, send, question, sent: performance.now() - 60000, bare: !key(question), resume: true };
  base = null; qEl = null; voice = null; lastBlocks = []; searchedWide = 0; dirty = true; attend();
  return !!pickQuestion();
};
const sent = () => {
  if (!watching) return null;
  const c = stateOf(composerEl());
  return { gone: !c || !c.shown, empty: !!c && c.empty, disabled: !!c && (c.disabled || c.readonly), shown: !!pickQuestion(), url: location.href };
};
const asks = (input, question) => {
  const before = watching;
  watching = { input, question, resume: true, bare: !key(question) };
  const there = standing(spotsOf(question)).length > 0;
  watching = before;
  return there;
};
// How often it stands there as a whole; its beginning alone does not count.
const times = (input, question) => {
  const before = watching;
  watching = { input, question, resume: true, bare: !key(question) };
  let found = 0;
  for (const needle of formsOf(question)) if ((found = standing(spotsFor(needle)).length)) break;
  watching = before;
  return found;
};
let markTime = 0, lastMarks = [];
const poll = full => {
  if (!watching) return { lost: true };
  const now = performance.now();
  let from = lastBlocks.length, blocks = [];
  // What has come may have to be looked for elsewhere, without anything more changing.
  const again = !lastBlocks.length && !watching.resume && now - watching.sent > 1500 && now - searchedAgain > 1000;
  if (again) searchedAgain = now;
  const moved = dirty || full || again;
  if (moved) {
    dirty = false; attend();
    if (full) searchedWide = 0;
    const found = answerBlocks();
    lastEl = found.length ? found[found.length - 1].el : null;
    const next = found.map(b => ({ m: b.md, k: b.kind, h: b.head || '', s: sig(b.el), r: b.root }));
    from = 0;
    while (!full && from < next.length && from < lastBlocks.length && next[from].m === lastBlocks[from].m && next[from].r === lastBlocks[from].r) from++;
    blocks = next.slice(from); lastBlocks = next;
  }
  if (moved || now - markTime > 200) {
    markTime = now;
    const marks = marksNow();
    lastMarks = [...marks].filter(([k, n]) => n > (base ? base.marks.get(k) || 0 : 0)).map(([k]) => k);
  }
  const out = { wide, q: !!qEl, n: lastBlocks.length, from, blocks, marks: lastMarks, unseen: unseenHosts.length };
  if (moved) {
    const known = new Set(base ? base.alerts : []);
    out.alerts = alertsNow().filter(a => !known.has(a));
    out.login = all('input[type=password]').some(shown);
    out.url = location.href;
  }
  return out;
};
// A button at the end of an answer that asks for the rest of it, and was not there before. One word alone ("Continue", "Keep") may mean anything.
const MORE = /^((continue|keep|finish|resume) (generating|generation|writing|response|answer(ing)?|output)|weiter ?(generieren|schreiben)|(antwort|generierung) (fortsetzen|fortführen)|continuer (la (génération|réponse)|à (générer|écrire))|seguir (generando|escribiendo)|continuar (generando|gerando|a gerar|escribiendo|escrevendo|la respuesta|a resposta)|continua (a (generare|scrivere)|la (generazione|risposta))|verder (genereren|schrijven)|(generuj|pisz) dalej|kontynuuj (generowanie|odpowiedź)|продолжить (генерацию|ответ)|继续(生成|回答)|繼續(生成|回答)|続き(を生成|を書く)|生成を続ける|계속 ?생성(하기)?)$/iu;
const moreButtons = () => all(BUTTONS).filter(el => MORE.test(squash(el.localName === 'input' ? el.value : textOf(el, 40) || attr(el, 'aria-label'))) && shown(el) && !el.disabled);
// Right after the answer's last block, or beside its end.
const FAR = 160;
const moreButton = () => {
  if (!lastEl || !lastEl.isConnected) return null;
  const end = rect(lastEl);
  const now = moreButtons().filter(el => !closest(el, n => /^(alert)?dialog$/.test(attr(n, 'role'))) && !closest(el, beside(SIDE_PLACE)) && rect(el).top >= end.top - 6 && rect(el).top <= end.bottom + FAR);
  const el = now[now.length - 1];
  return el && moreButtons().length > (base ? base.more || 0 : 0) ? locate(el) : null;
};
const stopButton = () => {
  const seen = new Map();
  const now = stops().filter(el => { const k = 'stop:' + sig(el), n = (seen.get(k) || 0) + 1; seen.set(k, n); return !el.disabled && n > (base ? base.marks.get(k) || 0 : 0); });
  const el = now[now.length - 1];
  return el ? locate(el) : null;
};
globalThis.__ct = { fileInputs, filesShown, pickers, pickerShows, noteItems, newItems, chooseOption, hand, pasteCode, find, ways, canonical, unseen, adopt, through, facts, ready, address, born, storage, point, overlay, focus, press, fieldText, holds, state, veil, fieldAt, challengePicture, baseline, primed, restore, resume, sent, asks, times, poll, stopButton, moreButton };
