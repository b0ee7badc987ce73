// Loads GraphiQL from its usual address; when it has not come after three seconds, the console takes over.
// The digests pin the exact files: what the address serves can be missing, never different.

const config = JSON.parse(document.getElementById("config").textContent);
const PATIENCE_MILLISECONDS = 3000;

const FILES = [
  ["/react@18.3.1/umd/react.production.min.js", "sha384-DGyLxAyjq0f9SPpVevD6IgztCFlnMF6oW/XQGmfe+IsZ8TqEiDrcHkMLKI6fiB/Z"],
  ["/react-dom@18.3.1/umd/react-dom.production.min.js", "sha384-gTGxhz21lVGYNMcdJOyq01Edg0jhn/c22nsx0kyqP0TxaV5WVdsSH1fSDUf5YJj1"],
  ["/graphiql@3.8.3/graphiql.min.js", "sha384-HbRVEFG0JGJZeAHCJ9Xm2+tpknBQ7QZmNlO/DgZtkZ0aJSypT96YYGRNod99l9Ie"],
  ["/graphiql@3.8.3/graphiql.min.css", "sha384-Mq3vbRBY71jfjQAt/DcjxUIYY33ksal4cgdRt9U/hNPvHBCaT2JfJ/PTRiPKf0aM"],
];

function load([path, integrity]) {
  return new Promise((resolve, reject) => {
    const isStyle = path.endsWith(".css");
    const made = document.createElement(isStyle ? "link" : "script");
    made.integrity = integrity;
    made.crossOrigin = "anonymous";
    made.addEventListener("load", resolve);
    made.addEventListener("error", reject);
    if (isStyle) made.rel = "stylesheet";
    // Fetched side by side, run in the order of the list: each needs the one before it.
    else made.async = false;
    made[isStyle ? "href" : "src"] = config.origin + path;
    document.head.append(made);
  });
}

/** The console's sign-in, when it is still good, so that one sign-in serves both pages. */
function signInHeaders() {
  try {
    const session = JSON.parse(sessionStorage.getItem("lectern.session"));
    if (new Date(session.expiresAt) > new Date()) return JSON.stringify({ Authorization: `Bearer ${session.accessToken}` }, null, 2);
  } catch {
    // Not signed in, or storage is blocked.
  }
  return undefined;
}

const useConsole = () => window.location.replace("./?without-graphiql");
const patience = setTimeout(useConsole, PATIENCE_MILLISECONDS);

try {
  await Promise.all(FILES.map(load));
  clearTimeout(patience);
  const socket = new URL(config.endpoint, window.location.href);
  socket.protocol = socket.protocol === "https:" ? "wss:" : "ws:";
  const { React, GraphiQL } = window;
  const fetcher = GraphiQL.createFetcher({ url: config.endpoint, subscriptionUrl: socket.href });
  const root = window.ReactDOM.createRoot(document.getElementById("graphiql"));
  const wayBack = React.createElement(GraphiQL.Logo, null, React.createElement("a", { href: "./" }, "Lectern console"));
  root.render(React.createElement(GraphiQL, { fetcher, defaultHeaders: signInHeaders(), shouldPersistHeaders: false }, wayBack));
} catch {
  clearTimeout(patience);
  useConsole();
}
