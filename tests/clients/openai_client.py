"""What the official `openai` package expects of models and completions, checked with that package. How it is run: `harness`."""

import concurrent.futures
import sys
import time

import openai
from harness import LENIENT, MODEL, OPTIONS, STRICT, ask, both, check, expect, main, refused

@both
def models_are_listed(client):
    page = client.models.list()
    expect(page.object == "list", page)
    found = [model for model in page if model.id == MODEL]
    expect(len(found) == 1 and found[0].object == "model" and found[0].created > 0, list(page))


@both
def a_model_is_retrieved(client):
    expect(client.models.retrieve(MODEL).id == MODEL)


@check
def an_unknown_model_is_not_retrieved():
    refused(openai.NotFoundError, 404, lambda: LENIENT.models.retrieve("no-such-model"), code="model_not_found")


@both
def a_whole_answer(client):
    answer = client.chat.completions.create(**ask("a whole answer please"))
    expect(answer.object == "chat.completion" and answer.model == MODEL and answer.id, answer)
    expect(abs(answer.created - time.time()) < 600, answer.created)
    [choice] = answer.choices
    expect(choice.index == 0 and choice.finish_reason == "stop", choice)
    expect(choice.message.role == "assistant" and choice.message.content, choice)
    usage = answer.usage
    expect(usage.prompt_tokens > 0 and usage.completion_tokens > 0, usage)
    expect(usage.total_tokens == usage.prompt_tokens + usage.completion_tokens, usage)


@both
def a_streamed_answer(client):
    chunks = list(client.chat.completions.create(**ask("a streamed answer please"), stream=True))
    expect(len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1, chunks)
    expect(all(chunk.object == "chat.completion.chunk" for chunk in chunks), chunks)
    expect(all(len(chunk.choices) == 1 and chunk.choices[0].index == 0 for chunk in chunks), chunks)
    expect(all(chunk.usage is None for chunk in chunks), "usage that was not asked for")
    expect(chunks[0].choices[0].delta.role == "assistant", chunks[0])
    expect([c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["stop"], chunks)
    expect(chunks[-1].choices[0].finish_reason == "stop", chunks[-1])
    expect("".join(chunk.choices[0].delta.content or "" for chunk in chunks).strip(), chunks)


@both
def usage_in_a_stream_when_asked_for(client):
    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(**ask("with usage please"), stream=True, stream_options=options))
    expect(chunks[-1].choices == [] and chunks[-1].usage.total_tokens > 0, chunks[-1])
    expect(all(chunk.choices for chunk in chunks[:-1]), chunks)


@both
def the_stream_helper(client):
    with client.chat.completions.stream(**ask("through the helper please")) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        completion = stream.get_final_completion()
    expect(completion.choices[0].finish_reason == "stop", completion)
    expect("".join(deltas) == completion.choices[0].message.content != "", deltas, completion)


@check
def streamed_and_whole_are_the_same_answer():
    question = ask("the same answer both ways please")
    whole = STRICT.chat.completions.create(**question).choices[0].message.content
    parts = [chunk.choices[0].delta.content or "" for chunk in STRICT.chat.completions.create(**question, stream=True)]
    expect("".join(parts) == whole, whole, parts)


def both_ways(client, question, **bounds):
    """Text and reason, asked for whole and as a stream."""
    [choice] = client.chat.completions.create(**question, **bounds).choices
    chunks = list(client.chat.completions.create(**question, **bounds, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    expect((text, chunks[-1].choices[0].finish_reason) == (choice.message.content, choice.finish_reason), choice, chunks)
    return text, choice.finish_reason


@both
def an_answer_ends_at_a_stop(client):
    # The page says the words in reverse.
    text, reason = both_ways(client, ask("first second third fourth"), stop=["second", "third"])
    expect(text.endswith("fourth ") and reason == "stop", text, reason)
    text, reason = both_ways(client, ask("first second third fourth"), stop="nowhere in it")
    expect("first" in text and reason == "stop", text, reason)


@both
def an_answer_has_no_more_tokens_than_are_wanted(client):
    text, reason = both_ways(client, ask("first second third fourth"), max_completion_tokens=2)
    expect(len(text) == 8 and reason == "length", text, reason)
    text, reason = both_ways(client, ask("first second third fourth"), max_tokens=1000)
    expect("first" in text and reason == "stop", text, reason)


@check
def the_job_behind_an_answer_is_named():
    raw = LENIENT.chat.completions.with_raw_response.create(**ask("which job was it"))
    expect(raw.headers.get("x-computetower-job-id"), dict(raw.headers))
    expect(raw.parse()._request_id, dict(raw.headers))


@check
def text_parts_are_text():
    parts = [{"type": "text", "text": "in two"}, {"type": "text", "text": "parts"}]
    answer = STRICT.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": parts}])
    expect(answer.choices[0].message.content, answer)


@check
def fields_without_a_meaning_here_are_accepted():
    answer = STRICT.chat.completions.create(
        **ask("with fields"), temperature=0.2, top_p=0.9, seed=7, user="someone", presence_penalty=0, n=1
    )
    expect(answer.choices[0].finish_reason == "stop", answer)


@check
def a_wrong_key_is_refused():
    stranger = openai.OpenAI(**{**OPTIONS, "api_key": "ct_not-a-key"})
    refused(openai.AuthenticationError, 401, stranger.models.list, code="invalid_api_key")
    refused(openai.AuthenticationError, 401, lambda: stranger.chat.completions.create(**ask("hello")))


@check
def an_unknown_model_is_refused():
    question = {**ask("hello"), "model": "no-such-model"}
    refused(openai.NotFoundError, 404, lambda: LENIENT.chat.completions.create(**question), code="model_not_found")
    refused(openai.NotFoundError, 404, lambda: LENIENT.chat.completions.create(**question, stream=True), code="model_not_found")


@check
def no_messages_are_refused():
    caught = refused(openai.BadRequestError, 400, lambda: LENIENT.chat.completions.create(model=MODEL, messages=[]))
    expect(caught.param == "messages", caught.body)


@check
def too_many_answers_at_once_are_refused():
    caught = refused(openai.BadRequestError, 400, lambda: LENIENT.chat.completions.create(**ask("hello"), n=100))
    expect(caught.param == "n", caught.body)


@check
def an_unknown_kind_of_part_is_refused():
    messages = [{"role": "user", "content": [{"type": "smell", "smell": "roses"}]}]
    caught = refused(openai.BadRequestError, 400, lambda: LENIENT.chat.completions.create(model=MODEL, messages=messages))
    expect((caught.param or "").startswith("messages"), caught.body)


@check
def what_a_page_cannot_give_is_refused():
    caught = refused(openai.BadRequestError, 400, lambda: LENIENT.chat.completions.create(**ask("hello"), logprobs=True))
    expect(caught.param == "logprobs", caught.body)


@check
def five_at_once():
    def one(number):
        return STRICT.chat.completions.create(**ask(f"number {number} of five at once")).choices[0].message.content

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(one, range(1, 6)))
    expect(all(answers) and len(set(answers)) == 5, answers)


if __name__ == "__main__":
    sys.exit(main())
