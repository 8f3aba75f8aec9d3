// The chat page in all its forms. What it shall look like stands in the JSON of #facts.
(() => {
  const app = JSON.parse(document.getElementById('facts').textContent);
  const looks = (name) => app.looks.includes(name);
  const is = (key, value) => app[key] === value;
  const safe = window.safeHtml;
  const make = (tag, props = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) {
      if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
      else if (value !== false && value !== undefined) node.setAttribute(name, value === true ? '' : value);
    }
    node.append(...children);
    return node;
  };
  const html = (markup) => {
    const holder = document.createElement('template');
    holder.innerHTML = markup.trim();
    return holder.content.firstElementChild;
  };

  // -- messages ---------------------------------------------------------------------------------
  const messages = app.messages.map((m) => ({ role: m.role, text: m.text, time: clock(), streaming: m.role === 'bot' && !m.done, run: m.run }));
  let stop = null;          // ends the answer under way
  let emptyTray = () => {};
  let draft = '';           // what the page believes to be in the field

  function clock() {
    return new Date().toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
  }

  const spinner = '<svg class="wait" width="24" height="24" viewBox="0 0 24 24"><circle cx="12" cy="12" r="9" fill="none" stroke="#2457c5" stroke-width="3" stroke-dasharray="40 20">' +
    '<animateTransform attributeName="transform" type="rotate" from="0 12 12" to="360 12 12" dur="0.9s" repeatCount="indefinite"/></circle></svg>';

  const blocks = (m) => {
    if (m.role === 'user' && looks('drawn-questions')) {
      const drawn = safe(m.text).replace(/&amp;(amp|lt|gt);/g, '&$1;').replace(/\[([^\]]*)\]\(([^)]*)\)/g, '<a href="$2">$1</a>').replace(/\*\*([^*]*)\*\*/g, '<strong>$1</strong>');
      return ['<div class="plain">' + drawn + '</div>'];
    }
    if (m.role === 'user') return ['<div class="plain">' + safe(m.text) + '</div>'];
    let out = window.renderMarkdown(m.text, looks('code-bar'), looks('styled-marks'));
    if (looks('live-code')) {
      out = out.map((block) => block.replace(/<pre[^>]*>.*?<\/pre>/s, (pre) => {
        const code = html(pre), lines = code.textContent.replace(/\n$/, '').split('\n');
        return '<div><div>python</div><div style="font-family: monospace"><div aria-hidden="true">' + lines.map((_, n) => '<div>' + (n + 1) + '</div>').join('') + '</div>' +
          '<div contenteditable="true" role="textbox" data-language="python" style="white-space: break-spaces">' + lines.map((line) => '<div>' + (safe(line) || '<br>') + '</div>').join('') + '</div></div>' +
          '<button type="button">Copy</button><button type="button">Add to the notebook of today</button></div>';
      }));
    }
    if (looks('editable-code')) out = out.map((block) => block.replace(/<pre/g, '<pre contenteditable="true" role="textbox" aria-label="Edit and ask again"'));
    if (m.streaming && !m.text && looks('thinking')) out.push('<p class="faint">Thinking…</p>');
    if (m.streaming && is('busy', 'css-cursor')) out.push('<span class="cursor"></span>');
    if (m.streaming && is('busy', 'svg-spinner')) out.push(spinner);
    return out;
  };

  const name = (m) => (m.role === 'user' ? 'You' : 'Echo');
  const head = (m) => (looks('sr-only') ? '<h6 class="sr-only">' + (m.role === 'user' ? 'You said:' : 'Echo said:') + '</h6>' : '') +
    (looks('furniture') ? '<header><span class="avatar">' + name(m)[0] + '</span><span>' + name(m) + '</span><time>' + m.time + '</time></header>' : '');
  const foot = (m) => {
    if (!looks('furniture') || m.streaming) return '';
    return '<div class="actions"><button type="button">Copy</button>' +
      (m.role === 'user' ? '<button type="button">Edit</button>' : '<button type="button" aria-label="Good answer">👍</button><button type="button" aria-label="Bad answer">👎</button>') + '</div>';
  };
  const busyMark = (m) => (m.streaming && is('busy', 'aria-busy') ? ' aria-busy="true"' : '');

  const skins = {
    bubbles: {
      body: '.body',
      html: (m) => '<div class="row ' + m.role + '"' + busyMark(m) + '>' + head(m) + '<div class="bubble"' + (looks('alert-messages') ? ' role="alert" aria-live="assertive"' : '') + '><div class="body">' + blocks(m).join('') + '</div></div>' + foot(m) + '</div>',
    },
    articles: {
      body: '.prose',
      html: (m) => '<article class="' + (m.role === 'user' ? 'mine' : 'theirs') + '"' + busyMark(m) + '>' + head(m) + '<div class="prose">' + blocks(m).join('') + '</div>' + foot(m) + '</article>',
    },
    hashed: {
      body: '.q1z',
      html: (m) => '<div class="x1a ' + (m.role === 'user' ? 'x7f' : 'x80') + '"' + busyMark(m) + '>' + head(m) + '<div class="q1z"' + (looks('boxless') ? ' style="display: contents"' : '') + '>' + blocks(m).join('') + '</div>' + foot(m) + '</div>',
    },
    log: {
      body: '.content',
      html: (m) => '<li class="row ' + m.role + '"' + busyMark(m) + '>' + head(m) + '<div class="bubble content">' + blocks(m).join('') + '</div>' + foot(m) + '</li>',
    },
  };
  const skin = skins[app.skin];
  const whole = (m) => looks('replaced-at-end') && m.role === 'bot' && !m.streaming;
  const skinOf = (m) => (whole(m) ? skins[is('skin', 'articles') ? 'hashed' : 'articles'] : skin);

  const thread = is('skin', 'log')
    ? make('ol', { class: 'thread', role: 'log', 'aria-live': 'polite' })
    : make('div', { class: is('skin', 'hashed') ? 'thread k9' : 'thread messages' });
  if (looks('column-reverse')) thread.classList.add('turned');
  // Where answers stand, if not among the questions.
  const desk = looks('columns') ? make('section', { class: 'desk' }) : thread;

  const shown = () => (looks('virtual') ? messages.slice(-3) : messages);
  const ordered = (list) => (looks('column-reverse') ? [...list].reverse() : list);
  const nodes = new Map();   // message -> node, where nodes are kept
  const former = new Map();  // message -> blocks as last shown

  const draw = (m) => {
    if (looks('rerender')) {
      thread.innerHTML = (looks('virtual') && messages.length > 3 ? '<div class="spacer"></div>' : '') + ordered(shown()).map(skin.html).join('');
    } else {
      place();
      if (m) patch(m);
    }
    if (!looks('column-reverse')) for (const list of [thread, desk]) list.scrollTop = list.scrollHeight;
  };

  // Puts nodes for new messages in, and takes those out that are shown no more.
  const place = () => {
    const wanted = shown();
    for (const [m, node] of nodes) if (!wanted.includes(m)) { node.remove(); nodes.delete(m); former.delete(m); }
    for (const m of wanted) {
      if (nodes.has(m)) continue;
      const node = html(skinOf(m).html(m));
      nodes.set(m, node);
      former.set(m, blocks(m));
      const list = m.role === 'user' ? thread : desk;
      if (looks('column-reverse')) list.prepend(node); else list.append(node);
    }
  };

  // Changes only the blocks that differ.
  const patch = (m) => {
    const node = nodes.get(m);
    if (!node) return;
    const body = node.querySelector(skinOf(m).body);
    const now = blocks(m), old = former.get(m);
    for (let index = 0; index < Math.max(now.length, old.length); index += 1) {
      if (now[index] === old[index]) continue;
      const child = body.children[index];
      if (now[index] === undefined) body.children[now.length].remove();
      else if (child) child.replaceWith(html(now[index]));
      else body.append(html(now[index]));
    }
    former.set(m, now);
    if (is('busy', 'aria-busy')) { if (m.streaming) node.setAttribute('aria-busy', 'true'); else node.removeAttribute('aria-busy'); }
    const action = foot(m);
    if (action && !node.querySelector('.actions')) node.append(html(action));
  };

  // -- errors -----------------------------------------------------------------------------------
  const toast = (text) => {
    if (looks('error-line')) {
      const line = make('div', { class: 'faint' }, text);
      thread.append(line);
      setTimeout(() => line.remove(), 8000);
      return;
    }
    if (looks('error-bubble')) {
      messages.push({ role: 'bot', text, time: clock() });
      draw(messages[messages.length - 1]);
      return;
    }
    const node = make('div', looks('quiet-errors') ? { class: 'toast' } : { class: 'toast', role: 'alert' }, text);
    (app.root || document.body).append(node);
    setTimeout(() => node.remove(), 8000);
  };
  const signedOut = () => {
    if (looks('false-inside')) { toast('Please sign in to send messages.'); return; }
    toast('Your session has expired. Please sign in again.');
    setTimeout(() => location.assign(app.base + '/login'), 500);
  };

  // -- asking -----------------------------------------------------------------------------------
  const way = window.transports(app);

  const begin = (m, start) => {
    const chips = thread.querySelector('.chips');
    if (chips) chips.remove();
    let current = m, over = false, held = null, until = 0;
    const finish = () => {
      if (over) return false;
      if (until) { setTimeout(finish, 950); return true; }
      over = true;
      current.streaming = false;
      stop = null;
      if (whole(current) && nodes.has(current)) { nodes.get(current).remove(); nodes.delete(current); former.delete(current); }
      draw(current);
      composer.update();
      return true;
    };
    if (looks('regenerates')) {
      until = performance.now() + 700;
      current.text = 'Well, let me see: the first thing that comes to my mind is';
      draw(current);
      setTimeout(() => { until = 0; current.text = held || ''; draw(current); }, 700);
    }
    const before = looks('stale-first') ? messages.filter((old) => old.role === 'bot' && old !== m && old.text).pop() : null;
    if (before) {
      current.text = before.text;
      until = performance.now() + 900;
      draw(current);
      setTimeout(() => { until = 0; current.text = held || ''; draw(current); }, 900);
    }
    stop = start({
      text: (text) => { if (over) return; held = text; if (until) return; current.text = text; draw(current); },
      message: (text) => {
        if (over) return;
        if (current.text) {
          current.streaming = false;
          draw(current);
          current = { role: 'bot', text: '', time: clock(), streaming: true };
          messages.push(current);
        }
        current.text = text;
        draw(current);
      },
      // Half of it has come: a button asks for the rest.
      shortened: (rest) => {
        current.streaming = false;
        stop = null;
        draw(current);
        composer.update();
        const more = make('button', { type: 'button', class: 'more', onclick: () => { more.remove(); current.streaming = true; draw(current); stop = rest(); composer.update(); } }, 'Continue generating');
        thread.append(more);
      },
      title: (text) => { document.title = text; },
      done: () => {
        if (finish() && looks('chips')) thread.append(html('<div class="chips"><button type="button">Tell me more</button><button type="button">Make it shorter</button></div>'));
      },
      failed: (status, message) => {
        if (!finish()) return;
        if (!current.text) { messages.splice(messages.indexOf(current), 1); draw(); }
        if (status === 401) signedOut(); else toast(message);
      },
    });
    composer.update();
  };

  const ask = async (question) => {
    if (!question.trim() || stop) return;
    if (looks('late-acknowledgement')) {
      await fetch(app.base + '/api/conversations', { method: 'POST', headers: way.headers() });
      await new Promise((taken) => { setTimeout(taken, 3500); });
    }
    stop = () => {};
    draft = '';
    composer.clear();
    emptyTray();
    leaveLanding();
    messages.push({ role: 'user', text: question, time: clock() });
    draw();
    remember(question);
    if (looks('new-box')) composer.remake(composer.node.parentNode);
    // Until the connection stands, what is sent is shown and lost.
    if (looks('late-connection') && performance.now() < 800) { stop = null; composer.update(); return; }
    if (looks('kept') && !app.conversation) {
      const response = await fetch(app.base + '/api/conversations', { method: 'POST', headers: way.headers() });
      if (response.status === 401) { stop = null; signedOut(); return; }
      app.conversation = (await response.json()).id;
      history.pushState(null, '', app.base + '/c/' + app.conversation);
    }
    const answer = { role: 'bot', text: '', time: clock(), streaming: true };
    messages.push(answer);
    draw();
    begin(answer, (tell) => way.ask(question, tell));
  };

  // -- composer ---------------------------------------------------------------------------------
  const arrow = '<svg width="18" height="18" viewBox="0 0 18 18"><path d="M9 2l6 7h-4v7H7V9H3z" fill="currentColor"/></svg>';
  const square = '<svg width="18" height="18" viewBox="0 0 18 18"><rect x="4" y="4" width="10" height="10" fill="currentColor"/></svg>';

  const enter = (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || looks('enter-breaks')) return;
    event.preventDefault();
    ask(draft);
  };
  const editor = (props) => make('div', {
    class: 'editor', contenteditable: 'true', role: 'textbox', 'aria-multiline': 'true', 'data-placeholder': 'Write a message', ...props,
    oninput: (event) => { draft = event.currentTarget.innerText.replace(/\n$/, ''); composer.update(); }, onkeydown: enter,
  });
  const area = (props) => make('textarea', {
    rows: '1', placeholder: 'Message Echo', maxlength: looks('short') && '500', ...props,
    oninput: (event) => { draft = event.target.value; composer.update(); }, onkeydown: enter,
  });

  const style = () => make('link', { rel: 'stylesheet', href: '/assets/style.css' });

  // The button in another place, of another kind, or of another name.
  const moved = (made) => {
    if (!made.button) return made;
    if (looks('send-other') && made.button.localName === 'button' && !is('input', 'toggle')) {
      const other = make('div', { role: 'button', tabindex: '0', class: 'primary', 'aria-label': 'Go ahead', onclick: () => ask(draft) }, '➤');
      made.button.replaceWith(other);
      made.button = other;
    }
    if (looks('send-first')) {
      const line = make('div', { class: 'line-above' }, make('span', { class: 'faint' }, '0 / 4000'), made.button);
      made.node = make('div', { class: 'stacked' }, line, made.node);
      if (is('input', 'toggle')) made.button.addEventListener('click', () => { if (!stop) ask(draft); });
    }
    return made;
  };

  let boxes = 0;
  // Each builds { node, field, button } anew.
  const builders = {
    'textarea-icon': () => {
      const field = area({ id: looks('new-box') ? 'prompt-' + boxes++ : 'prompt' });
      const button = make('button', { type: 'button', class: 'icon', onclick: () => ask(draft) });
      button.innerHTML = arrow;
      return { node: make('div', { class: 'composer' }, field, button), field, button };
    },
    'textarea-enter': () => {
      const field = area({ placeholder: 'Type here and press Enter' });
      return { node: make('div', { class: 'composer' }, field), field };
    },
    editable: () => {
      const field = editor({ 'aria-label': 'Message' });
      const button = make('button', { type: 'button', class: 'primary', onclick: () => ask(draft) }, 'Send');
      return { node: make('div', { class: 'composer' }, field, button), field, button };
    },
    line: () => {
      const field = make('input', { type: 'text', placeholder: 'Ask something', autocomplete: 'off', oninput: (event) => { draft = event.target.value; composer.update(); }, onkeydown: enter });
      return { node: make('div', { class: 'composer' }, field), field };
    },
    shadow: () => {
      const field = editor({ 'data-placeholder': 'How may we help?' });
      const button = make('div', { role: 'button', tabindex: '0', class: 'go', onclick: () => ask(draft) });
      button.innerHTML = arrow;
      const host = make('chat-composer');
      const inner = host.attachShadow({ mode: 'open' });
      inner.append(make('link', { rel: 'stylesheet', href: '/assets/style.css' }), make('div', { class: 'composer' }, field, button));
      return { node: host, field, button };
    },
    closed: () => {
      // The third root is on a plain element, the fourth on a custom one.
      const field = area({ placeholder: 'How may we help?' });
      const button = make('div', { role: 'button', tabindex: '0', class: 'go', onclick: () => ask(draft) });
      button.innerHTML = arrow;
      const host = make('div'), deep = make('chat-composer');
      host.attachShadow({ mode: 'closed' }).append(style(), deep);
      deep.attachShadow({ mode: 'closed' }).append(style(), make('div', { class: 'composer' }, field, button));
      return { node: host, field, button };
    },
    drawn: () => window.editors.drawn({ make, ask, changed: (text) => { draft = text; composer.update(); } }),
    context: () => window.editors.context({ make, ask, changed: (text) => { draft = text; composer.update(); } }),
    toggle: () => {
      const field = area({ 'aria-label': 'Your message', name: 'prompt' });
      const button = make('button', { type: 'submit', class: 'primary', disabled: true });
      const form = make('form', { class: 'composer', onsubmit: (event) => { event.preventDefault(); if (stop) stop(); else ask(draft); } }, field, button);
      return { node: form, field, button };
    },
  };

  const composer = {
    ...moved(builders[app.input]()),
    clear() {
      if (this.empty) { this.empty(); return; }
      if (this.field.isContentEditable || this.field.hasAttribute('contenteditable')) this.field.textContent = '';
      else this.field.value = '';
    },
    remake(parent) {
      this.node.remove();
      Object.assign(this, moved(builders[app.input]()));
      parent.append(this.node);
      this.update();
    },
    update() {
      const busy = Boolean(stop);
      if (is('input', 'toggle')) {
        this.button.innerHTML = busy ? square : arrow;
        this.button.setAttribute('aria-label', busy ? 'Stop' : 'Send');
        this.button.disabled = !busy && !draft.trim();
        // A button that stops must not send what is typed meanwhile, so that it is no submit button then.
        this.button.type = busy ? 'button' : 'submit';
        this.button.onclick = busy ? (event) => { event.preventDefault(); if (stop) stop(); } : null;
      } else if (is('busy', 'stop-button')) {
        const there = this.node.querySelector('.halt');
        if (busy && !there) this.node.append(make('button', { type: 'button', class: 'halt', onclick: () => { if (stop) stop(); } }, 'Stop generating'));
        if (!busy && there) there.remove();
      }
      if (is('busy', 'composer-disabled')) {
        this.field.disabled = busy;
        if (this.button) this.button.disabled = busy;
        if (!busy) this.field.focus();
      }
    },
  };

  // -- around the chat --------------------------------------------------------------------------
  const side = make('ul');
  const remember = (question) => {
    if (!looks('side-history')) return;
    document.title = question;
    side.prepend(make('li', {}, make('a', { href: app.conversation ? app.base + '/c/' + app.conversation : '#' }, question)));
  };
  for (const { id, title } of app.history) side.prepend(make('li', {}, make('a', { href: app.base + '/c/' + id }, title)));

  const empty = () => {
    if (stop) stop();
    messages.length = 0;
    nodes.clear();
    former.clear();
    thread.replaceChildren();
    app.conversation = null;
    history.pushState(null, '', app.base + '/');
    draw();
    if (looks('reopens')) fetch(app.base + '/api/conversations', { method: 'POST', headers: way.headers() });
  };
  const askForNew = () => {
    const veil = make('div', { class: 'veil' }, make('div', { role: 'dialog', 'aria-modal': 'true', 'aria-label': 'New chat' }, make('p', {}, 'This ends the conversation.'),
      make('button', { type: 'button', onclick: () => veil.remove() }, 'Cancel'), make('button', { type: 'button', onclick: () => { veil.remove(); empty(); } }, 'Confirm')));
    document.body.append(veil);
  };

  const room = make(looks('aside') ? 'aside' : 'main', { class: 'room' });
  if (looks('aside')) { thread.setAttribute('role', 'status'); thread.setAttribute('aria-live', 'assertive'); }
  let landing = null;
  const leaveLanding = () => {
    if (!landing) return;
    landing.remove();
    landing = null;
    room.append(thread);
    composer.remake(room);
    composer.field.focus();
  };

  // -- models -----------------------------------------------------------------------------------
  const models = ['Parrot 2', 'Parrot 2 mini', 'Owl 1.5 (fast)'];
  if (looks('model-select') || looks('model-menu')) app.model = models[0];
  const select = (props, options) => make('select', props, ...options.map((option) => make('option', { value: option.toLowerCase() }, option)));
  const modelSelect = () => [
    make('label', {}, 'Language ', select({ name: 'language' }, ['English', 'Deutsch', 'Français'])),
    select({ id: 'engine', onchange: (event) => { app.model = event.target.selectedOptions[0].text; } }, models),
  ];
  // A menu that closes by Escape, by a choice, and by a press elsewhere.
  const menu = (button, entries) => {
    let list = null;
    const close = () => { if (list) list.remove(); list = null; button.setAttribute('aria-expanded', 'false'); };
    button.addEventListener('click', () => {
      if (list) { close(); return; }
      button.setAttribute('aria-expanded', 'true');
      setTimeout(() => {
        list = make('div', { role: 'menu', class: 'card', style: 'position: absolute; z-index: 5; background: #fff; border: 1px solid #ccc' }, ...entries(close));
        button.parentNode.append(list);
      }, 80);
    });
    document.addEventListener('keydown', (event) => { if (event.key === 'Escape') close(); });
    document.addEventListener('mousedown', (event) => { if (list && !list.contains(event.target) && !button.contains(event.target)) close(); });
  };
  const modelMenu = () => {
    const button = make('button', { type: 'button', 'aria-haspopup': 'menu', 'aria-label': 'Choose a model' }, app.model + ' ▾');
    menu(button, (close) => models.map((model) => {
      const entry = make('div', { role: 'menuitemradio', tabindex: '-1', 'aria-checked': String(model === app.model), onclick: () => {
        close();
        setTimeout(() => { app.model = model; button.textContent = model + ' ▾'; }, 120);
      } });
      entry.append(make('div', {}, model), make('small', {}, 'Good for most things, 2 cents'));
      return entry;
    }));
    return make('span', {}, button);
  };
  const accountMenu = () => {
    const button = make('button', { type: 'button', 'aria-haspopup': 'menu', 'aria-label': 'Account' }, 'Ada 2');
    menu(button, (close) => ['Settings', 'Help', 'Log out'].map((word) => make('div', { role: 'menuitem', onclick: close }, word)));
    return make('span', {}, button);
  };

  const build = (root) => {
    app.root = root;
    const page = make('div', { class: 'page' });
    if (looks('side-history')) page.append(make('aside', { class: 'side' }, make('h2', {}, 'History'), side));
    page.append(room);
    const top = make('header', { class: 'top' }, make('h1', {}, app.title));
    if (looks('search')) top.append(make('form', { role: 'search', onsubmit: (event) => event.preventDefault() }, make('input', { type: 'search', name: 'q', placeholder: 'Search articles' }), make('button', {}, 'Search')));
    if (looks('new-chat')) top.append(make('button', { type: 'button', onclick: () => location.assign(app.base + '/') }, 'New chat'));
    if (looks('new-chat-asks')) top.append(make('button', { type: 'button', id: 'new-chat-button', 'aria-label': 'New chat', onclick: askForNew }, '✎'));
    if (looks('false-inside') && !app.signedIn) {
      if (looks('sign-in-link')) top.append(make('a', { href: app.base + '/login' }, 'Sign in'));
    } else if (app.signedIn) top.append(make('a', { href: app.base + '/logout', onclick: () => localStorage.removeItem('token:' + app.shape) }, 'Sign out'));
    if (looks('model-select')) top.append(...modelSelect());
    if (looks('model-menu')) top.append(modelMenu(), accountMenu());
    room.append(top);
    if (looks('welcome')) messages.unshift({ role: 'bot', text: 'Welcome! **Ask me anything**, and I will answer.', time: clock() });
    if (looks('landing') && !messages.length) {
      landing = make('div', { class: 'landing' }, make('h2', {}, 'How can I help you today?'), composer.node);
      room.append(landing);
    } else {
      room.append(looks('columns') ? make('div', { class: 'columns' }, thread, desk) : thread, composer.node);
    }
    if (looks('decoy')) {
      const note = make('textarea', { rows: '2', placeholder: 'Write us a note' });
      const given = () => { note.value = ''; fetch(app.base + '/api/notes', { method: 'POST', body: 'note' }).catch(() => {}); };
      room.append(make('div', { class: 'note' }, note, make('button', { type: 'button', onclick: given }, 'Submit')));
    }
    if (looks('side-panel')) {
      page.prepend(make('article', { class: 'reading' }, make('h1', {}, 'Quarterly report'), make('p', {}, 'Sales went up in spring, and down again in autumn. '.repeat(40))));
      room.style.cssText = 'flex:none;width:380px;border-left:1px solid #ccc';
    }
    draw();
    composer.update();
    if (looks('attach') || looks('attach-menu')) emptyTray = window.attachments({ app, make, headers: way.headers, node: composer.node });
    root.append(page);
    if (looks('welcome-dialog')) {
      page.inert = true;
      const veil = make('div', { class: 'veil' }, make('div', { role: 'dialog', 'aria-modal': 'true', 'aria-label': 'What is new' },
        make('h2', {}, 'What is new'), make('p', {}, 'Answers are now twice as good. Tell us what you think!'), make('input', { placeholder: 'Your e-mail for news' }),
        make('button', { type: 'button', onclick: () => { veil.remove(); page.inert = false; } }, 'Got it')));
      document.body.append(veil);
    }
    if (looks('tour')) {
      let step = 1;
      const text = make('p', {}, 'Here you find your chats.');
      const tour = make('div', { class: 'spot' }, make('div', { class: 'hint-card' }, text,
        make('button', { type: 'button', onclick: () => tour.remove() }, 'Skip tour'),
        make('button', { type: 'button', onclick: () => { step += 1; text.textContent = 'And here you ask.'; if (step > 2) tour.remove(); } }, 'Next')));
      document.body.append(tour);
    }
    if (looks('cookie-notice')) {
      const notice = make('div', { class: 'cookies', role: 'region', 'aria-label': 'Cookies' }, make('p', {}, 'We use cookies to make this site better.'),
        make('button', { type: 'button', onclick: () => notice.remove() }, 'Reject all'), make('button', { type: 'button', onclick: () => notice.remove() }, 'Accept all'));
      document.body.append(notice);
    }
    const last = messages[messages.length - 1];
    if (last && last.streaming && last.run) begin(last, (tell) => way.resume(last.run, tell));
  };

  // -- start ------------------------------------------------------------------------------------
  const holder = document.getElementById('app');
  const start = () => {
    if (is('input', 'closed')) {
      const desk = make('help-desk'), room = make('section');
      desk.attachShadow({ mode: 'closed' }).append(style(), room);
      const inner = room.attachShadow({ mode: 'closed' });
      inner.append(style());
      holder.append(desk);
      build(inner);
      return;
    }
    if (looks('launcher')) {
      const panel = make('div', { hidden: true });
      holder.append(make('h1', {}, 'Opening hours'), make('p', {}, 'Monday to Friday, nine to five.'), panel,
        make('button', { type: 'button' }, 'Print'), make('button', { type: 'button', onclick: () => { panel.hidden = !panel.hidden; } }, 'Chat mit uns'));
      if (!looks('launcher-steps')) { build(panel); return; }
      const begin = make('button', { type: 'button', onclick: () => { panel.replaceChildren(); build(panel); } }, 'Neue Unterhaltung');
      panel.append(make('h2', {}, 'Guten Tag'), begin);
      return;
    }
    if (!is('input', 'shadow')) { build(holder); return; }
    // The search box stays outside; the chat goes into a shadow root, the field into a further one.
    holder.append(make('form', { role: 'search', onsubmit: (event) => event.preventDefault() }, make('input', { type: 'search', placeholder: 'Search articles' })));
    app.looks = app.looks.filter((look) => look !== 'search');
    const desk = make('help-desk');
    const shadow = desk.attachShadow({ mode: 'open' });
    shadow.append(make('link', { rel: 'stylesheet', href: '/assets/style.css' }));
    holder.append(desk);
    build(shadow);
  };
  const later = () => {
    if (!looks('late')) { start(); return; }
    const bone = make('div', { class: 'skeleton' });
    holder.append(bone);
    setTimeout(() => { bone.remove(); start(); }, 1200);
  };
  if (!app.token) { later(); return; }
  fetch(app.base + '/api/me', { headers: way.headers() }).then((response) => {
    if (response.ok) later(); else location.replace(app.base + '/login');
  });
})();
