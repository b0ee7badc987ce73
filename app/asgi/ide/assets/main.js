// The console: puts the parts together and runs what is written.

import { arrowKeys, byId, element, notify, paint } from "./dom.js";
import { Editor } from "./editor.js";
import { EXAMPLES } from "./examples.js";
import { prettify } from "./format.js";
import { CompletionPopup } from "./popup.js";
import { Reference } from "./reference.js";
import { INTROSPECTION, Schema } from "./schema.js";
import { Session } from "./session.js";
import { readShared, shareLink } from "./share.js";
import { Tabs, titleOf } from "./tabs.js";
import { operationsOf, paintGraphql, paintJson } from "./tokens.js";
import { post, subscribe } from "./transport.js";

// Above this a result is shown in one colour: half a million spans would freeze the page.
const PAINTED_RESULT = 400_000;
const EVENTS_SHOWN = 200;

const config = JSON.parse(byId("config").textContent);
let schema = null;
let running = null;

const tabs = new Tabs(EXAMPLES[0], showTab);
const editors = {
  query: new Editor(byId("query"), { label: "GraphQL query", painter: paintGraphql, onChange: (text) => changed("query", text) }),
  variables: new Editor(byId("variables"), { label: "Variables as JSON", placeholder: '{ "first": 10 }', painter: paintJson, onChange: (text) => changed("variables", text) }),
  headers: new Editor(byId("headers"), { label: "Headers as JSON", placeholder: '{ "X-Api-Key": "..." }', painter: paintJson, onChange: (text) => changed("headers", text) }),
};
new CompletionPopup(editors.query, () => schema);
const session = new Session(config, showJsonProblems);
const reference = new Reference({ onExample: openExample, onReload: readSchema });

function openExample({ query, variables }) {
  tabs.open(query, variables);
  editors.query.area.focus();
}

function changed(part, text) {
  tabs.change(part, text);
  if (part === "query") showOperations();
  showJsonProblems();
}

function showTab() {
  editors.query.value = tabs.current.query;
  editors.variables.value = tabs.current.variables ?? "";
  editors.headers.value = tabs.currentHeaders;
  showOperations();
  showJsonProblems();
}

function showOperations() {
  const operations = operationsOf(editors.query.value).filter((operation) => operation.name);
  const picker = byId("operation");
  const chosen = picker.value;
  picker.replaceChildren(...operations.map(({ kind, name }) => element("option", { value: name }, `${kind} ${name}`)));
  picker.hidden = operations.length < 2;
  if (operations.some((operation) => operation.name === chosen)) picker.value = chosen;
}

