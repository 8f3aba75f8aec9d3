// Markdown out of rendered HTML: a list of blocks, each with the element it came from. Controls, icons, time stamps
// and text for screen readers only are not part of what was said.
const INLINE = new Set('a abbr b bdi bdo br cite code data del dfn em font i img ins kbd label mark math output q s samp small span strike strong sub sup time tt u var wbr'.split(' '));
const SILENT = new Set('script style noscript template button input select textarea svg canvas audio video object embed progress meter option head link meta title nav'.split(' '));
const SILENT_ROLE = /^(button|toolbar|menu|menubar|menuitem|tooltip|progressbar|switch|tab|tablist|combobox|listbox|searchbox|textbox|alert|alertdialog|status|timer)$/;
const SILENT_CLASS = /^(avatar|timestamp|time-?stamp|sr-only|visually-hidden|screen-reader-text|visuallyhidden|line-numbers?-rows|toolbar|copy-btn|copy-button|clipboard|tooltip)$/i;
// Icon fonts spell their icons' names.
const ICON_CLASS = /(^|-)(icons?|symbols)(-[a-z]+)?$/i;
const BLOCKY = 'p,div,ul,ol,pre,table,blockquote,h1,h2,h3,h4,h5,h6,hr,section,article,figure,details,dl';
const readerOnly = el => {
  const r = el.getBoundingClientRect();
  if (r.width > 2 && r.height > 2) return false;
  const s = style(el), tag = el.localName;
  // Taken out of the page, and cut to a point: whatever it is.
  if (r.width <= 2 && r.height <= 2 && /^(absolute|fixed)$/.test(s.position) && (s.overflow !== 'visible' || s.clip !== 'auto' || s.clipPath !== 'none')) return true;
  if (!(tag === 'div' || (tag === 'span' || tag === 'p' || /^h\d$/.test(tag)) && el.textContent.length < 80)) return false;
  return (s.position === 'absolute' || s.position === 'fixed' || s.overflow === 'hidden') && (r.width <= 2 || r.height <= 2) && (s.overflow !== 'visible' || s.clip !== 'auto' || s.clipPath !== 'none');
};
const mathOf = el => { const a = el.querySelector && el.querySelector('annotation[encoding="application/x-tex"]'); return a ? a.textContent.trim() : ''; };
const isMath = el => /(^|\s)(katex|katex-display|MathJax|mjx-container)(\s|$)/.test(classes(el)) || el.localName === 'mjx-container' || el.localName === 'math';
// Code that can be edited where it stands.
const codeEditor = el => el.localName === 'pre' || el.localName === 'code' || /^(pre|break-spaces)/.test(style(el).whiteSpace) && /mono|courier|consol/i.test(style(el).fontFamily);
const silent = el => {
  const tag = el.localName;
  if (SILENT.has(tag)) return true;
  const role = attr(el, 'role');
  if (role && SILENT_ROLE.test(role) && !(role === 'textbox' && codeEditor(el)) && !speaks(el)) return true;
  if (isMath(el)) return false;
  if (attr(el, 'aria-hidden') === 'true' && !el.closest('.katex')) return true;
  const c = classes(el);
  if (c) for (const token of c.split(/\s+/)) if (SILENT_CLASS.test(token) || ICON_CLASS.test(token) && !el.firstElementChild && el.textContent.length < 30) return true;
  if (!rendered(el)) return true;
  if (tag === 'time' && squash(up(el)?.textContent) === squash(el.textContent)) return true;
  return readerOnly(el);
};
// Code of several lines is a block, also in an element for a few words.
const linesOfCode = el => { const n = el.textContent.trim().split('\n').length; return n > 2 || n > 1 && /^(pre|break-spaces)/.test(style(el).whiteSpace); };
const isInline = el => {
  const tag = el.localName;
  if (tag === 'code' && linesOfCode(el)) return false;
  if (rootOf(el) || isFrame(el)) return false;
  if (!INLINE.has(tag)) { if (tag.includes('-') || tag === 'slot') return /^inline/.test(style(el).display) && !el.querySelector(BLOCKY); return false; }
  if (el.firstElementChild && el.querySelector(BLOCKY)) return false;
  if (tag === 'span' || tag === 'a' || tag === 'label' || tag === 'code') { const d = style(el).display; return d === 'contents' || d.startsWith('inline') || d.startsWith('ruby'); }
  return true;
};
const wrap = (mark, s) => { const m = /^(\s*)([\s\S]*?)(\s*)$/.exec(s); return m[2] ? m[1] + mark + m[2] + mark + m[3] : s; };
const tick = s => { const run = Math.max(0, ...(s.match(/`+/g) || []).map(t => t.length)); const f = '`'.repeat(run + 1); return run ? `${f} ${s} ${f}` : f + s + f; };
// Apps that draw emphasis by style alone: heavier or slanted beside what surrounds it. Links are often so without meaning it.
const emphasis = el => {
  const own = style(el), around = up(el) && up(el).nodeType === 1 ? style(up(el)) : own;
  const slanted = s => /^(italic|oblique)/.test(s.fontStyle);
  return [+own.fontWeight >= 600 && +around.fontWeight < 600, slanted(own) && !slanted(around)];
};
const keepsLines = el => /^(pre|break-spaces)/.test(style(el).whiteSpace);
const inline = (node, keep) => {
  if (node.nodeType === 3) return keep ? node.data : node.data.replace(/[\s\u200b]+/g, ' ');
  if (node.nodeType !== 1 || silent(node)) return '';
  const tag = node.localName;
  if (tag === 'br') return '\n';
  if (tag === 'wbr') return '';
  if (tag === 'img') { const r = node.getBoundingClientRect(); return r.width >= 64 && r.height >= 64 && /^https?:/.test(node.src) ? `![${node.alt || ''}](${node.src})` : node.alt && r.width < 32 && /\p{Extended_Pictographic}/u.test(node.alt) ? node.alt : ''; }
  if (isMath(node)) { const t = mathOf(node); if (t) return classes(node).includes('display') || node.querySelector('.katex-display') ? `$$${t}$$` : `$${t}$`; }
  if (tag === 'code' || tag === 'kbd' || tag === 'samp' || tag === 'tt') { const t = node.textContent; return t.trim() ? tick(t) : ''; }
  const inner = [...kids(node)].map(k => inline(k, keep)).join('');
  if (!inner.trim()) return inner;
  if (tag === 'strong' || tag === 'b') return wrap('**', inner);
  if (tag === 'em' || tag === 'i') return wrap('*', inner);
  if (tag === 'del' || tag === 's' || tag === 'strike') return wrap('~~', inner);
  if (tag === 'a') {
    const href = attr(node, 'href'), text = squash(inner);
    if (/^[#¶§]$/.test(text)) return '';
    if (!/^(https?:|mailto:)/i.test(href)) return inner;
    return text === href || text === href.replace(/^mailto:/, '') ? href : `[${inner.trim()}](${href})`;
  }
  if (tag !== 'span' && tag !== 'font' && !tag.includes('-')) return inner;
  const [heavy, slanted] = emphasis(node);
  return wrap((heavy ? '**' : '') + (slanted ? '*' : ''), inner);
};
const tidy = (s, keep) => keep ? s.replace(/[ \t]+$/gm, '').replace(/^\n+|\s+$/g, '') : s.replace(/[ \t]*\n[ \t]*/g, '\n').replace(/ {2,}/g, ' ').replace(/\n{3,}/g, '\n\n').trim();
const languageOf = el => {
  for (let n = el, i = 0; n && i < 4; n = up(n), i++) {
    if (n.nodeType !== 1) continue;
    const d = attr(n, 'data-language') || attr(n, 'data-lang') || attr(n, 'lang-name');
    if (d) return d.toLowerCase();
    const m = /(?:^|\s)(?:language|lang|highlight-source|brush:?)-?\s?([a-z0-9+#_.-]+)/i.exec(classes(n));
    if (m && !/^(none|plaintext|text|plain|auto|undefined|unknown)$/i.test(m[1])) return m[1].toLowerCase();
    if (m) return '';
    const h = /(?:^|\s)hljs\s+([a-z0-9+#-]+)/.exec(classes(n)); if (h && !/^(language|copy)/.test(h[1])) return h[1];
  }
  return '';
};
const LINE_NO = /(^|[-_ ])(line-?num(ber)?s?|lineno|linenos?|ln-num|gutters?|hljs-ln-numbers)([-_ ]|$)/i;
const codeText = el => {
  let out = '';
  const visit = n => {
    if (n.nodeType === 3) { out += n.data; return; }
    if (n.nodeType !== 1) return;
    const tag = n.localName;
    if (tag === 'button' || tag === 'svg' || tag === 'style' || tag === 'script' || attr(n, 'role') === 'button') return;
    if (LINE_NO.test(classes(n)) || attr(n, 'data-line-number') && !n.textContent.trim()) return;
    if (/^\d*$/.test(n.textContent.trim()) && n.textContent.length < 7 && style(n).userSelect === 'none') return;
    if (tag === 'br') { out += '\n'; return; }
    const row = (tag === 'div' || tag === 'tr' || tag === 'li') || (tag === 'span' && /^(block|flex|grid)/.test(style(n).display));
    if (row && out && !out.endsWith('\n')) out += '\n';
    for (const k of kids(n)) visit(k);
    if (row && !out.endsWith('\n')) out += '\n';
  };
  visit(el);
  return out.replace(/\n+$/, '').replace(/^\n/, '');
};
const fence = (code, language) => { const run = Math.max(2, ...(code.match(/^\s*`{3,}/gm) || []).map(t => t.trim().length)); const f = '`'.repeat(run + 1); return `${f}${language}\n${code}\n${f}`; };
const listOf = (el, out) => {
  const lines = [], ordered = el.localName === 'ol';
  let n = ordered ? (el.start || 1) : 0;
  for (const li of kids(el)) {
    if (li.nodeType !== 1 || (li.localName !== 'li' && silent(li))) continue;
    if (li.localName === 'ul' || li.localName === 'ol') { const sub = []; listOf(li, sub); if (sub[0]) lines.push(sub[0].md.replace(/^/gm, '  ')); continue; }
    const parts = []; gather(li, parts);
    if (ordered && li.hasAttribute && li.hasAttribute('value')) n = li.value;
    const mark = ordered ? `${n++}. ` : '- ';
    const box = li.querySelector && li.querySelector('input[type=checkbox]');
    let text = '';
    for (const p of parts) text += (text ? (p.kind === 'list' ? '\n' : '\n\n') : '') + p.md;
    if (box && contains(li, box) && box.closest('li') === li) text = (box.checked ? '[x] ' : '[ ] ') + text;
    lines.push(mark + text.replace(/\n(?!\n|$)/g, '\n' + ' '.repeat(mark.length)));
  }
  if (lines.length) out.push({ el, md: lines.join('\n'), kind: 'list' });
};
const tableOf = (el, out) => {
  const rows = [...el.rows].filter(r => rendered(r)).map(r => [...r.cells].map(c => { const parts = []; gather(c, parts); return parts.map(p => p.md).join(' ').replace(/\n/g, ' ').replace(/\|/g, '\\|').trim(); }));
  if (!rows.length) return;
  const width = Math.max(...rows.map(r => r.length));
  const line = r => '| ' + Array.from({ length: width }, (_, i) => r[i] || '').join(' | ') + ' |';
  out.push({ el, md: [line(rows[0]), '| ' + Array(width).fill('---').join(' | ') + ' |', ...rows.slice(1).map(line)].join('\n'), kind: 'table' });
};
const isCodeBox = el => {
  if (el.localName === 'pre' || attr(el, 'role') === 'textbox' && codeEditor(el)) return true;
  if (el.localName !== 'code' && el.localName !== 'div') return false;
  if (el.localName === 'div' && !/(^|[\s_-])(code|highlight|hljs|shiki|prism|codehilite)/i.test(classes(el))) return false;
  if (el.localName === 'div') return false;
  if (linesOfCode(el)) return true;
  const s = style(el); return s.display.startsWith('block') && s.whiteSpace.startsWith('pre');
};
// The words of a code block's head, without those of its buttons and the numbers of its lines.
const wordsOf = head => head.toLowerCase().split(/\s+/).filter(w => w && !/^(\d+|copy|copied|code|raw|plain|plaintext|kopieren|copier|copiar|复制|コピー|download|wrap)!?$/.test(w));
// A box that holds one code block and otherwise only its head (language, copy): the head is furniture.
const soleCode = el => {
  if (el.localName === 'li' || el.localName === 'td' || !el.querySelector) return null;
  const inPre = n => n.localName === 'code' && closest(up(n), a => a.localName === 'pre' || attr(a, 'role') === 'textbox');
  const pres = [...el.querySelectorAll('pre,[role=textbox],code')].filter(n => isCodeBox(n) && !inPre(n));
  if (pres.length !== 1 || !rendered(pres[0])) return null;
  let head = '';
  const visit = n => { if (n === pres[0] || head.length > 60) return; if (n.nodeType === 3) head += ' ' + n.data; else if (n.nodeType === 1 && !silent(n)) for (const k of kids(n)) visit(k); };
  visit(el);
  head = squash(head);
  if (head.length > 40) return null;
  // A sentence before the code is none of its language.
  if (/[.:…。：]$/.test(head) || wordsOf(head).length > 2) return null;
  if (head && !(/^[\w+#. -]{1,20}$/.test(head) && pres[0].parentElement !== el)) { if (head && wordsOf(head).length && !/^[\w+#.-]{1,20}$/.test(head)) return null; }
  return { pre: pres[0], head };
};
const pushCode = (pre, head, out) => {
  const code = pre.querySelector('code') || pre, text = codeText(code);
  if (!text.trim()) return;
  let language = languageOf(code) || languageOf(pre);
  const words = wordsOf(head);
  if (!language && words.length === 1) language = words[0];
  out.push({ el: pre, md: fence(text, language), kind: 'code' });
};
const block = (el, out) => {
  if (silent(el)) return;
  const tag = el.localName;
  if (isMath(el) && mathOf(el)) { out.push({ el, md: `$$${mathOf(el)}$$`, kind: 'p' }); return; }
  if (tag === 'ul' || tag === 'ol') { if (el.querySelector('li')) { listOf(el, out); return; } }
  else if (tag === 'table') { tableOf(el, out); return; }
  else if (tag === 'hr') { out.push({ el, md: '---', kind: 'hr' }); return; }
  else if (isCodeBox(el)) { pushCode(el, '', out); return; }
  else if (/^h[1-6]$/.test(tag)) { const t = tidy([...kids(el)].map(k => inline(k)).join('')).replace(/\n/g, ' '); if (t) out.push({ el, md: '#'.repeat(+tag[1]) + ' ' + t, kind: 'h' }); return; }
  else if (tag === 'blockquote') { const parts = []; gather(el, parts); if (parts.length) out.push({ el, md: parts.map(p => p.md).join('\n\n').replace(/^/gm, '> ').replace(/^> $/gm, '>'), kind: 'quote' }); return; }
  else { const sole = soleCode(el); if (sole) { pushCode(sole.pre, sole.head, out); return; } }
  gather(el, out);
};
const gather = (container, out) => {
  let run = [];
  const keep = container.nodeType === 1 && keepsLines(container);
  const flush = () => {
    if (!run.length) return;
    const md = tidy(run.map(n => inline(n, keep)).join(''), keep);
    if (md) {
      const first = run.find(n => n.nodeType === 1 || n.data.trim());
      const head = run.length > 1 && first.nodeType === 1 && /^(span|label|small|cite|time)$/.test(first.localName) ? tidy(inline(first)) : '';
      out.push({ el: container, md, kind: 'p', head: head && md.startsWith(head) && md !== head ? head : '' });
    }
    run = [];
  };
  for (const k of kids(container)) {
    if (k.nodeType === 3) { if (k.data.trim() || run.length) run.push(k); continue; }
    if (k.nodeType !== 1) continue;
    if (isInline(k)) { run.push(k); continue; }
    if (silent(k)) continue;
    flush(); block(k, out);
  }
  flush();
};
const blocksOf = nodes => {
  const out = [];
  nodes.forEach((node, root) => {
    const before = out.length;
    if (node.nodeType === 3) { const md = tidy(node.data); if (md) out.push({ el: node.parentNode, md, kind: 'p', head: '' }); }
    else if (isInline(node)) { if (!silent(node)) { const md = tidy(inline(node)); if (md) out.push({ el: node, md, kind: 'p', head: '' }); } }
    else block(node, out);
    for (let i = before; i < out.length; i++) out[i].root = root;
  });
  return out;
};
