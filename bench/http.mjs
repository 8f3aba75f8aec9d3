// A small HTTP/1.1 client on plain sockets, so that the measuring costs little next to what is measured.
// It understands what the two servers here send: Content-Length and chunked bodies.
import net from "node:net";

/** A kept connection; one request at a time. */
export class Connection {
  constructor(port) {
    this.socket = net.connect({ host: "127.0.0.1", port, noDelay: true });
    this.received = "";
    this.socket.setEncoding("latin1");
    this.socket.on("data", (data) => {
      this.received += data;
      this.advance?.();
    });
    const end = (error) => this.broken?.(error ?? new Error("the server closed the connection"));
    this.socket.on("error", end);
    this.socket.on("close", () => end());
    this.opened = new Promise((resolve, reject) => {
      this.socket.once("connect", resolve);
      this.socket.once("error", reject);
    });
  }

  /** Sends a request as text and gives `{status, body}`. */
  exchange(text) {
    return new Promise((resolve, reject) => {
      this.broken = reject;
      this.advance = () => {
        const head = this.received.indexOf("\r\n\r\n");
        if (head < 0) return;
        const length = /\r\ncontent-length: *(\d+)/i.exec(this.received.slice(0, head));
        if (!length) return reject(new Error(`no Content-Length: ${this.received.slice(0, head)}`));
        const end = head + 4 + Number(length[1]);
        if (this.received.length < end) return;
        const status = Number(this.received.slice(9, 12));
        const body = this.received.slice(head + 4, end);
        this.received = this.received.slice(end);
        this.advance = this.broken = undefined;
        resolve({ status, body });
      };
      this.socket.write(text);
      this.advance();
    });
  }

  /** Sends a request for an event stream; resolves as soon as one of `events` has come, with its name. */
  until(text, events) {
    const pattern = new RegExp(`(?:^|\\n)event: ?(${events.join("|")})\\r?\\n`);
    return new Promise((resolve, reject) => {
      this.broken = reject;
      this.advance = () => {
        const found = pattern.exec(this.received);
        if (found) {
          this.broken = undefined;
          resolve(found[1]);
        } else if (/^HTTP\/1\.1 [^2]/.test(this.received)) {
          reject(new Error(`no event stream: ${this.received.slice(0, 400)}`));
        }
      };
      this.socket.write(text);
    });
  }

  close() {
    this.broken = undefined;
    this.socket.destroy();
  }
}

/** A request's text. */
export function request(method, path, headers, body) {
  const lines = [`${method} ${path} HTTP/1.1`, "Host: 127.0.0.1"];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (body !== undefined) lines.push("Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`);
  return `${lines.join("\r\n")}\r\n\r\n${body ?? ""}`;
}
