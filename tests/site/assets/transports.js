// How a question goes out and an answer comes in. Each way is ask(question, tell) -> stop();
// tell.text(whole text so far), tell.message(a further message), tell.done(), tell.failed(status, message).
window.transports = (app) => {
  const api = app.base + '/api';
  const token = () => localStorage.getItem('token:' + app.shape);
  const headers = () => ({
    'content-type': 'application/json',
    ...(app.token ? { authorization: 'Bearer ' + token() } : {}),
  });
  const body = (question) => JSON.stringify({ message: question, conversation: app.conversation || null, model: app.model });
  const lost = 'The connection was lost. The answer is incomplete.';

  const refused = async (response) => {
    let message = 'Error ' + response.status;
    try { message = (await response.json()).error.message; } catch { /* no JSON */ }
    return [response.status, message];
  };

  // The same in a worker, which hands the pieces over.
  const work = `onmessage = async ({ data: [address, request] }) => {
    const response = await fetch(address, request);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      postMessage(done ? null : value);
      if (done) return;
    }
  };`;
  const linesByWorker = (question, tell, take) => {
    const worker = new Worker(URL.createObjectURL(new Blob([work], { type: 'text/javascript' })));
    let rest = '';
    worker.onmessage = ({ data }) => {
      if (data === null) { worker.terminate(); tell.done(); return; }
      const whole = (rest + data).split('\n');
      rest = whole.pop();
      for (const line of whole) take(line);
    };
    worker.postMessage([location.origin + api + '/ask', { method: 'POST', headers: headers(), body: body(question) }]);
    return () => { worker.terminate(); tell.done(); };
  };

  // fetch, and the lines of the body one by one
  const lines = (question, tell, take, path = '/ask') => {
    if (app.looks.includes('worker')) return linesByWorker(question, tell, take);
    const control = new AbortController();
    let run = null;
    (async () => {
      const response = await fetch(api + path, { method: 'POST', headers: headers(), body: body(question), signal: control.signal });
      if (!response.ok) { tell.failed(...await refused(response)); return; }
      run = response.headers.get('x-run');
      if (tell.run) tell.run(run);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '';
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        rest += value;
        const whole = rest.split('\n');
        rest = whole.pop();
        for (const line of whole) take(line);
      }
      tell.done();
    })().catch((error) => {
      if (error.name === 'AbortError') tell.done();
      else tell.failed(0, lost);
    });
    // Where the server goes on without a reader it has to be told.
    return () => {
      if (run && app.looks.includes('kept')) fetch(api + '/runs/' + run + '/stop', { method: 'POST', headers: headers() });
      else control.abort();
    };
  };

  const xhr = (method, path, payload, then, failed) => {
    const request = new XMLHttpRequest();
    request.open(method, api + path);
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.onload = () => {
      let reply = {};
      try { reply = JSON.parse(request.responseText); } catch { /* no JSON */ }
      if (request.status >= 400) failed(request.status, reply.error ? reply.error.message : 'Error ' + request.status);
      else then(reply);
    };
    request.onerror = () => failed(0, lost);
    request.send(payload);
    return request;
  };

  const sseDelta = (question, tell) => {
    let text = '', shortened = false;
    const take = (line) => {
      if (!line.startsWith('data: ') || line === 'data: [DONE]') return;
      const choice = JSON.parse(line.slice(6)).choices[0];
      shortened = choice.finish_reason === 'length';
      if (choice.delta.content) tell.text(text += choice.delta.content);
    };
    if (!app.looks.includes('continues')) return lines(question, tell, take);
    let run = null;
    const done = tell.done;
    const rest = () => lines(question, { ...tell, done }, take, '/runs/' + run + '/more');
    return lines(question, { ...tell, run: (id) => { run = id; }, done: () => { if (shortened) tell.shortened(rest); else done(); } }, take);
  };

  const sseCumulative = (question, tell) => lines(question, tell, (line) => {
    if (!line.startsWith('data: ')) return;
    const event = JSON.parse(line.slice(6));
    if (event.type === 'message') tell.text(event.message.content.parts[0]);
    if (event.type === 'title' && tell.title) tell.title(event.title);
  });

  const ndjson = (question, tell) => {
    let text = '';
    return lines(question, tell, (line) => {
      if (!line) return;
      const event = JSON.parse(line);
      if (event.kind === 'text') tell.text(text += event.value);
    });
  };

  const eventSource = (question, tell) => {
    let source = null, run = null, text = '';
    xhr('POST', '/ask', body(question), (reply) => {
      run = reply.run;
      source = new EventSource(api + '/runs/' + run + '/events');
      source.addEventListener('token', (event) => tell.text(text += JSON.parse(event.data).t));
      source.addEventListener('end', (event) => {
        source.close();
        if (JSON.parse(event.data).state === 'cut') tell.failed(0, lost);
        else tell.done();
      });
      source.onerror = () => {
        if (app.looks.includes('reconnects') && source.readyState === 0) return;
        source.close(); tell.failed(0, lost);
      };
    }, tell.failed);
    return () => { if (source) source.close(); tell.done(); };
  };

  const polled = (path, every, take) => (question, tell) => {
    let run = null, ended = false;
    const memory = {};
    const again = () => {
      if (ended) return;
      xhr('GET', '/runs/' + run + path(memory), null, (reply) => {
        if (ended) return;
        take(reply, tell, memory);
        if (reply.state === 'running') setTimeout(again, every);
        else { ended = true; if (reply.state === 'cut') tell.failed(0, lost); else tell.done(); }
      }, (status, message) => { ended = true; tell.failed(status, message); });
    };
    xhr('POST', '/ask', body(question), (reply) => { run = reply.run; again(); }, tell.failed);
    return () => { if (run) xhr('POST', '/runs/' + run + '/stop', null, () => {}, () => {}); };
  };
  const poll = polled(() => '', 150, (reply, tell) => { if (reply.text) tell.text(reply.text); });
  const several = polled((memory) => '/messages?after=' + (memory.seen || 0), 120, (reply, tell, memory) => {
    memory.seen = (memory.seen || 0) + reply.messages.length;
    for (const text of reply.messages) tell.message(text);
  });

  const whole = (question, tell) => {
    const request = xhr('POST', '/ask', body(question), (reply) => { tell.text(reply.reply); tell.done(); }, tell.failed);
    return () => { request.abort(); tell.done(); };
  };

  const typed = (question, tell) => {
    let timer = null, stopped = false;
    const request = xhr('POST', '/ask', body(question), ({ reply }) => {
      let shown = 0;
      const letters = Array.from(reply);
      const step = Math.max(3, Math.ceil(letters.length / 60));
      timer = setInterval(() => {
        shown = Math.min(letters.length, shown + step);
        tell.text(letters.slice(0, shown).join(''));
        if (shown === letters.length) { clearInterval(timer); if (!stopped) tell.done(); }
      }, 30);
    }, tell.failed);
    return () => { stopped = true; clearInterval(timer); request.abort(); tell.done(); };
  };

  // Socket.IO by hand, as its client speaks over a WebSocket.
  const socketIo = () => {
    let open = null, waiting = [], tell = null, text = '';
    const connect = () => {
      const ws = new WebSocket(location.origin.replace(/^http/, 'ws') + app.base + '/ws?EIO=4&transport=websocket');
      ws.onclose = () => { open = null; if (tell) { tell.failed(0, lost); tell = null; } setTimeout(connect, 1500); };
      ws.onmessage = ({ data }) => {
        if (data[0] === '0') { ws.send('40'); return; }
        if (data === '2') { ws.send('3'); return; }
        if (data.startsWith('40')) { open = ws; waiting.splice(0).forEach((frame) => ws.send(frame)); return; }
        if (!data.startsWith('42') || !tell) return;
        const [name, body] = JSON.parse(data.slice(2));
        if (name === 'token') tell.text(text += body.t);
        if (name === 'end') { const told = tell; tell = null; told.done(); }
        if (name === 'failed') { const told = tell; tell = null; told.failed(body.message === 'signed out' ? 401 : 500, body.message); }
      };
    };
    connect();
    const send = (frame) => { if (open) open.send(frame); else waiting.push(frame); };
    return (question, teller) => {
      tell = teller;
      text = '';
      send('42' + JSON.stringify(['ask', { text: question }]));
      return () => send('42["stop"]');
    };
  };

  const socket = (binary) => {
    let open = null, waiting = [], tell = null, text = '';
    const encode = (operation, kind, value) => {
      if (!binary) return JSON.stringify(value === undefined ? { type: kind } : { type: kind, text: value });
      const letters = new TextEncoder().encode(value || '');
      const bytes = new Uint8Array(letters.length + 1);
      bytes[0] = operation;
      bytes.set(letters, 1);
      return bytes;
    };
    const kinds = { 0: 'heartbeat', 1: 'delta', 2: 'done', 3: 'error', 4: 'accepted' };
    const decode = (data) => {
      if (!binary) return JSON.parse(data);
      const bytes = new Uint8Array(data);
      return { type: kinds[bytes[0]], text: new TextDecoder().decode(bytes.subarray(1)) };
    };
    const connect = () => {
      const ws = new WebSocket(location.origin.replace(/^http/, 'ws') + app.base + '/ws');
      ws.binaryType = 'arraybuffer';
      ws.onopen = () => { open = ws; waiting.splice(0).forEach((frame) => ws.send(frame)); };
      ws.onclose = () => {
        open = null;
        if (tell) { tell.failed(0, lost); tell = null; }
        setTimeout(connect, 1500);
      };
      ws.onmessage = ({ data }) => {
        const event = decode(data);
        if (!tell) return;
        if (event.type === 'delta') tell.text(text += event.text);
        if (event.type === 'done') { const told = tell; tell = null; told.done(); }
        if (event.type === 'error') { const told = tell; tell = null; told.failed(event.text === 'signed out' ? 401 : 500, event.text); }
      };
    };
    connect();
    const send = (frame) => { if (open) open.send(frame); else waiting.push(frame); };
    return (question, teller) => {
      tell = teller;
      text = '';
      send(encode(0x10, 'ask', question));
      return () => send(encode(0x11, 'stop'));
    };
  };

  // The rest of an answer that was on its way when the page was loaded.
  const resume = (run, tell) => {
    const again = () => xhr('GET', '/runs/' + run, null, (reply) => {
      tell.text(reply.text);
      if (reply.state === 'running') setTimeout(again, 150);
      else tell.done();
    }, tell.failed);
    again();
    return () => xhr('POST', '/runs/' + run + '/stop', null, () => {}, () => {});
  };

  const make = {
    'sse-delta': () => sseDelta,
    'sse-cumulative': () => sseCumulative,
    'event-source': () => eventSource,
    ndjson: () => ndjson,
    'socket-io': () => socketIo(),
    'ws-text': () => socket(false),
    'ws-binary': () => socket(true),
    poll: () => poll,
    whole: () => whole,
    typed: () => typed,
    several: () => several,
  };
  return { ask: make[app.transport](), resume, headers };
};
