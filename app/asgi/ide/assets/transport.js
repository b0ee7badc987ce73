// Sends operations: queries and mutations over HTTP, subscriptions over a WebSocket (graphql-transport-ws).

/** `{ status, headers, text, body, milliseconds }`; `body` is undefined when the answer is not JSON. Throws when offline. */
export async function post(endpoint, payload, headers, signal) {
  const started = performance.now();
  const response = await fetch(endpoint, {
    method: "POST",
    headers: { accept: "application/graphql-response+json, application/json;q=0.9", "content-type": "application/json", ...headers },
    body: JSON.stringify(payload),
    signal,
    credentials: "same-origin",
  });
  const text = await response.text();
  const milliseconds = performance.now() - started;
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  return { status: response.status, headers: response.headers, text, body, milliseconds };
}

/** Calls `onResult` for each result until the server completes (`onEnd("")`) or breaks off (`onEnd(reason)`). */
export function subscribe(endpoint, payload, connection, { onResult, onEnd, signal }) {
  const address = new URL(endpoint, window.location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(address, "graphql-transport-ws");
  let over = false;
  const end = (reason) => {
    if (over) return;
    over = true;
    socket.close(1000);
    onEnd(reason);
  };
  const send = (message) => socket.send(JSON.stringify(message));
  socket.addEventListener("open", () => send({ type: "connection_init", payload: connection }));
  socket.addEventListener("close", (event) => end(`The socket closed with ${event.code} ${event.reason}`.trim()));
  socket.addEventListener("message", (event) => {
    let message;
    try {
      message = JSON.parse(event.data);
    } catch {
      end("The server sent something that is not JSON.");
      return;
    }
    if (message.type === "connection_ack") send({ id: "1", type: "subscribe", payload });
    else if (message.type === "ping") send({ type: "pong" });
    else if (message.type === "next") onResult(message.payload);
    else if (message.type === "error") {
      onResult({ errors: message.payload });
      end("");
    } else if (message.type === "complete") end("");
  });
  signal.addEventListener("abort", () => {
    if (socket.readyState === WebSocket.OPEN) send({ id: "1", type: "complete" });
    end("Stopped.");
  });
}
