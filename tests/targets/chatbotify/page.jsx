import { useRef } from "react";
import { createRoot } from "react-dom/client";
import ChatBot from "react-chatbotify";

const STYLE = { botBubbleStyle: { whiteSpace: "pre-wrap" }, userBubbleStyle: { whiteSpace: "pre-wrap" } };

function Shop() {
  const asked = useRef([]);
  const flow = {
    start: { message: "Hello! I am Bea's helper. What would you like to know?", options: ["Opening hours", "Delivery"], path: "answer" },
    answer: {
      message: async (params) => {
        asked.current.push(params.userInput);
        const reply = await fetch("/ask", { method: "POST", body: JSON.stringify(asked.current) });
        return (await reply.json()).answer;
      },
      path: "answer",
    },
  };
  const settings = {
    general: { primaryColor: "#42b0c5", secondaryColor: "#491d8d", showFooter: false },
    header: { title: "Bea's helper" },
    botBubble: { simulateStream: true, streamSpeed: 4 },
    chatHistory: { storageKey: "bulbs" },
    userInput: { disabledPlaceholderText: "", enabledPlaceholderText: "Type your message..." },
    chatInput: { characterLimit: -1, allowNewline: true, botDelay: 300, blockSpam: true },
    notification: { disabled: true },
    audio: { disabled: true },
  };
  return <ChatBot settings={settings} styles={STYLE} flow={flow} />;
}
createRoot(document.getElementById("root")).render(<Shop />);
