// Fields that take files, shown or not, and what a page shows of files that it was given.
const levelsTo = (el, field) => {
  let n = 0;
  for (let p = el; p && n < 40; p = up(p), n++) if (contains(p, field)) return n;
  return 40;
};
const fileInputs = near => {
  const field = find(near);
  return all('input[type=file]', true).slice(0, 40).map(el => ({
    locator: locate(el), accept: attr(el, 'accept').toLowerCase().slice(0, 400), folder: !!el.webkitdirectory, disabled: !!el.disabled,
    words: [labelOf(el), attr(el, 'aria-label'), attr(el, 'title'), attr(el, 'name'), attr(el, 'id'), classes(el)].join(' ').toLowerCase().slice(0, 300),
    levels: field ? levelsTo(el, field) : 40, form: !!field && !!el.form && el.form === (field.form || field.closest?.('form')), context: contextOf(el),
  }));
};
const LOCAL = /^(blob|data):/;
const filesShown = (near, names) => {
  const said = [];
  for (const r of roots(true)) {
    const top = r.body || r;
    said.push(top.innerText ?? [...top.children].map(c => c.innerText || '').join(' '));
    for (const el of r.querySelectorAll('[alt],[title],[aria-label]')) if (shown(el)) said.push(attr(el, 'alt'), attr(el, 'title'), attr(el, 'aria-label'));
  }
  const text = said.join('\n');
  const pictures = all('img,canvas,video,embed').filter(el => (el.localName === 'canvas' || LOCAL.test(el.currentSrc || el.src || '')) && shown(el)).length
    + all('[style*=url]').filter(el => /url\(["']?(blob|data):/.test(el.style.backgroundImage) && shown(el)).length;
  return { named: names.filter(n => text.includes(n)).length, pictures, busy: all('[role=progressbar],[aria-busy=true],progress').filter(shown).length };
};