/** The object in a JSON editor, null when empty; throws a sentence when it is not one. */
function readObject(editor, what) {
  if (editor.value.trim() === "") return null;
  let value;
  try {
    value = JSON.parse(editor.value);
  } catch (error) {
    throw new Error(`${what} are not valid JSON: ${error.message}`);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Error(`${what} must be a JSON object.`);
  return value;
}

function showJsonProblems() {
  const problems = [];
  for (const [name, what] of [["variables", "Variables"], ["headers", "Headers"]]) {
    let problem = "";
    try {
      readObject(editors[name], what);
    } catch (error) {
      problem = error.message;
    }
    byId(`tab-${name}`).classList.toggle("wrong", problem !== "");
    editors[name].area.setAttribute("aria-invalid", String(problem !== ""));
    if (problem) problems.push(problem);
  }
  byId("json-problem").textContent = problems[0] ?? "";
  byId("json-problem").title = problems[0] ?? "";
  byId("tab-headers").textContent = session.current ? "Headers + sign-in" : "Headers";
  byId("tab-headers").title = session.current ? "Authorization: Bearer ... of your sign-in is added unless you write your own." : "";
}

async function run() {
  if (running) {
    running.abort();
    return;
  }
  let payload;
  let own;
  try {
    payload = { query: editors.query.value, variables: readObject(editors.variables, "Variables") };
    own = readObject(editors.headers, "Headers") ?? {};
  } catch (error) {
    outcome(error.message, "bad");
    return;
  }
  const operations = operationsOf(payload.query);
  const atCursor = operations.filter((operation) => operation.start <= editors.query.area.selectionStart).pop();
  const picked = byId("operation").hidden ? (operations.length > 1 ? atCursor?.name : operations[0]?.name) : byId("operation").value;
  if (picked) payload.operationName = picked;
  const kind = operations.find((operation) => operation.name === (picked ?? ""))?.kind ?? "query";
  const ownsAuthorization = Object.keys(own).some((name) => name.toLowerCase() === "authorization");
  const headers = { ...(ownsAuthorization ? {} : session.headers), ...own };
  tabs.remember(payload.query, editors.variables.value);
  showOpen();
  running = new AbortController();
  byId("run").textContent = "Stop";
  outcome("Running ...", "");
  try {
    await (kind === "subscription" ? listen(payload, headers) : ask(payload, headers, ownsAuthorization));
  } finally {
    running = null;
    byId("run").textContent = "Run";
  }
}

async function ask(payload, headers, ownsAuthorization) {
  let answer;
  try {
    answer = await post(config.endpoint, payload, headers, running.signal);
  } catch (error) {
    if (error.name === "AbortError") outcome("Stopped.", "");
    else outcome(`No answer: ${error.message}`, "bad");
    return;
  }
  showResult(answer.body === undefined ? answer.text : JSON.stringify(answer.body, null, 2), answer.body !== undefined);
  const errors = answer.body?.errors?.length ?? 0;
  const identifier = answer.headers.get("x-request-id") ?? answer.body?.errors?.[0]?.extensions?.requestId;
  const facts = [
    `HTTP ${answer.status}`,
    errors > 0 ? `${errors} ${errors === 1 ? "error" : "errors"}` : "",
    `${Math.round(answer.milliseconds)} ms`,
    sizeText(new Blob([answer.text]).size),
    identifier ? `request ${identifier}` : "",
  ];
  outcome(facts.filter(Boolean).join(" \u00b7 "), answer.status >= 400 ? "bad" : errors > 0 ? "mixed" : "good");
  if (answer.status === 401) {
    if (ownsAuthorization) notify("The server refused the Authorization header that you wrote.", { stays: true });
    else session.refused();
  }
}

/** Shows the newest event of a subscription first, until it ends or Stop is pressed. */
function listen(payload, headers) {
  const find = (name) => Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  const connection = { authorization: find("authorization"), apiKey: find("x-api-key") };
  const events = [];
  let count = 0;
  showResult("", false);
  return new Promise((resolve) => {
    const onResult = (result) => {
      count += 1;
      events.unshift(result);
      events.length = Math.min(events.length, EVENTS_SHOWN);
      showResult(events.map((event) => JSON.stringify(event, null, 2)).join("\n\n"), true);
      outcome(`Listening \u00b7 ${count} ${count === 1 ? "event" : "events"}, newest first`, "good");
    };
    const onEnd = (reason) => {
      outcome(`${reason || "Complete."} \u00b7 ${count} ${count === 1 ? "event" : "events"}`, reason && reason !== "Stopped." ? "bad" : "good");
      resolve();
    };
    subscribe(config.endpoint, payload, connection, { onResult, onEnd, signal: running.signal });
  });
}

const sizeText = (bytes) => (bytes < 1024 ? `${bytes} B` : bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1048576).toFixed(1)} MB`);

function showResult(text, isJson) {
  paint(byId("result"), isJson && text.length < PAINTED_RESULT ? paintJson(text) : [["", text]]);
  byId("result").scrollTop = 0;
  // On a phone the result stands below the editor.
  if (window.matchMedia("(max-width: 820px)").matches) byId("outcome").scrollIntoView({ block: "center" });
  byId("copy").hidden = text === "";
}

function outcome(text, mood) {
  byId("outcome").textContent = text;
  byId("outcome").className = mood;
}

async function readSchema() {
  schema = null;
  let answer;
  try {
    answer = await post(config.endpoint, { query: INTROSPECTION, operationName: "IntrospectionOfIde" }, session.headers);
  } catch {
    reference.failed("The server cannot be reached, so there is no reference. Queries can still be written.");
    return;
  }
  if (answer.status === 401) session.refused();
  const found = answer.body?.data?.__schema;
  if (found) {
    schema = new Schema(found);
    reference.show(schema);
    return;
  }
  const reason = answer.body?.errors?.[0]?.message ?? `The server answered ${answer.status}.`;
  reference.failed(`The server does not show its schema (${reason}). Everything but the reference and the completion works.`);
}

function showOpen() {
  const group = (label, entries, prefix) =>
    element("optgroup", { label }, ...entries.map((entry, index) => element("option", { value: `${prefix}${index}` }, entry.title ?? titleOf(entry.query))));
  const recent = tabs.history.length > 0 ? [group("Run before", tabs.history, "history:")] : [];
  byId("open").replaceChildren(element("option", { value: "" }, "Examples"), group("Examples", EXAMPLES, "example:"), ...recent);
}

byId("open").addEventListener("change", (event) => {
  const [list, index] = event.target.value.split(":");
  const entry = { example: EXAMPLES, history: tabs.history }[list]?.[Number(index)];
  event.target.value = "";
  if (entry) tabs.open(entry.query, entry.variables);
});

function format() {
  const { text, problem } = prettify(editors.query.value);
  if (problem) notify(problem);
  else if (text !== editors.query.value) editors.query.replace(0, editors.query.value.length, text, 0);
  for (const name of ["variables", "headers"]) {
    try {
      const value = readObject(editors[name], name);
      const pretty = value === null ? editors[name].value : JSON.stringify(value, null, 2);
      // A number beyond 2^53 would lose digits on its way through JavaScript: such text stays as it was written.
      const unsafe = /\d{16}/.test(editors[name].value);
      if (pretty !== editors[name].value && !unsafe) {
        editors[name].value = pretty;
        changed(name, pretty);
      }
    } catch {
      // Broken JSON is reported beside its editor already.
    }
  }
}

async function copyText(text, said, otherwise) {
  try {
    await navigator.clipboard.writeText(text);
    notify(said);
  } catch {
    // Plain HTTP on another machine, or the user said no.
    otherwise();
  }
}

function share() {
  const link = new URL(shareLink(tabs.current.query, tabs.current.variables), window.location.href).href;
  copyText(link, "Copied a link to this query. Headers and sign-in are not part of it.", () => {
    history.replaceState(null, "", link);
    notify("The link to this query is in the address bar. Headers and sign-in are not part of it.");
  });
}

function copyResult() {
  copyText(byId("result").textContent, "Copied the result.", () => {
    window.getSelection().selectAllChildren(byId("result"));
    notify("The result is selected: copy it with Ctrl-C.");
  });
}

function showPanel(name) {
  for (const each of ["variables", "headers"]) {
    byId(each).hidden = each !== name;
    byId(`tab-${each}`).setAttribute("aria-selected", String(each === name));
    byId(`tab-${each}`).tabIndex = each === name ? 0 : -1;
    // An editor that was hidden while its text changed has not been scrolled with it.
    editors[each].repaint();
  }
}

function showReference(open = byId("reference").hidden) {
  byId("reference").hidden = !open;
  byId("show-reference").setAttribute("aria-expanded", String(open));
}

function openShared() {
  const shared = readShared();
  if (shared) tabs.open(shared.query, shared.variables);
  return shared !== null;
}

byId("run").addEventListener("click", run);
byId("prettify").addEventListener("click", format);
byId("share").addEventListener("click", share);
byId("copy").addEventListener("click", copyResult);
byId("show-reference").addEventListener("click", () => showReference());
byId("tab-variables").addEventListener("click", () => showPanel("variables"));
byId("tab-headers").addEventListener("click", () => showPanel("headers"));
arrowKeys(byId("tab-variables").parentElement);
window.addEventListener("hashchange", openShared);
document.addEventListener("keydown", (event) => {
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key === "Enter") run();
  else if (event.altKey && event.shiftKey && event.code === "KeyF") format();
  else if (command && event.key.toLowerCase() === "k") {
    showReference(true);
    reference.search.focus();
  } else return;
  event.preventDefault();
}, { capture: true });

showOpen();
showTab();
openShared();
showReference(window.matchMedia("(min-width: 1000px)").matches);
const came = new URLSearchParams(window.location.search);
if (came.has("without-graphiql")) {
  notify("GraphiQL could not be loaded from the internet. This is the console that needs none.", { stays: true });
  history.replaceState(null, "", window.location.pathname + window.location.hash);
}
readSchema();
