"""JSON mode and several answers, checked with the official `openai` package. How it is run: `harness`."""

import json
import sys

import openai
import pydantic
from harness import LENIENT, ask, check, expect, fenced, main, refused, script, streamed, strict


class Person(pydantic.BaseModel):
    name: str
    age: int


@strict
def json_objects(client):
    question = script('Certainly!\n\n```json\n{"city": "Rome"}\n```\n\nAnything else?')
    answer = client.chat.completions.create(**ask(question), response_format={"type": "json_object"})
    expect(json.loads(answer.choices[0].message.content) == {"city": "Rome"}, answer)


@strict
def json_in_a_stream(client):
    question = script('{"city": "Rome"}')
    text, calls, reason = streamed(client, **ask(question), response_format={"type": "json_object"})
    expect((json.loads(text), calls, reason) == ({"city": "Rome"}, [], "stop"), text, reason)


@strict
def an_answer_parsed_by_a_model(client):
    question = script(fenced({"name": "Ada", "age": 36}))
    answer = client.chat.completions.parse(**ask(question), response_format=Person)
    expect(answer.choices[0].message.parsed == Person(name="Ada", age=36), answer)


@strict
def an_answer_that_does_not_fit_is_asked_again(client):
    question = script("I am not sure.", fenced({"name": "Ada"}), fenced({"name": "Ada", "age": 36}))
    answer = client.chat.completions.parse(**ask(question), response_format=Person)
    expect(answer.choices[0].message.parsed.age == 36, answer)


@strict
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
def a_client_that_retries_asks_no_more():
    # Another round of questions would get the answer that fits.
    eager = LENIENT.with_options(max_retries=2)
    request = {**ask(script("No.", "No.", "No.", fenced({}))), "response_format": {"type": "json_object"}}
    refused(openai.InternalServerError, 502, lambda: eager.chat.completions.create(**request), code="answer_does_not_fit")


@check
def a_bad_schema_is_refused():
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nonsense"}}}
    caught = refused(openai.BadRequestError, 400, lambda: LENIENT.chat.completions.create(**ask("x"), response_format=schema))
    expect(caught.param == "response_format.json_schema.schema", caught.body)


@check
def one_answer_that_fails_fails_them_all():
    request = {**ask(script("No.")), "response_format": {"type": "json_object"}, "n": 2}
    refused(openai.InternalServerError, 502, lambda: LENIENT.chat.completions.create(**request), code="answer_does_not_fit")


@strict
def several_answers(client):
    answer = client.chat.completions.create(**ask("two of them please"), n=2)
    expect([choice.index for choice in answer.choices] == [0, 1], answer)
    texts = [choice.message.content for choice in answer.choices]
    # The page says the same to the same question.
    expect(texts[0] == texts[1] and texts[0], texts)
    raw = client.chat.completions.with_raw_response.create(**ask("two more please"), n=2)
    expect(len(raw.headers["x-computetower-job-id"].split(",")) == 2, raw.headers)


@strict
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
