// Files beside the question: uploaded when they are chosen, and shown until the question is sent.
window.attachments = ({ app, make, headers, node }) => {
  const menu = app.looks.includes('attach-menu');
  const tray = make('div', { class: 'tray' });
  const take = async (file) => {
    const item = make('div', { class: 'thumb' }, make('progress'));
    tray.append(item);
    await new Promise((done) => { setTimeout(done, 300); });
    const response = await fetch(app.base + '/api/upload', { method: 'POST', headers: { ...headers(), 'content-type': 'application/octet-stream' }, body: file });
    if (!response.ok) { item.remove(); return; }
    // One shows the picture, the other its name.
    item.replaceChildren(menu ? make('span', {}, file.name) : make('img', { src: URL.createObjectURL(file), alt: '', width: '40', height: '40' }));
  };
  const chosen = (event) => { for (const file of event.target.files) take(file); };
  if (menu) {
    const entries = make('div', { role: 'menu', hidden: true },
      make('button', { type: 'button', role: 'menuitem' }, 'Bild erzeugen'),
      make('button', { type: 'button', role: 'menuitem', onclick: () => {
        entries.hidden = true;
        // A field that is in no document.
        make('input', { type: 'file', accept: 'image/png,image/jpeg', multiple: true, onchange: chosen }).click();
      } }, 'Vom Computer hochladen'));
    node.prepend(make('button', { type: 'button', 'aria-haspopup': 'menu', onclick: () => { entries.hidden = !entries.hidden; } }, '+'), entries);
  } else {
    const field = make('input', { type: 'file', accept: 'image/*', multiple: true, hidden: true, onchange: chosen });
    const clip = make('button', { type: 'button', 'aria-label': 'Attach files', onclick: () => field.click() }, '📎');
    node.prepend(clip, field);
    document.body.append(make('input', { type: 'file', name: 'avatar', accept: 'image/*', hidden: true }));
  }
  node.append(tray);
  return () => tray.replaceChildren();
};
