// The open queries and the last ones run. Saved in localStorage without headers, which may hold secrets:
// those stay in sessionStorage and end with the browser tab.

import { arrowKeys, byId, element, storage } from "./dom.js";
import { operationsOf } from "./tokens.js";

const REMEMBERED_RUNS = 20;
const lasting = storage("localStorage");
const passing = storage("sessionStorage");

export class Tabs {
  constructor(first, onSelect) {
    this.onSelect = onSelect;
    const saved = lasting.read("tabs", null);
    const usable = saved?.tabs?.length > 0 && saved.tabs.every((tab) => typeof tab.query === "string");
    this.tabs = usable ? saved.tabs : [{ id: 1, query: first.query, variables: first.variables }];
    this.active = Math.min(Math.max(0, Number(usable ? saved.active : 0) || 0), this.tabs.length - 1);
    this.headers = passing.read("headers", {});
    this.history = lasting.read("history", []);
    arrowKeys(byId("tabs"));
    this.render();
  }

  get current() {
    return this.tabs[this.active];
  }

  get currentHeaders() {
    return this.headers[this.current.id] ?? "";
  }

  select(index) {
    this.active = index;
    this.save();
    this.render();
    this.onSelect();
  }

  /** Opens a new tab, or fills the current one when that is empty. */
  open(query, variables = "") {
    if (this.current.query.trim() === "" && (this.current.variables ?? "").trim() === "" && query !== "") {
      Object.assign(this.current, { query, variables });
      this.select(this.active);
      return;
    }
    const id = Math.max(0, ...this.tabs.map((tab) => tab.id)) + 1;
    this.tabs.push({ id, query, variables });
    this.select(this.tabs.length - 1);
  }

  close(index) {
    const [closed] = this.tabs.splice(index, 1);
    delete this.headers[closed.id];
    if (this.tabs.length === 0) this.tabs.push({ id: closed.id + 1, query: "", variables: "" });
    this.select(Math.min(index < this.active ? this.active - 1 : this.active, this.tabs.length - 1));
  }

  change(part, text) {
    if (part === "headers") this.headers[this.current.id] = text;
    else this.current[part] = text;
    this.save();
    if (part === "query") this.render();
  }

  remember(query, variables) {
    const same = (each) => each.query === query && each.variables === variables;
    this.history = [{ query, variables }, ...this.history.filter((each) => !same(each))].slice(0, REMEMBERED_RUNS);
    lasting.write("history", this.history);
  }

  save() {
    lasting.write("tabs", { tabs: this.tabs, active: this.active });
    passing.write("headers", this.headers);
  }

  render() {
    const parts = this.tabs.map((tab, index) => {
      const selected = index === this.active;
      const title = titleOf(tab.query);
      return element(
        "span",
        { class: "tab", role: "presentation" },
        element("button", { type: "button", role: "tab", "aria-selected": String(selected), "aria-controls": "query", tabindex: selected ? "0" : "-1", onclick: () => this.select(index) }, title),
        this.tabs.length > 1 ? element("button", { type: "button", class: "close", "aria-label": `Close ${title}`, onclick: () => this.close(index) }, "\u00d7") : null,
      );
    });
    const add = element("button", { type: "button", class: "add", "aria-label": "New query", title: "New query", onclick: () => this.open("") }, "+");
    byId("tabs").replaceChildren(...parts, add);
  }
}

/** A short name for a query: its first operation's name, else its first field. */
export function titleOf(query) {
  const named = operationsOf(query).find((operation) => operation.name);
  return named?.name ?? /\{\s*(\w+)/.exec(query)?.[1] ?? "New query";
}
