// What the official JavaScript package `openai` expects, checked with that package.
//
//     node openai_sdk.cjs BASE_URL API_KEY MODEL        with TEST_OPENAI_JS naming the folder that holds its node_modules
//
// One line per check, then `N passed, N failed`; the status is 1 when one failed. `ONLY=words` runs the checks with these words in their name.
'use strict';
const net = require('node:net');
const { createRequire } = require('node:module');
const packages = createRequire(`${process.env.TEST_OPENAI_JS}/package.json`);
const { default: OpenAI } = packages('openai');
const { zodResponseFormat, zodTextFormat } = packages('openai/helpers/zod');
const { z } = packages('zod');

const [baseURL, apiKey, MODEL] = process.argv.slice(2);
const options = { baseURL, apiKey, maxRetries: 0, timeout: 120_000 };
const client = new OpenAI(options);
const checks = [];
const check = (name, run) => checks.push([name, run]);

const expect = (condition, ...seen) => {
  if (!condition) throw new Error(`seen: ${JSON.stringify(seen)}`);
};
const refused = async (kind, status, call, fields = {}) => {
  let caught;
  try { await call(); } catch (error) { caught = error; }
  expect(caught instanceof kind, `${caught?.constructor?.name}: ${caught?.message}`);
  expect(caught.status === status && caught.error?.message, caught.status, caught.error);
  for (const [name, value] of Object.entries(fields)) expect(caught[name] === value, name, caught[name], caught.error);
  return caught;
};
const ask = (text) => ({ model: MODEL, messages: [{ role: 'user', content: text }] });
let number = 0;
const script = (...answers) => `please SCRIPT ${JSON.stringify([...answers, `js ${number += 1}`])}`;
const fenced = (value) => '```json\n' + JSON.stringify(value, null, 1) + '\n```';
const calling = (...calls) => fenced({ tool_calls: calls.map(([name, args]) => ({ name, arguments: args })) });
const call = async (path, init = {}) => {
  const reply = await fetch(new URL(path, baseURL), { ...init, headers: { authorization: `Bearer ${apiKey}` } });
  return reply.json();
};
const until = async (what, done) => {
  const end = Date.now() + 60_000;
  for (;;) {
    const found = await done();
    if (found) return found;
    if (Date.now() > end) throw new Error(`it never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};
const ended = (job) => until(`job ${job} ends`, async () => {
  const { state } = await call(`/api/v1/jobs/${job}`);
  return ['completed', 'failed', 'cancelled'].includes(state) && state;
});

const WEATHER = {
  name: 'get_weather', description: 'The weather in a city', strict: true,
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
};
const Person = z.object({ name: z.string(), age: z.number() });

check('models are listed and retrieved', async () => {
  const found = [];
  for await (const model of client.models.list()) found.push(model);
  const [model] = found.filter(({ id }) => id === MODEL);
  expect(model?.object === 'model' && model.created > 0, found);
  expect((await client.models.retrieve(MODEL)).id === MODEL);
  await refused(OpenAI.NotFoundError, 404, () => client.models.retrieve('no-such-model'), { code: 'model_not_found' });
});

check('a whole answer, with its response', async () => {
  const { data, response, request_id: id } = await client.chat.completions.create(ask('a whole answer please')).withResponse();
  expect(data.object === 'chat.completion' && data.choices[0].finish_reason === 'stop' && data.choices[0].message.content, data);
  expect(data.usage.total_tokens === data.usage.prompt_tokens + data.usage.completion_tokens, data.usage);
  expect(response.headers.get('x-computetower-job-id') && id === response.headers.get('x-request-id'), id);
  const raw = await client.chat.completions.create(ask('a raw answer please')).asResponse();
  expect(raw.status === 200 && (await raw.json()).choices[0].message.content);
});

check('a streamed answer', async () => {
  const stream = await client.chat.completions.create({ ...ask('a streamed answer please'), stream: true, stream_options: { include_usage: true } });
  let text = '', reason, usage;
  for await (const chunk of stream) {
    expect(chunk.object === 'chat.completion.chunk', chunk);
    text += chunk.choices[0]?.delta.content ?? '';
    reason ??= chunk.choices[0]?.finish_reason ?? undefined;
    usage ??= chunk.usage ?? undefined;
  }
  expect(text && reason === 'stop' && usage.total_tokens > 0, text, reason, usage);
  const whole = await client.chat.completions.create(ask('a streamed answer please'));
  expect(whole.choices[0].message.content === text, text, whole);
});

check('the stream helper and its events', async () => {
  const seen = [];
  const stream = client.chat.completions.stream(ask('through the helper please'));
  let pieces = '', last;
  for (const name of ['connect', 'chunk', 'message', 'finalContent', 'finalMessage', 'finalChatCompletion', 'totalUsage', 'end']) stream.on(name, () => seen.push(name));
  stream.on('content', (delta, snapshot) => { pieces += delta; last = snapshot; });
  const final = await stream.finalChatCompletion();
  await stream.done();
  expect(pieces === final.choices[0].message.content && last === pieces && pieces, pieces, final);
  for (const name of ['connect', 'chunk', 'message', 'finalContent', 'finalMessage', 'finalChatCompletion', 'end']) expect(seen.includes(name), name, seen);
  const copied = client.chat.completions.stream(ask('through a readable please')).toReadableStream();
  const again = OpenAI.ChatCompletionStream?.fromReadableStream?.(copied);
  if (again) expect(await again.finalContent());
});

check('tools are run', async () => {
  const asked = [];
  const tool = { type: 'function', function: { ...WEATHER, parse: JSON.parse, function: ({ city }) => { asked.push(city); return 'sunny'; } } };
  const question = () => ask(script(calling(['get_weather', { city: 'Rome' }]), 'It is sunny in Rome.'));
  const runner = client.chat.completions.runTools({ ...question(), tools: [tool] });
  expect(await runner.finalContent() === 'It is sunny in Rome.' && asked.join() === 'Rome', asked);
  const results = [];
  const streaming = client.chat.completions.runTools({ ...question(), tools: [tool], stream: true }).on('functionToolCallResult', (result) => results.push(result));
  expect(await streaming.finalContent() === 'It is sunny in Rome.' && results.join() === 'sunny' && asked.length === 2, asked, results);
});

check('an answer is parsed', async () => {
  const response_format = zodResponseFormat(Person, 'person');
  const parsed = await client.chat.completions.parse({ ...ask(script('No idea.', fenced({ name: 'Ada', age: 36 }))), response_format });
  expect(parsed.choices[0].message.parsed.age === 36, parsed);
  const stream = client.chat.completions.stream({ ...ask(script(fenced({ name: 'Ada', age: 36 }))), response_format });
  expect((await stream.finalChatCompletion()).choices[0].message.parsed.name === 'Ada');
});

check('responses, whole, streamed, parsed', async () => {
  const response = await client.responses.create({ model: MODEL, input: 'a whole response please', instructions: 'Be kind.' });
  expect(response.output_text && response.status === 'completed' && response.store === true, response);
  const kinds = [];
  for await (const event of await client.responses.create({ model: MODEL, input: 'a streamed response please', stream: true })) kinds.push(event.type);
  expect(kinds[0] === 'response.created' && kinds.at(-1) === 'response.completed' && kinds.includes('response.output_text.delta'), kinds);
  let text = '';
  const stream = client.responses.stream({ model: MODEL, input: 'through the helper please' }).on('response.output_text.delta', ({ delta }) => { text += delta; });
  expect((await stream.finalResponse()).output_text === text && text, text);
  const format = zodTextFormat(Person, 'person');
  const parsed = await client.responses.parse({ model: MODEL, input: script(fenced({ name: 'Ada', age: 36 })), text: { format } });
  expect(parsed.output_parsed.name === 'Ada', parsed);
});

check('a stored response is found, continued and deleted', async () => {
  const input = script(calling(['get_weather', { city: 'Rome' }]), 'It is sunny in Rome.');
  const tools = [{ type: 'function', ...WEATHER }];
  const first = await client.responses.create({ model: MODEL, input, tools });
  const made = first.output.find(({ type }) => type === 'function_call');
  expect(made?.name === 'get_weather', first);
  const result = [{ type: 'function_call_output', call_id: made.call_id, output: 'sunny' }];
  const second = await client.responses.create({ model: MODEL, previous_response_id: first.id, input: result, tools });
  expect(second.output_text === 'It is sunny in Rome.' && second.previous_response_id === first.id, second);
  expect((await client.responses.retrieve(second.id)).output_text === second.output_text);
  const items = [];
  for await (const item of client.responses.inputItems.list(second.id, { order: 'asc', limit: 2 })) items.push(item.type);
  expect(items.join() === 'message,function_call,function_call_output', items);
  await client.responses.delete(second.id);
  await refused(OpenAI.NotFoundError, 404, () => client.responses.retrieve(second.id));
  await refused(OpenAI.BadRequestError, 400, () => client.responses.cancel(first.id));
});

check('a stored completion is found, changed and deleted', async () => {
  const metadata = { test: `js ${Date.now()}` };
  const made = await client.chat.completions.create({ ...ask('a stored completion please'), store: true, metadata });
  expect((await client.chat.completions.retrieve(made.id)).choices[0].message.content === made.choices[0].message.content);
  const listed = [];
  for await (const one of client.chat.completions.list({ metadata })) listed.push(one.id);
  expect(listed.join() === made.id, listed);
  const messages = [];
  for await (const message of client.chat.completions.messages.list(made.id)) messages.push(message.content);
  expect(messages.join() === 'a stored completion please', messages);
  expect((await client.chat.completions.update(made.id, { metadata: { a: 'b' } })).metadata.a === 'b');
  expect((await client.chat.completions.delete(made.id)).deleted === true);
  await refused(OpenAI.NotFoundError, 404, () => client.chat.completions.retrieve(made.id));
});

check('errors have their class and code', async () => {
  const stranger = new OpenAI({ ...options, apiKey: 'ct_not-a-key' });
  await refused(OpenAI.AuthenticationError, 401, () => stranger.models.list(), { code: 'invalid_api_key' });
  await refused(OpenAI.NotFoundError, 404, () => client.chat.completions.create({ ...ask('x'), model: 'no-such-model' }), { code: 'model_not_found' });
  await refused(OpenAI.BadRequestError, 400, () => client.chat.completions.create({ ...ask('x'), logprobs: true }), { param: 'logprobs', code: 'unsupported_parameter' });
  await refused(OpenAI.BadRequestError, 400, () => client.responses.create({ model: MODEL, input: 'x', previous_response_id: 'resp_1' }), { code: 'previous_response_not_found' });
  const patient = new OpenAI({ ...options, maxRetries: 3 });
  await refused(OpenAI.RateLimitError, 429, () => patient.chat.completions.create(ask('only once: ratelimit js')), { code: 'provider_rate_limited' });
});

check('an abort in mid-stream cancels the job', async () => {
  const { data: stream, response } = await client.chat.completions.create({ ...ask('long and slow please'), stream: true }).withResponse();
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) { stream.controller.abort(); break; }
  expect(await ended(response.headers.get('x-computetower-job-id')) === 'cancelled');
});

check('a client whose time is over asks again, and is answered, and the page was asked once', async () => {
  const hurried = new OpenAI({ ...options, timeout: 2_500, maxRetries: 20 });
  const question = 'only once: stall for the hurried client of JavaScript';
  const { data, response } = await hurried.chat.completions.create(ask(question)).withResponse();
  expect(data.choices[0].message.content.includes('END'), data);
  expect(await ended(response.headers.get('x-computetower-job-id')) === 'completed');
});

check('a connection that breaks is no second question', async () => {
  const target = new URL(baseURL);
  let connections = 0;
  const server = net.createServer((socket) => {
    const first = (connections += 1) === 1;
    const behind = net.connect(Number(target.port), target.hostname);
    socket.on('error', () => behind.destroy()).on('close', () => behind.destroy());
    behind.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    socket.pipe(behind);
    behind.pipe(socket);
    // The request is through, the answer is not.
    if (first) setTimeout(() => socket.destroy(), 1_000);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const unlucky = new OpenAI({ ...options, baseURL: `http://127.0.0.1:${server.address().port}/v1`, maxRetries: 2 });
    const answer = await unlucky.chat.completions.create(ask('only once: stall on a broken connection'));
    expect(answer.choices[0].message.content.includes('END') && connections === 2, connections, answer);
    const said = await unlucky.responses.create({ model: MODEL, input: 'only once: a quick response' });
    expect(said.output_text, said);
  } finally {
    server.close();
  }
});

check('the same question twice is asked twice', async () => {
  const question = ask('twice, please, by JavaScript');
  const headers = await Promise.all([1, 2].map(async () => (await client.chat.completions.create(question).withResponse()).response.headers));
  const [one, two] = headers.map((header) => header.get('x-computetower-job-id'));
  expect(one && two && one !== two, one, two);
});

(async () => {
  let passed = 0, failed = 0;
  for (const [name, run] of checks) {
    if (!name.includes(process.env.ONLY ?? '')) continue;
    try {
      await run();
      passed += 1;
      console.log(`ok    ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL  ${name}: ${error.stack}`);
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
})();
