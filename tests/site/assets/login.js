// Logins by script.
window.signIn = async (base, username, password, failed) => {
  const response = await fetch(base + '/api/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password }),
  });
  const reply = await response.json();
  if (!reply.ok) { failed(reply.message); return; }
  if (reply.token) localStorage.setItem('token:' + base.slice(1), reply.token);
  location.assign(base + '/');
};

// A field whose value is kept by the script and written back at every change, as frameworks do:
// a value that arrives without an input event is lost.
const controlled = (field, state, key) => {
  state[key] = '';
  field.addEventListener('input', () => { state[key] = field.value; });
  field.addEventListener('blur', () => { field.value = state[key]; });
};

window.loginDialog = (base) => {
  if (document.querySelector('[role=dialog]')) return;
  const veil = document.createElement('div');
  veil.className = 'veil';
  veil.innerHTML = '<div role="dialog" aria-modal="true" aria-label="Log in"><button type="button" class="close" aria-label="Close">×</button>' +
    '<div class="card"><h2>Log in to Echo</h2><p class="hint bad" role="alert" hidden></p>' +
    '<label>E-mail<br><input type="email"></label><label>Password<br><input type="password"></label>' +
    '<button type="button" class="primary">Log in</button><button type="button">I forgot my password</button></div></div>';
  document.body.append(veil);
  const state = {}, said = veil.querySelector('[role=alert]');
  const [name, password] = veil.querySelectorAll('input');
  controlled(name, state, 'name');
  controlled(password, state, 'password');
  const go = () => signIn(base, state.name, state.password, (text) => { said.textContent = text; said.hidden = false; });
  veil.querySelector('.primary').onclick = go;
  veil.querySelector('.close').onclick = () => veil.remove();
  password.addEventListener('keydown', (event) => { if (event.key === 'Enter') go(); });
  name.focus();
};

window.tokenLogin = (base, root) => {
  root.innerHTML = '<form class="card" novalidate><h1>Sign in</h1><input name="email" placeholder="Email" autocomplete="email">' +
    '<input name="password" type="password" placeholder="Password"><button class="primary" disabled>Sign in</button></form>';
  const form = root.firstChild, button = form.querySelector('button'), state = {};
  controlled(form.email, state, 'name');
  controlled(form.password, state, 'password');
  // The button wakes up when both fields are filled.
  form.addEventListener('input', () => { button.disabled = !(state.name && state.password); });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    button.disabled = true;
    signIn(base, state.name, state.password, (text) => {
      button.disabled = false;
      const toast = document.createElement('div');
      toast.className = 'toast';
      toast.setAttribute('role', 'alert');
      toast.textContent = text;
      document.body.append(toast);
      setTimeout(() => toast.remove(), 5000);
    });
  });
};

window.shadowLogin = (base, host) => {
  const style = '<link rel="stylesheet" href="/assets/style.css">';
  const outer = host.attachShadow({ mode: 'open' });
  outer.innerHTML = style + '<div class="card"><h1>Sign in</h1><text-field label="E-mail"></text-field><text-field label="Password"></text-field>' +
    '<press-me></press-me><div class="hint bad" aria-live="polite"></div></div>';
  const [name, password] = [...outer.querySelectorAll('text-field')].map((box) => {
    const inner = box.attachShadow({ mode: 'open' });
    const label = box.getAttribute('label');
    inner.innerHTML = style + '<label>' + label + '<br><input type="' + (label === 'Password' ? 'password' : 'text') + '"></label>';
    return inner.querySelector('input');
  });
  const press = outer.querySelector('press-me').attachShadow({ mode: 'open' });
  press.innerHTML = style + '<button type="button" class="primary">Sign in</button>';
  const go = () => signIn(base, name.value, password.value, (text) => { outer.querySelector('.bad').textContent = text; });
  press.querySelector('button').onclick = go;
  password.addEventListener('keydown', (event) => { if (event.key === 'Enter') go(); });
};
