import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { ChatInput, ChatMessages, ChatSection } from "@llamaindex/chat-ui";
import "@llamaindex/chat-ui/styles/markdown.css";
import { Toaster, toast } from "sonner";

const token = () => localStorage.getItem("token");
const go = (where) => { location.hash = where; };

function SignIn() {
  const [name, setName] = useState(""), [password, setPassword] = useState(""), [busy, setBusy] = useState(false);
  async function enter() {
    setBusy(true);
    const reply = await fetch("/api/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name, password }) });
    const said = await reply.json();
    setBusy(false);
    if (!said.ok) return toast.error("Wrong name or password");
    localStorage.setItem("token", said.token);
    toast.success("Welcome back!");
    go("/");
  }
  return (
    <div className="mx-auto mt-24 flex w-80 flex-col gap-4">
      <div className="text-2xl font-bold">Llama lane</div>
      <input className="rounded border p-2" placeholder="Name" value={name} onChange={(event) => setName(event.target.value)} />
      <input className="rounded border p-2" placeholder="Password" type="password" value={password} onChange={(event) => setPassword(event.target.value)} />
      <div role="button" tabIndex={0} className="cursor-pointer rounded bg-primary p-2 text-center text-white" onClick={busy ? undefined : enter}>{busy ? "One moment…" : "Enter"}</div>
    </div>
  );
}

function Lane() {
  const handler = useChat({ transport: new DefaultChatTransport({ api: "/api/chat", headers: () => ({ Authorization: `Bearer ${token()}` }) }) });
  return (
    <div className="flex h-screen flex-col">
      <div className="flex justify-between border-b p-3">
        <span className="font-bold">Llama lane</span>
        <span className="cursor-pointer underline" onClick={() => { localStorage.removeItem("token"); go("/login"); }}>Leave</span>
      </div>
      <ChatSection handler={handler} className="mx-auto min-h-0 w-full max-w-3xl flex-1">
        <ChatMessages />
        <ChatInput>
          <ChatInput.Form><ChatInput.Field type="textarea" /><ChatInput.Upload /><ChatInput.Submit /></ChatInput.Form>
        </ChatInput>
      </ChatSection>
    </div>
  );
}

function App() {
  const [where, setWhere] = useState(location.hash.slice(1) || "/");
  useEffect(() => {
    const turned = () => setWhere(location.hash.slice(1) || "/");
    addEventListener("hashchange", turned);
    return () => removeEventListener("hashchange", turned);
  }, []);
  useEffect(() => { if (!token() && where !== "/login") go("/login"); }, [where]);
  return <><Toaster position="top-right" />{where === "/login" ? <SignIn /> : token() ? <Lane /> : null}</>;
}
createRoot(document.getElementById("root")).render(<App />);
