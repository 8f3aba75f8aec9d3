// The answers of echo_model.py for apps that run on Node, piece by piece as they are written.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const PROGRAM = `
import json, sys
from echo_model import stream
for piece in stream(json.load(sys.stdin)):
    print(json.dumps(piece), flush=True)
`;

/** The pieces of the answer to the last of `asked` (the user's turns, in order). */
export async function* stream(asked) {
  const child = spawn(process.env.PYTHON, ["-c", PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(asked));
  try {
    for await (const line of createInterface({ input: child.stdout })) yield JSON.parse(line);
  } finally {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
}
