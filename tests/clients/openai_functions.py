"""JSON mode, functions and several answers, checked with the official `openai` package. How it is run: `harness`."""

import json
import sys

import openai
import pydantic
from harness import LENIENT, MODEL, STRICT, ask, both, check, expect, main, refused, script

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
NOW = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}


class Person(pydantic.BaseModel):
    name: str
    age: int


def fenced(value):
    return f"```json\n{json.dumps(value, indent=1)}\n```"


def calling(*calls):
    return fenced({"tool_calls": [{"name": name, "arguments": arguments} for name, arguments in calls]})


def streamed(client, **request):
    """Text, calls and reason of a stream, put together by hand."""
    text, calls, reason = "", {}, None
    for chunk in client.chat.completions.create(**request, stream=True):
        [choice] = chunk.choices
        text += choice.delta.content or ""
        for call in choice.delta.tool_calls or []:
            if call.id:
                expect(call.index not in calls and call.type == "function" and call.function.name, call)
                calls[call.index] = {"id": call.id, "name": call.function.name, "arguments": ""}
            calls[call.index]["arguments"] += call.function.arguments or ""
        reason = choice.finish_reason or reason
    return text, [calls[index] for index in sorted(calls)], reason


@both
def json_objects(client):
    question = script('Certainly!\n\n```json\n{"city": "Rome"}\n```\n\nAnything else?')
    answer = client.chat.completions.create(**ask(question), response_format={"type": "json_object"})
    expect(json.loads(answer.choices[0].message.content) == {"city": "Rome"}, answer)


@both
def json_in_a_stream(client):
    question = script('{"city": "Rome"}')
    text, calls, reason = streamed(client, **ask(question), response_format={"type": "json_object"})
    expect((json.loads(text), calls, reason) == ({"city": "Rome"}, [], "stop"), text, reason)


@both
def an_answer_parsed_by_a_model(client):
    question = script(fenced({"name": "Ada", "age": 36}))
    answer = client.chat.completions.parse(**ask(question), response_format=Person)
    expect(answer.choices[0].message.parsed == Person(name="Ada", age=36), answer)


@both
def an_answer_that_does_not_fit_is_asked_again(client):
    question = script("I am not sure.", fenced({"name": "Ada"}), fenced({"name": "Ada", "age": 36}))
    answer = client.chat.completions.parse(**ask(question), response_format=Person)
    expect(answer.choices[0].message.parsed.age == 36, answer)


@both
def the_stream_helper_parses(client):
    question = script(fenced({"name": "Ada"}), fenced({"name": "Ada", "age": 36}))
    with client.chat.completions.stream(**ask(question), response_format=Person) as stream:
        final = stream.get_final_completion()
    expect(final.choices[0].message.parsed == Person(name="Ada", age=36), final)


@check
def an_answer_that_never_fits_is_an_error():
    question = script("No.", "No.", "No.", "No.")
    request = {**ask(question), "response_format": {"type": "json_object"}}
    refused(openai.InternalServerError, 502, lambda: LENIENT.chat.completions.create(**request), code="answer_does_not_fit")
    try:
        list(LENIENT.chat.completions.create(**{**request, **ask(script("No.", "No.", "No.", "No."))}, stream=True))
    except openai.APIError as caught:
        expect(caught.code == "answer_does_not_fit", caught)
    else:
        raise AssertionError("the stream did not fail")


@check
def a_bad_schema_is_refused():
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nonsense"}}}
    caught = refused(openai.BadRequestError, 400, lambda: LENIENT.chat.completions.create(**ask("x"), response_format=schema))
    expect(caught.param == "response_format.json_schema.schema", caught.body)


@both
def a_function_is_called_and_its_result_told(client):
    question = script(f"Let me look.\n\n{calling(('get_weather', {'city': 'Rome', 'days': 2}))}", "It is sunny in Rome.")
    messages = ask(question)["messages"]
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER, NOW])
    [choice] = first.choices
    expect(choice.finish_reason == "tool_calls" and choice.message.content == "Let me look.", first)
    [call] = choice.message.tool_calls
    expect(call.type == "function" and call.id and call.function.name == "get_weather", call)
    expect(json.loads(call.function.arguments) == {"city": "Rome", "days": 2}, call)
    messages += [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER, NOW])
    expect(second.choices[0].message.content == "It is sunny in Rome.", second)
    expect(second.choices[0].finish_reason == "stop" and not second.choices[0].message.tool_calls, second)


@both
def calls_in_a_stream(client):
    question = script(calling(("get_weather", {"city": "Rome"}), ("now", {}), ("now", {})))
    text, calls, reason = streamed(client, **ask(question), tools=[WEATHER, NOW])
    expect((text, reason) == ("", "tool_calls"), text, reason)
    expect([call["name"] for call in calls] == ["get_weather", "now", "now"], calls)
    expect(len({call["id"] for call in calls}) == 3, calls)
    expect([json.loads(call["arguments"]) for call in calls] == [{"city": "Rome"}, {}, {}], calls)


