import { createRoot } from "react-dom/client";
import {
  ActionBarPrimitive, AssistantRuntimeProvider, AuiIf, BranchPickerPrimitive, ComposerPrimitive, MessagePrimitive, ThreadPrimitive, useLocalRuntime,
} from "@assistant-ui/react";
import { MarkdownTextPrimitive } from "@assistant-ui/react-markdown";
import remarkGfm from "remark-gfm";

const words = (message) => message.content.filter((part) => part.type === "text").map((part) => part.text).join("");
const model = {
  async *run({ messages, abortSignal }) {
    const body = JSON.stringify({ messages: messages.map((message) => ({ role: message.role, text: words(message) })) });
    const reply = await fetch("/api/chat", { method: "POST", headers: { "Content-Type": "application/json" }, body, signal: abortSignal });
    if (!reply.ok) throw new Error(`The server answered ${reply.status}`);
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "", kept = "";
    for (let part; !(part = await reader.read()).done;) {
      const lines = (kept + part.value).split("\n");
      kept = lines.pop();
      for (const line of lines.map((each) => JSON.parse(each))) {
        if (line.type === "text-delta") yield { content: [{ type: "text", text: (text += line.delta) }] };
      }
    }
  },
};

const Icon = ({ path }) => <svg width="16" height="16" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2"><path d={path} /></svg>;
const Markdown = () => <MarkdownTextPrimitive remarkPlugins={[remarkGfm]} className="markdown" />;
const Mine = () => (
  <MessagePrimitive.Root className="mine">
    <MessagePrimitive.Content components={{ Text: ({ text }) => <p>{text}</p> }} />
    <ActionBarPrimitive.Root hideWhenRunning autohide="not-last" className="bar">
      <ActionBarPrimitive.Edit><Icon path="M4 20h4L20 8l-4-4L4 16z" /></ActionBarPrimitive.Edit>
    </ActionBarPrimitive.Root>
  </MessagePrimitive.Root>
);
const Editing = () => (
  <ComposerPrimitive.Root className="composer">
    <ComposerPrimitive.Input /> <ComposerPrimitive.Cancel>Cancel</ComposerPrimitive.Cancel> <ComposerPrimitive.Send>Update</ComposerPrimitive.Send>
  </ComposerPrimitive.Root>
);
const Theirs = () => (
  <MessagePrimitive.Root className="theirs">
    <MessagePrimitive.Content components={{ Text: Markdown, Empty: () => <span className="dot">●</span> }} />
    <BranchPickerPrimitive.Root hideWhenSingleBranch className="bar">
      <BranchPickerPrimitive.Previous>‹</BranchPickerPrimitive.Previous> <BranchPickerPrimitive.Number /> / <BranchPickerPrimitive.Count /> <BranchPickerPrimitive.Next>›</BranchPickerPrimitive.Next>
    </BranchPickerPrimitive.Root>
    <ActionBarPrimitive.Root hideWhenRunning autohide="not-last" className="bar">
      <ActionBarPrimitive.Copy><Icon path="M8 8h12v12H8zM4 16V4h12" /></ActionBarPrimitive.Copy>
      <ActionBarPrimitive.Reload><Icon path="M20 12a8 8 0 1 1-3-6l3-2v6h-6" /></ActionBarPrimitive.Reload>
    </ActionBarPrimitive.Root>
  </MessagePrimitive.Root>
);

function Room() {
  return (
    <AssistantRuntimeProvider runtime={useLocalRuntime(model)}>
      <ThreadPrimitive.Root className="thread">
        <ThreadPrimitive.Viewport className="viewport">
          <AuiIf condition={(s) => s.thread.isEmpty}>
            <h1>How can I help you today?</h1>
            <ThreadPrimitive.Suggestion prompt="Which books are new?" method="replace" autoSend>Which books are new?</ThreadPrimitive.Suggestion>
            <ThreadPrimitive.Suggestion prompt="When do you close?" method="replace" autoSend>When do you close?</ThreadPrimitive.Suggestion>
          </AuiIf>
          <ThreadPrimitive.Messages components={{ UserMessage: Mine, EditComposer: Editing, AssistantMessage: Theirs }} />
          <ThreadPrimitive.ScrollToBottom>↓</ThreadPrimitive.ScrollToBottom>
          <ComposerPrimitive.Root className="composer">
            <ComposerPrimitive.Input rows={1} autoFocus placeholder="Write a message..." />
            <AuiIf condition={(s) => !s.thread.isRunning}><ComposerPrimitive.Send><Icon path="M12 20V4m-7 7 7-7 7 7" /></ComposerPrimitive.Send></AuiIf>
            <AuiIf condition={(s) => s.thread.isRunning}><ComposerPrimitive.Cancel><Icon path="M6 6h12v12H6z" /></ComposerPrimitive.Cancel></AuiIf>
          </ComposerPrimitive.Root>
        </ThreadPrimitive.Viewport>
      </ThreadPrimitive.Root>
    </AssistantRuntimeProvider>
  );
}
createRoot(document.getElementById("root")).render(<Room />);
