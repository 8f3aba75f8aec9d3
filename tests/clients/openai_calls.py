"""Functions, checked with the official `openai` package. How it is run: `harness`."""

import json
import sys

import openai
from harness import LENIENT, MODEL, STRICT, ask, calling, check, expect, main, refused, script, streamed, strict

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


@strict
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


@strict
def calls_in_a_stream(client):
    question = script(calling(("get_weather", {"city": "Rome"}), ("now", {}), ("now", {})))
    text, calls, reason = streamed(client, **ask(question), tools=[WEATHER, NOW])
    expect((text, reason) == ("", "tool_calls"), text, reason)
    expect([call["name"] for call in calls] == ["get_weather", "now", "now"], calls)
    expect(len({call["id"] for call in calls}) == 3, calls)
    expect([json.loads(call["arguments"]) for call in calls] == [{"city": "Rome"}, {}, {}], calls)


@strict
def the_stream_helper_gathers_calls(client):
    question = script(calling(("get_weather", {"city": "Rome"})))
    with client.chat.completions.stream(**ask(question), tools=[WEATHER]) as stream:
        final = stream.get_final_completion()
    [call] = final.choices[0].message.tool_calls
    expect(call.function.parsed_arguments == {"city": "Rome"}, final)


@strict
def a_call_that_cannot_be_is_asked_again(client):
    wrong = [calling(("fly", {})), calling(("get_weather", {"town": "Rome"}))]
    question = script(*wrong, calling(("get_weather", {"city": "Rome"})))
    answer = client.chat.completions.create(**ask(question), tools=[WEATHER])
    [call] = answer.choices[0].message.tool_calls
    expect(json.loads(call.function.arguments) == {"city": "Rome"}, answer)


@strict
def a_call_that_is_required(client):
    question = script("It is sunny.", calling(("now", {})))
    text, calls, reason = streamed(client, **ask(question), tools=[WEATHER, NOW], tool_choice="required")
    expect([call["name"] for call in calls] == ["now"] and reason == "tool_calls", text, calls)
    named = {"type": "function", "function": {"name": "now"}}
    question = script(calling(("get_weather", {"city": "Rome"})), calling(("now", {})))
    answer = client.chat.completions.create(**ask(question), tools=[WEATHER, NOW], tool_choice=named)
    expect([call.function.name for call in answer.choices[0].message.tool_calls] == ["now"], answer)


@strict
def no_more_than_one_call(client):
    question = script(calling(("now", {}), ("now", {})), calling(("now", {})))
    answer = client.chat.completions.create(**ask(question), tools=[NOW], parallel_tool_calls=False)
    expect(len(answer.choices[0].message.tool_calls) == 1, answer)


@strict
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


@strict
def functions_of_before_there_were_tools(client):
    now = {"name": "now", "parameters": {"type": "object", "properties": {}}}
    question = script(calling(("now", {})), "It is noon.")
    messages = ask(question)["messages"]
    [choice] = client.chat.completions.create(model=MODEL, messages=messages, functions=[now]).choices
    expect(choice.finish_reason == "function_call" and choice.message.function_call.name == "now", choice)
    expect(choice.message.function_call.arguments == "{}" and not choice.message.tool_calls, choice)
    messages += [choice.message, {"role": "function", "name": "now", "content": "noon"}]
    second = client.chat.completions.create(model=MODEL, messages=messages, functions=[now], function_call="auto")
    expect(second.choices[0].message.content == "It is noon.", second)


if __name__ == "__main__":
    sys.exit(main())
