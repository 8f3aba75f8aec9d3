// Code editors by hand: the text is kept by the script and drawn, not held by a field.
window.editors = (() => {
  const visible = 12;
  const enter = (event, ask, text) => {
    if (event.key !== 'Enter' || event.shiftKey) return false;
    event.preventDefault();
    ask(text);
    return true;
  };

  // A tiny, transparent text area takes the keys; what it takes is moved into the model, and it is emptied.
  const drawn = ({ make, ask, changed }) => {
    let text = '', all = false;
    const field = make('textarea', { class: 'keys', 'aria-label': 'Editor content', autocapitalize: 'off', spellcheck: 'false', wrap: 'off' });
    field.style.cssText = 'position:absolute;opacity:0;width:8px;height:14px;border:0;padding:0;resize:none;overflow:hidden;left:44px;top:6px';
    const numbers = make('div', { class: 'gutter-numbers' }), lines = make('div', { class: 'drawn-lines' });
    numbers.style.cssText = 'position:absolute;left:0;top:0;width:36px;color:#888;user-select:none';
    lines.style.cssText = 'position:absolute;left:44px;right:0;top:0;white-space:pre;font-family:monospace';
    const surface = make('div', { class: 'drawn-editor' }, numbers, lines, field);
    surface.style.cssText = 'position:relative;flex:1;height:96px;overflow:hidden;border:1px solid #aaa;background:#fff;cursor:text';
    const draw = () => {
      const rows = text.split('\n'), first = Math.max(0, rows.length - visible);
      numbers.replaceChildren(...rows.slice(first).map((_, row) => make('div', {}, String(first + row + 1))));
      lines.replaceChildren(...rows.slice(first).map((row) => {
        const line = make('div');
        line.style.height = '16px';
        // Words are drawn one by one, as highlighters do.
        line.append(...row.split(/(?<= )/).map((word) => make('span', {}, word)));
        return line;
      }));
      if (!text) lines.append(make('div', { class: 'faint placeholder' }, 'Ask something, or paste code'));
      changed(text);
    };
    field.addEventListener('input', () => { text = (all ? '' : text) + field.value.replace(/\r/g, ''); all = false; field.value = ''; draw(); });
    field.addEventListener('keydown', (event) => {
      if (enter(event, ask, text)) return;
      if (event.key === 'a' && event.ctrlKey) { all = true; event.preventDefault(); }
      if (event.key === 'Backspace') { text = all ? '' : text.slice(0, -1); all = false; event.preventDefault(); draw(); }
    });
    surface.addEventListener('mousedown', (event) => { event.preventDefault(); field.focus(); });
    const button = make('button', { type: 'button', class: 'primary', onclick: () => ask(text) }, 'Run');
    queueMicrotask(draw);
    return { node: make('div', { class: 'composer' }, surface, button), field, button, empty: () => { text = ''; draw(); } };
  };

  // No field at all: an EditContext takes the text. Lines are placed by their top, and drawn last one first.
  const context = ({ make, ask, changed }) => {
    const surface = make('div', { class: 'context-editor', tabindex: '0', role: 'textbox', 'aria-multiline': 'true', 'aria-label': 'Your question' });
    surface.style.cssText = 'position:relative;flex:1;height:220px;overflow:auto;border:1px solid #aaa;background:#fff;cursor:text;outline:none';
    const own = new EditContext();
    surface.editContext = own;
    const draw = () => {
      surface.replaceChildren(...own.text.split('\n').map((row, index) => {
        const line = make('div', { class: 'context-line' }, row);
        line.style.cssText = 'position:absolute;left:4px;white-space:pre;height:16px;top:' + 16 * index + 'px';
        return line;
      }).reverse());
      changed(own.text);
    };
    const set = (text) => { own.updateText(0, own.text.length, text); own.updateSelection(text.length, text.length); draw(); };
    own.addEventListener('textupdate', draw);
    let all = false;
    surface.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && event.shiftKey) { event.preventDefault(); set(own.text + '\n'); return; }
      if (enter(event, ask, own.text)) return;
      if (event.key === 'a' && event.ctrlKey) { all = true; own.updateSelection(0, own.text.length); event.preventDefault(); }
      if (event.key === 'Backspace') { set(all ? '' : own.text.slice(0, -1)); all = false; event.preventDefault(); }
    });
    queueMicrotask(draw);
    return { node: make('div', { class: 'composer' }, surface), field: surface, empty: () => set('') };
  };
  return { drawn, context };
})();
