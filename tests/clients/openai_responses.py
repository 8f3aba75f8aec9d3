"""The Responses API, checked with the official `openai` package. How it is run: `harness`."""

import json
import sys

import openai
import pydantic
from harness import LENIENT, MODEL, STRICT, calling, check, expect, fenced, main, refused, script, strict

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


class Person(pydantic.BaseModel):
    name: str
    age: int


@strict
def a_whole_response(client):
    response = client.responses.create(model=MODEL, input="a whole response please", instructions="Be kind.", metadata={"a": "b"})
    expect(response.object == "response" and response.status == "completed" and response.model == MODEL, response)
    expect(response.output_text and response.id.startswith("resp_"), response)
    [message] = response.output
    expect(message.type == "message" and message.role == "assistant" and message.status == "completed", message)
    expect(response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0, response.usage)
    expect((response.instructions, response.metadata, response.store) == ("Be kind.", {"a": "b"}, True), response)


@strict
def a_list_of_items(client):
    items = [
        {"role": "user", "content": "first words"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "middle words"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "last words"}]},
    ]
    text = client.responses.create(model=MODEL, input=items).output_text
    # The page says the words in reverse.
    expect("words last User: words middle Assistant: words first" in text, text)


@strict
def a_streamed_response(client):
    question = "a streamed response please"
    events = list(client.responses.create(model=MODEL, input=question, stream=True))
    kinds = [event.type.removeprefix("response.") for event in events]
    expect(kinds[:4] == ["created", "in_progress", "output_item.added", "content_part.added"], kinds)
    expect(kinds[-4:] == ["output_text.done", "content_part.done", "output_item.done", "completed"], kinds)
    expect(set(kinds[4:-4]) == {"output_text.delta"}, kinds)
    expect([event.sequence_number for event in events] == list(range(len(events))), events)
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    final = events[-1].response
    expect(text == final.output_text == events[-4].text != "", text, final)
    whole = client.responses.create(model=MODEL, input=question)
    expect(whole.output_text == text, whole, text)


@strict
def the_stream_helper(client):
    with client.responses.stream(model=MODEL, input="through the helper please") as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    expect("".join(deltas) == final.output_text != "", deltas, final)


@strict
def a_response_parsed_by_a_model(client):
    question = script("No idea.", fenced({"name": "Ada", "age": 36}))
    response = client.responses.parse(model=MODEL, input=question, text_format=Person)
    expect(response.output_parsed == Person(name="Ada", age=36), response)
    question = script(fenced({"name": "Ada", "age": 36}))
    with client.responses.stream(model=MODEL, input=question, text_format=Person) as stream:
        final = stream.get_final_response()
    expect(final.output_parsed == Person(name="Ada", age=36), final)


@strict
def a_json_object(client):
    question = script(fenced({"a": 1}))
    response = client.responses.create(model=MODEL, input=question, text={"format": {"type": "json_object"}})
    expect(json.loads(response.output_text) == {"a": 1} and response.text.format.type == "json_object", response)


@strict
def a_function_is_called_and_its_result_told(client):
    items = [{"role": "user", "content": script(calling(("get_weather", {"city": "Rome"})), "It is sunny in Rome.")}]
    first = client.responses.create(model=MODEL, input=items, tools=[WEATHER])
    [call] = first.output
    expect(call.type == "function_call" and call.name == "get_weather" and call.status == "completed", first)
    expect(json.loads(call.arguments) == {"city": "Rome"}, call)
    items += [call.to_dict(), {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}]
    second = client.responses.create(model=MODEL, input=items, tools=[WEATHER])
    expect(second.output_text == "It is sunny in Rome.", second)


@strict
def a_call_in_a_stream(client):
    question = script(calling(("get_weather", {"city": "Rome"}), ("get_weather", {"city": "Oslo"})))
    events = list(client.responses.create(model=MODEL, input=question, tools=[WEATHER], stream=True))
    kinds = [event.type.removeprefix("response.") for event in events]
    call = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"]
    expect(kinds == ["created", "in_progress", *call, *call, "completed"], kinds)
    expect([item.name for item in events[-1].response.output] == ["get_weather"] * 2, events[-1])
    question = script(calling(("get_weather", {"city": "Rome"})))
    with client.responses.stream(model=MODEL, input=question, tools=[WEATHER]) as stream:
        final = stream.get_final_response()
    expect(final.output[0].parsed_arguments == {"city": "Rome"}, final)


@strict
def no_more_tokens_than_are_wanted(client):
    response = client.responses.create(model=MODEL, input="first second third fourth", max_output_tokens=2)
    expect(response.status == "incomplete" and response.incomplete_details.reason == "max_output_tokens", response)
    expect(len(response.output_text) == 8, response)
    events = list(client.responses.create(model=MODEL, input="first second third fourth", max_output_tokens=2, stream=True))
    expect(events[-1].type == "response.incomplete" and events[-1].response.output_text == response.output_text, events)


@check
def an_answer_that_never_fits_fails():
    text = {"format": {"type": "json_object"}}
    question = script("No.", "No.", "No.", "No.")
    create = STRICT.responses.create
    refused(openai.InternalServerError, 502, lambda: create(model=MODEL, input=question, text=text), code="answer_does_not_fit")


@check
def what_cannot_be_is_refused():
    def create(**fields):
        return lambda: LENIENT.responses.create(**{"model": MODEL, "input": "x", **fields})

    for field, value in [("background", True), ("conversation", "conv_1")]:
        caught = refused(openai.BadRequestError, 400, create(**{field: value}), code="unsupported_parameter")
        expect(caught.param == field, caught.body)
    refused(openai.BadRequestError, 400, create(tools=[{"type": "web_search"}]), code="unsupported_parameter")
    refused(openai.BadRequestError, 400, create(input=[{"role": "system", "content": "x"}]), param="input")
    refused(openai.NotFoundError, 404, create(model="no-such-model"), code="model_not_found")
    refused(openai.NotFoundError, 404, lambda: LENIENT.responses.retrieve("resp_1"))
    refused(openai.BadRequestError, 400, create(previous_response_id="resp_1"), code="previous_response_not_found")


@check
def the_job_and_what_was_ignored_are_named():
    raw = LENIENT.responses.with_raw_response.create(model=MODEL, input="which job was it", temperature=0.5, user="me")
    expect(raw.headers.get("x-computetower-job-id") and raw.headers.get("x-request-id"), dict(raw.headers))
    expect(sorted(raw.headers["x-computetower-ignored"].split(",")) == ["temperature", "user"], dict(raw.headers))


if __name__ == "__main__":
    sys.exit(main())
