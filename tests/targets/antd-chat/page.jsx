import { useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { Actions, Bubble, Conversations, Prompts, Sender, Think, Welcome } from "@ant-design/x";

const TYPING = { effect: "typing", step: 12, interval: 25, keepPrefix: true };
let numbers = 0;

async function* pieces(asked) {
  const reply = await fetch("/ask", { method: "POST", body: JSON.stringify(asked) });
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let kept = "";
  for (let part; !(part = await reader.read()).done;) {
    const events = (kept + part.value).split("\n\n");
    kept = events.pop();
    for (const event of events) yield JSON.parse(event.slice(event.indexOf("data: ") + 6));
  }
}

function Guide() {
  const [talks, setTalks] = useState([{ key: "1", label: "New visit", turns: [] }]);
  const [active, setActive] = useState("1");
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const made = useRef(1);
  const talk = talks.find((one) => one.key === active);
  const change = (key, how) => setTalks((all) => all.map((one) => (one.key === key ? { ...one, ...how(one) } : one)));

  async function ask(question) {
    const key = active, began = performance.now(), answer = { key: ++numbers, role: "ai", text: "", thought: null };
    const asked = [...talk.turns.filter((turn) => turn.role === "user").map((turn) => turn.text), question];
    change(key, (one) => ({
      label: one.turns.length ? one.label : question.slice(0, 60),
      turns: [...one.turns, { key: ++numbers, role: "user", text: question }, answer],
    }));
    setText("");
    setBusy(true);
    let said = "";
    const show = (how) => change(key, (one) => ({ turns: one.turns.map((turn) => (turn.key === answer.key ? { ...turn, ...how } : turn)) }));
    for await (const piece of pieces(asked)) {
      said += piece;
      const thought = (performance.now() - began) / 1000;
      show({ text: said, ...(said === piece ? { thought: thought.toFixed(1) } : {}) });
    }
    show({ done: true });
    setBusy(false);
  }

  const items = talk.turns.map((turn) => ({
    key: turn.key,
    role: turn.role,
    content: turn.text,
    loading: turn.role === "ai" && !turn.text,
    streaming: turn.role === "ai" && !turn.done,
    placement: turn.role === "user" ? "end" : "start",
    typing: turn.role === "ai" ? TYPING : false,
    styles: { content: { whiteSpace: "pre-wrap" } },
    header: turn.thought ? <Think title={`Thought for ${turn.thought} s`} defaultExpanded={false}>What is asked, and what is known of it.</Think> : undefined,
    footer: turn.done ? <Actions items={[{ key: "copy", label: "Copy" }, { key: "good", label: "Good answer" }]} /> : undefined,
  }));
  return (
    <div style={{ display: "flex", height: "100%" }}>
      <Conversations style={{ width: 260 }} activeKey={active} onActiveChange={setActive} items={talks.map(({ key, label }) => ({ key, label }))}
        creation={{ label: "New chat", onClick: () => {
          const key = String(++made.current);
          setTalks((all) => [{ key, label: "New visit", turns: [] }, ...all]);
          setActive(key);
        } }} />
      <div style={{ flex: 1, display: "flex", flexDirection: "column", padding: 16, minWidth: 0 }}>
        {items.length ? <Bubble.List style={{ flex: 1, minHeight: 0 }} items={items} /> : (
          <div style={{ flex: 1 }}>
            <Welcome title="Museum guide" description="Ask about what you see." />
            <Prompts title="Often asked" items={[{ key: "a", label: "When are you open?" }, { key: "b", label: "Where is the lift?" }]} onItemClick={(info) => ask(info.data.label)} />
          </div>
        )}
        <Sender value={text} onChange={setText} loading={busy} onSubmit={ask} placeholder="Ask the guide" />
      </div>
    </div>
  );
}

createRoot(document.getElementById("root")).render(<Guide />);
