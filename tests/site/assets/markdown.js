// Markdown to blocks of HTML, good enough for the answers of the echo model, finished or half come.
(() => {
  const safe = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');

  let styled = false;
  const mark = (tag, style) => styled ? '<span style="' + style + '">$1</span>' : '<' + tag + '>$1</' + tag + '>';

  const inline = (text) => safe(text)
    .split(/(`[^`]+`)/)
    .map((part, index) => index % 2
      ? '<code>' + part.slice(1, -1) + '</code>'
      : part
        .replace(/\*\*([^*]+)\*\*/g, mark('strong', 'font-weight: 700'))
        .replace(/\*([^*\s][^*]*)\*/g, mark('em', 'font-style: italic'))
        .replace(/\[([^\]]+)\]\((https?:[^)\s]+)\)/g, '<a href="$2">$1</a>'))
    .join('');

  const code = (language, lines, bar) => {
    const body = '<pre><code' + (language ? ' class="language-' + safe(language) + '"' : '') + '>' + safe(lines.join('\n')) + '\n</code></pre>';
    if (!bar) return body;
    const numbers = lines.map((_, index) => index + 1).join('\n');
    return '<div class="code-block"><div class="code-bar"><span>' + safe(language || 'text') + '</span><button type="button">Copy code</button></div>' +
      '<pre><span class="numbers" aria-hidden="true">' + numbers + '</span><code class="language-' + safe(language) + '">' + safe(lines.join('\n')) + '\n</code></pre></div>';
  };

  const row = (line, cell) => '<tr>' + line.replace(/^\s*\||\|\s*$/g, '').split('|').map((text) => '<' + cell + '>' + inline(text.trim()) + '</' + cell + '>').join('') + '</tr>';

  window.renderMarkdown = (text, bar, styledMarks) => {
    styled = styledMarks;
    const out = [];
    const lines = text.split('\n');
    let at = 0;
    const special = (line) => /^(#{1,6} |```|> |[-*] |\d+\. |\|)/.test(line) && !/^\d+\. Sentence/.test(line);
    while (at < lines.length) {
      const line = lines[at];
      let found;
      if (!line.trim()) { at += 1; continue; }
      if ((found = line.match(/^```(\w*)/))) {
        const body = [];
        at += 1;
        while (at < lines.length && !lines[at].startsWith('```')) body.push(lines[at++]);
        at += 1;
        out.push(code(found[1], body, bar));
      } else if ((found = line.match(/^(#{1,6}) (.*)/))) {
        out.push('<h' + found[1].length + '>' + inline(found[2]) + '</h' + found[1].length + '>');
        at += 1;
      } else if (/^> /.test(line)) {
        const body = [];
        while (at < lines.length && /^> ?/.test(lines[at])) body.push(lines[at++].replace(/^> ?/, ''));
        out.push('<blockquote><p>' + inline(body.join(' ')) + '</p></blockquote>');
      } else if (/^[-*] /.test(line) || /^\d+\. /.test(line)) {
        const ordered = /^\d/.test(line);
        const rule = ordered ? /^\d+\. (.*)/ : /^[-*] (.*)/;
        const items = [];
        while (at < lines.length && (found = lines[at].match(rule))) { items.push('<li>' + inline(found[1]) + '</li>'); at += 1; }
        out.push((ordered ? '<ol>' : '<ul>') + items.join('') + (ordered ? '</ol>' : '</ul>'));
      } else if (/^\|/.test(line) && /^\|[\s:|-]+\|?\s*$/.test(lines[at + 1] || '')) {
        let body = '';
        const head = row(line, 'th');
        at += 2;
        while (at < lines.length && /^\|/.test(lines[at])) body += row(lines[at++], 'td');
        out.push('<table><thead>' + head + '</thead><tbody>' + body + '</tbody></table>');
      } else {
        const body = [line];
        at += 1;
        while (at < lines.length && lines[at].trim() && !special(lines[at])) body.push(lines[at++]);
        out.push('<p>' + inline(body.join('\n')) + '</p>');
      }
    }
    return out;
  };
  window.safeHtml = safe;
})();
