"""Every method that the official `openai` package has for these endpoints, by its asynchronous client, which validates each field. How it is run: `harness`.

`responses.compact`, `responses.input_tokens` and `responses.connect` are not offered here; the first two are refused in OpenAI's words.
"""

import asyncio
import json
import sys
import time

import openai
from harness import MODEL, OPTIONS, ask, calling, check, expect, fenced, main, script
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response
from pydantic import BaseModel

WEATHER = {
    "name": "get_weather",
    "strict": True,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False},
}


class Person(BaseModel):
    name: str
    age: int


def run(function):
    """The check is given a client of its own, in a loop of its own."""

    def once():
        async def inside():
            async with openai.AsyncOpenAI(**OPTIONS, _strict_response_validation=True) as client:
                await function(client)

        asyncio.run(inside())

    once.__name__ = function.__name__
    return check(once)


async def refused(kind, status, awaitable, **error):
    try:
        await awaitable
    except kind as caught:
        expect(caught.status_code == status, caught.status_code, caught.body)
        for name, value in error.items():
            expect(getattr(caught, name) == value, name, getattr(caught, name), caught.body)
        return caught
    raise AssertionError(f"it was not refused, but should be with {kind.__name__}")


@run
async def completions_created_and_streamed(client):
    whole = await client.chat.completions.create(**ask("an asynchronous answer please"))
    text = ""
    async for chunk in await client.chat.completions.create(**ask("an asynchronous answer please"), stream=True):
        text += chunk.choices[0].delta.content or ""
    expect(text == whole.choices[0].message.content != "", text, whole)


@run
async def the_stream_helper_of_completions(client):
    async with client.chat.completions.stream(**ask("through the helper please")) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_completion()
    expect({"chunk", "content.delta", "content.done"} == set(kinds), kinds)
    expect(final.choices[0].message.content and final.choices[0].finish_reason == "stop", final)


@run
async def a_completion_parsed(client):
    answer = await client.chat.completions.parse(**ask(script("No.", fenced({"name": "Ada", "age": 36}))), response_format=Person)
    expect(answer.choices[0].message.parsed == Person(name="Ada", age=36), answer)


@run
async def raw_and_streaming_responses_of_completions(client):
    raw = await client.chat.completions.with_raw_response.create(**ask("a raw answer please"))
    expect(isinstance(raw.parse(), ChatCompletion) and raw.headers["x-computetower-job-id"], dict(raw.headers))
    expect(raw.retries_taken == 0 and raw.status_code == 200, raw)
    async with client.chat.completions.with_streaming_response.create(**ask("a lazy answer please")) as lazy:
        expect((await lazy.parse()).choices[0].message.content, lazy)
    raw = await client.chat.completions.with_raw_response.create(**ask("a raw stream please"), stream=True)
    chunks = [chunk async for chunk in raw.parse()]
    expect(chunks and all(isinstance(chunk, ChatCompletionChunk) for chunk in chunks), chunks)
    async with client.chat.completions.with_streaming_response.create(**ask("lines please"), stream=True) as lazy:
        lines = [line async for line in lazy.iter_lines()]
    expect("data: [DONE]" in lines and all(not line or line.startswith((":", "data: ")) for line in lines), lines)


@run
async def completions_that_are_stored(client):
    noted = {"test": f"python {time.time()}"}
    made = await client.chat.completions.create(**ask("a stored answer please"), store=True, metadata=noted)
    pieces = [chunk async for chunk in await client.chat.completions.create(**ask("a stored stream please"), store=True, metadata=noted, stream=True)]
    found = await client.chat.completions.retrieve(made.id)
    expect(found.choices == made.choices and found.usage == made.usage and found.metadata == noted, found, made)
    listed = [one.id async for one in client.chat.completions.list(metadata=noted, limit=1)]
    expect(listed == [made.id, pieces[0].id], listed)
    newest = [one.id async for one in client.chat.completions.list(metadata=noted, order="desc", model=MODEL)]
    expect(newest == listed[::-1], newest)
    changed = await client.chat.completions.update(made.id, metadata={"a": "b"})
    expect(changed.metadata == {"a": "b"} and (await client.chat.completions.retrieve(made.id)).metadata == {"a": "b"}, changed)
    # The package's own type of a stored message knows no user.
    lenient = client.with_options(_extra_kwargs={"_strict_response_validation": False})
    messages = [message async for message in lenient.chat.completions.messages.list(made.id)]
    expect([(message.content, message.role) for message in messages] == [("a stored answer please", "user")], messages)
    for id in listed:
        expect((await client.chat.completions.delete(id)).deleted, id)
        await refused(openai.NotFoundError, 404, client.chat.completions.retrieve(id))
    not_stored = await client.chat.completions.create(**ask("an answer that nobody stores"))
    await refused(openai.NotFoundError, 404, client.chat.completions.retrieve(not_stored.id))