@both
def the_stream_helper_gathers_calls(client):
    question = script(calling(("get_weather", {"city": "Rome"})))
    with client.chat.completions.stream(**ask(question), tools=[WEATHER]) as stream:
        final = stream.get_final_completion()
    [call] = final.choices[0].message.tool_calls
    expect(call.function.parsed_arguments == {"city": "Rome"}, final)


@both
def a_call_that_cannot_be_is_asked_again(client):
    wrong = [calling(("fly", {})), calling(("get_weather", {"town": "Rome"}))]
    question = script(*wrong, calling(("get_weather", {"city": "Rome"})))
    answer = client.chat.completions.create(**ask(question), tools=[WEATHER])
    [call] = answer.choices[0].message.tool_calls
    expect(json.loads(call.function.arguments) == {"city": "Rome"}, answer)


@both
def a_call_that_is_required(client):
    question = script("It is sunny.", calling(("now", {})))
    text, calls, reason = streamed(client, **ask(question), tools=[WEATHER, NOW], tool_choice="required")
    expect([call["name"] for call in calls] == ["now"] and reason == "tool_calls", text, calls)
    named = {"type": "function", "function": {"name": "now"}}
    question = script(calling(("get_weather", {"city": "Rome"})), calling(("now", {})))
    answer = client.chat.completions.create(**ask(question), tools=[WEATHER, NOW], tool_choice=named)
    expect([call.function.name for call in answer.choices[0].message.tool_calls] == ["now"], answer)


@both
def no_more_than_one_call(client):
    question = script(calling(("now", {}), ("now", {})), calling(("now", {})))
    answer = client.chat.completions.create(**ask(question), tools=[NOW], parallel_tool_calls=False)
    expect(len(answer.choices[0].message.tool_calls) == 1, answer)


@both
def an_answer_that_quotes_json_is_no_call(client):
    said = 'The file is:\n\n```json\n{"name": "now", "version": 1}\n```\n\nThat is all.'
    whole = client.chat.completions.create(**ask(script(said)), tools=[NOW])
    expect(whole.choices[0].message.content == said and whole.choices[0].finish_reason == "stop", whole)
    text, calls, reason = streamed(client, **ask(script(said)), tools=[NOW])
    expect((text, calls, reason) == (said, [], "stop"), text, calls)


@check
def words_are_streamed_although_functions_could_be_called():
    said = " ".join(f"word{number}" for number in range(60))
    chunks = list(STRICT.chat.completions.create(**ask(script(said)), tools=[NOW], stream=True))
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content]
    expect("".join(pieces) == said and len(pieces) > 2, pieces)


@check
def functions_that_cannot_be_are_refused():
    def create(**fields):
        return lambda: LENIENT.chat.completions.create(**ask("x"), **fields)

    caught = refused(openai.BadRequestError, 400, create(tools=[{"type": "web_search"}]))
    expect(caught.param == "tools[0].type" and caught.code == "unsupported_parameter", caught.body)
    expect(refused(openai.BadRequestError, 400, create(tool_choice="required")).param == "tool_choice")
    orphan = [{"role": "user", "content": "x"}, {"role": "tool", "tool_call_id": "nobody", "content": "1"}]
    caught = refused(openai.BadRequestError, 400, lambda: LENIENT.chat.completions.create(model=MODEL, messages=orphan))
    expect(caught.param == "messages[1].tool_call_id", caught.body)


@both
def several_answers(client):
    answer = client.chat.completions.create(**ask("two of them please"), n=2)
    expect([choice.index for choice in answer.choices] == [0, 1], answer)
    texts = [choice.message.content for choice in answer.choices]
    # The page says the same to the same question.
    expect(texts[0] == texts[1] and texts[0], texts)
    raw = client.chat.completions.with_raw_response.create(**ask("two more please"), n=2)
    expect(len(raw.headers["x-computetower-job-id"].split(",")) == 2, raw.headers)


@both
def several_answers_in_a_stream(client):
    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(**ask("two streams please"), n=2, stream=True, stream_options=options))
    texts, reasons, usage = {0: "", 1: ""}, {}, None
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            reasons[choice.index] = choice.finish_reason or reasons.get(choice.index)
    expect(texts[0] == texts[1] != "" and reasons == {0: "stop", 1: "stop"}, texts, reasons)
    expect(usage.completion_tokens == 2 * -(-len(texts[0]) // 4), usage)
    with client.chat.completions.stream(**ask("two through the helper"), n=2) as stream:
        final = stream.get_final_completion()
    expect(len(final.choices) == 2 and all(choice.message.content for choice in final.choices), final)


@check
def a_key_gets_the_same_answers_again():
    question = script("No.", fenced({"a": 1}), fenced({"a": 2}))
    request = {**ask(question), "response_format": {"type": "json_object"}, "extra_headers": {"Idempotency-Key": "again"}}
    first = LENIENT.chat.completions.create(**request)
    second = LENIENT.chat.completions.create(**request)
    expect(first.id == second.id and first.choices == second.choices, first, second)


if __name__ == "__main__":
    sys.exit(main())
