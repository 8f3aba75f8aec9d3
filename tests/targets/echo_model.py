"""The model behind the target apps: a pure function of the conversation.

Because the answer follows from the question alone, a checker can compute the
right one with `answer` and compare it with what came back through the page.
It holds no knowledge and is not meant to look clever.

Words in the last question choose the kind of answer:

  (none)    one line: a tag and the question's words, last word first
  markdown  headings, emphasis, two kinds of list, a code block and a table
  code      two code blocks with a sentence between them
  long      thirty numbered lines
  stall     two paragraphs with a long silence between them
  recall    how many questions were asked, and the first of them

The question's words lose what Markdown and HTML are made of, so that a page
shows them as they are; the tag is of the question as it was asked.
Every kind but the plain one ends in `Done <tag>.`, so that a cut-off answer is
seen. The tag is short, made from the question, and differs from question to
question.

Environment (milliseconds): MODEL_FIRST_MS 250, MODEL_DELAY_MS 50,
MODEL_STALL_MS 4000; MODEL_PIECES 12 is the number of pieces.
"""

import asyncio
import hashlib
import os
import re
import time

FIRST = int(os.environ.get("MODEL_FIRST_MS", "250")) / 1000
DELAY = int(os.environ.get("MODEL_DELAY_MS", "50")) / 1000
STALL = int(os.environ.get("MODEL_STALL_MS", "4000")) / 1000
PIECES = int(os.environ.get("MODEL_PIECES", "12"))


def tag(question):
    """Six hex digits that stand for the question, whatever its white space."""
    text = " ".join(question.split())
    return hashlib.blake2s(text.encode(), digest_size=3).hexdigest()


def _plain(text):
    """Without what a page may take for Markdown, a formula or HTML."""
    return " ".join(re.sub(r"[<>*_`#\[\]()|~\\$&^]+", " ", text).split())


def _asks(kind, question):
    return re.search(rf"\b{kind}\b", question, re.IGNORECASE) is not None


def answer(questions):
    """The whole answer to the last of `questions` (the user's turns, in order)."""
    question = " ".join(questions[-1].split())
    mark = tag(question)
    parts = [f"Heard {mark}: {' '.join(reversed(_plain(question).split()))}"]
    ended = False
    if _asks("markdown", question):
        ended = True
        parts += [
            f"## Section {mark}",
            f"A paragraph with **strong {mark}**, *slanted* and `code_{mark}` words.",
            f"- pear {mark}\n- plum {mark}\n- quince {mark}",
            "1. first\n2. second\n3. third",
            f'```python\ndef reply():\n    # kept as it is: <tag> & "{mark}"\n    return [1, 2, 3]\n```',
            f"| fruit | tag |\n| --- | --- |\n| pear | {mark} |\n| plum | {mark[::-1]} |",
        ]
    if _asks("code", question):
        ended = True
        parts += [
            f'```js\nfunction swap(list, i, j) {{\n  // {mark}: <b>not bold</b>, "quoted" & **not strong**\n\n'
            "  [list[i], list[j]] = [list[j], list[i]];\n  return `${list.length} things`;\n}\n```",
            f"Between the two stands a sentence about {mark}.",
            f"```\n$ plain {mark}\n    # a comment, and no heading\n- no list\n```",
        ]
    if _asks("recall", question):
        ended = True
        parts.append(f"Question {len(questions)}; the first was: {_plain(questions[0])}")
    if _asks("long", question):
        ended = True
        parts += [f"Line {n} of thirty, for {mark}, says that {n} times two is {2 * n}." for n in range(1, 31)]
    if _asks("stall", question):
        ended = True
        parts += [f"This is the part before the pause of {mark}.", f"This is the part after the pause of {mark}."]
    if ended:
        parts.append(f"Done {mark}.")
    return "\n\n".join(parts)


def pieces(questions):
    """`(seconds to wait, text)` for each piece of the answer, in order."""
    text = answer(questions)
    count = max(1, min(PIECES, len(text)))
    cuts = [len(text) * n // count for n in range(count + 1)]
    out = []
    for n in range(count):
        wait = FIRST if n == 0 else DELAY
        if n and n == count // 2 and _asks("stall", questions[-1]):
            wait = STALL
        out.append((wait, text[cuts[n] : cuts[n + 1]]))
    return out


def stream(questions):
    """The pieces as a generator that waits as the environment says."""
    for wait, piece in pieces(questions):
        time.sleep(wait)
        yield piece


async def astream(questions):
    """The same for asynchronous apps."""
    for wait, piece in pieces(questions):
        await asyncio.sleep(wait)
        yield piece