@run
async def responses_created_streamed_and_parsed(client):
    whole = await client.responses.create(model=MODEL, input="an asynchronous response please")
    events = [event async for event in await client.responses.create(model=MODEL, input="an asynchronous response please", stream=True)]
    expect(events[-1].response.output_text == whole.output_text != "", whole, events)
    async with client.responses.stream(model=MODEL, input="through the helper please") as stream:
        deltas = [event.delta async for event in stream if event.type == "response.output_text.delta"]
        final = await stream.get_final_response()
    expect("".join(deltas) == final.output_text != "", deltas, final)
    question = script("No idea.", fenced({"name": "Ada", "age": 36}))
    parsed = await client.responses.parse(model=MODEL, input=question, text_format=Person)
    expect(parsed.output_parsed == Person(name="Ada", age=36), parsed)
    raw = await client.responses.with_raw_response.create(model=MODEL, input="a raw response please")
    expect(isinstance(raw.parse(), Response), raw)
    async with client.responses.with_streaming_response.create(model=MODEL, input="a lazy response please", stream=True) as lazy:
        lines = [line async for line in lazy.iter_lines()]
    expect(any(line == "event: response.completed" for line in lines), lines)


@run
async def responses_that_are_stored(client):
    tools = [{"type": "function", **WEATHER}]
    question = script(calling(("get_weather", {"city": "Rome"})), "It is sunny in Rome.", "And in Oslo.")
    first = await client.responses.create(model=MODEL, input=question, tools=tools, metadata={"a": "b"}, instructions="Be kind.")
    expect(first.store is True and first.output[0].type == "function_call", first)
    output = {"type": "function_call_output", "call_id": first.output[0].call_id, "output": "sunny"}
    second = await client.responses.create(
        model=MODEL, input=[output], tools=tools, previous_response_id=first.id, instructions="Be kind."
    )
    expect(second.output_text == "It is sunny in Rome." and second.previous_response_id == first.id, second)
    for made in (first, second):
        found = await client.responses.retrieve(made.id)
        expect(found.to_dict() == made.to_dict(), found, made)
    items = [item async for item in client.responses.input_items.list(second.id, order="asc", limit=1)]
    expect([item.type for item in items] == ["message", "function_call", "function_call_output"], items)
    newest = await client.responses.input_items.list(second.id)
    expect([item.id for item in newest.data] == [item.id for item in items][::-1], newest)
    await refused(openai.BadRequestError, 400, client.responses.cancel(first.id))
    await client.responses.delete(first.id)
    await refused(openai.NotFoundError, 404, client.responses.retrieve(first.id))
    await refused(openai.NotFoundError, 404, client.responses.delete(first.id))
    again = client.responses.create(model=MODEL, input="x", previous_response_id=first.id)
    await refused(openai.BadRequestError, 400, again, code="previous_response_not_found")
    # What was built on it stands by itself.
    items = [item async for item in client.responses.input_items.list(second.id)]
    expect(len(items) == 3, items)


@run
async def a_response_continued_in_a_stream(client):
    first = await client.responses.create(model=MODEL, input="remember the first thing")
    stream = await client.responses.create(model=MODEL, input="and the second thing", previous_response_id=first.id, stream=True)
    final = [event async for event in stream][-1].response
    # The page answers what it was asked last: nothing of the first was told again.
    expect("second the and" in final.output_text and "first" not in final.output_text, final)
    third = await client.responses.create(model=MODEL, input="then the third thing", previous_response_id=final.id)
    expect("third the then" in third.output_text and "second" not in third.output_text, third)
    items = [json.dumps(item.to_dict()) async for item in client.responses.input_items.list(third.id, order="asc")]
    expect(len(items) == 5 and "first thing" in items[0] and "third thing" in items[4], items)


@run
async def responses_that_are_not_stored(client):
    made = await client.responses.create(model=MODEL, input="do not keep this", store=False)
    expect(made.store is False, made)
    await refused(openai.NotFoundError, 404, client.responses.retrieve(made.id))


@run
async def what_is_not_offered_is_refused(client):
    await refused(openai.APIStatusError, 405, client.responses.compact(model=MODEL, input="x"))
    await refused(openai.APIStatusError, 405, client.responses.input_tokens.count(model=MODEL, input="x"))
    await refused(openai.NotFoundError, 404, client.embeddings.create(model=MODEL, input="x"))


@run
async def a_client_whose_time_is_over_asks_again_and_the_page_is_asked_once(client):
    hurried = client.with_options(timeout=2.5, max_retries=20)
    raw = await hurried.chat.completions.with_raw_response.create(**ask("only once: stall for the hurried client of Python"))
    expect("END" in raw.parse().choices[0].message.content, raw.parse())
    # The header comes with the last answer: it was the page that took so long, not the client that gave up.
    expect(raw.retries_taken >= 1, raw.retries_taken)
    said = await hurried.responses.create(model=MODEL, input="only once: stall for the hurried client of responses")
    expect("END" in said.output_text, said)


@run
async def a_stream_that_begins_late_is_begun_once(client):
    hurried = client.with_options(timeout=2.0, max_retries=20)
    text = ""
    async for chunk in await hurried.chat.completions.create(**ask("only once: a stream for the hurried client"), stream=True):
        text += chunk.choices[0].delta.content or ""
    expect("hurried" in text, text)


@run
async def what_is_refused_is_not_asked_again(client):
    patient = client.with_options(max_retries=3)
    question = ask("only once: ratelimit python")
    await refused(openai.RateLimitError, 429, patient.chat.completions.create(**question), code="provider_rate_limited")


@run
async def many_at_once(client):
    async def one(number):
        return (await client.chat.completions.create(**ask(f"number {number} of four at once"))).choices[0].message.content

    answers = await asyncio.gather(*(one(number) for number in range(4)))
    expect(len(set(answers)) == 4, answers)


if __name__ == "__main__":
    sys.exit(main())
