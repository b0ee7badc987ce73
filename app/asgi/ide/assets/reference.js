// The schema reference beside the editor: search, root fields, types; every name is a link, and there is a way back.

import { byId, element } from "./dom.js";
import { exampleFor, namedType, typeText } from "./schema.js";

const FOUND = 80;
const ROOTS = { query: "Query", mutation: "Mutation", subscription: "Subscription" };

export class Reference {
  constructor({ onExample, onReload }) {
    this.onExample = onExample;
    this.onReload = onReload;
    this.schema = null;
    this.trail = [];
    this.search = element("input", { type: "search", placeholder: "Search the schema", "aria-label": "Search the schema", oninput: () => this.render() });
    this.back = element("button", { type: "button", onclick: () => this.goBack(), "aria-label": "Back" }, "\u2190");
    this.reload = element("button", { type: "button", title: "Read the schema again", "aria-label": "Read the schema again", onclick: () => onReload() }, "\u21bb");
    this.body = element("div", { class: "reference-body grow", tabindex: "-1" });
    byId("reference").replaceChildren(element("div", { class: "reference-head" }, this.back, this.search, this.reload), this.body);
    this.failed("Reading the schema ...");
  }

  show(schema) {
    this.schema = schema;
    this.trail = this.trail.filter((name) => schema.type(name));
    this.render();
  }

  /** No schema: say why; the console works without it. */
  failed(sentence) {
    this.schema = null;
    this.back.disabled = true;
    this.body.replaceChildren(element("p", { class: "quiet" }, sentence));
  }

  open(typeName) {
    this.search.value = "";
    if (this.trail[this.trail.length - 1] !== typeName) this.trail.push(typeName);
    this.render();
    this.body.focus();
  }

  goBack() {
    if (this.search.value !== "") this.search.value = "";
    else this.trail.pop();
    this.render();
  }

  render() {
    if (this.schema === null) return;
    const wanted = this.search.value.trim().toLowerCase();
    const current = this.trail[this.trail.length - 1];
    this.back.disabled = wanted === "" && this.trail.length === 0;
    this.body.replaceChildren(...(wanted ? this.results(wanted) : current ? this.page(current) : this.start()));
    this.body.scrollTop = 0;
  }

  start() {
    const parts = [];
    for (const [kind, title] of Object.entries(ROOTS)) {
      const name = this.schema.roots[kind];
      if (!name) continue;
      const fields = (this.schema.type(name)?.fields ?? []).map((field) => this.field(field, kind));
      parts.push(element("h2", {}, this.link(name, title)), ...fields);
    }
    parts.push(element("h2", {}, "All types"), this.typeList([...this.schema.types.keys()].filter((name) => !name.startsWith("__")).sort()));
    return parts;
  }

  typeList(names) {
    return element("ul", { class: "types" }, ...names.map((name) => element("li", {}, this.link(name))));
  }

  results(wanted) {
    const types = [];
    const fields = [];
    for (const type of this.schema.types.values()) {
      if (type.name.startsWith("__")) continue;
      if (type.name.toLowerCase().includes(wanted)) types.push(type.name);
      for (const field of [...(type.fields ?? []), ...(type.inputFields ?? []), ...(type.enumValues ?? [])]) {
        if (field.name.toLowerCase().includes(wanted)) fields.push([type.name, field]);
      }
    }
    const closeness = (name) => (name.toLowerCase() === wanted ? 0 : name.toLowerCase().startsWith(wanted) ? 1 : 2);
    types.sort((left, right) => closeness(left) - closeness(right) || left.localeCompare(right));
    const isRoot = (name) => (Object.values(this.schema.roots).includes(name) ? 0 : 1);
    fields.sort((left, right) => closeness(left[1].name) - closeness(right[1].name) || isRoot(left[0]) - isRoot(right[0]));
    const hits = fields.slice(0, FOUND).map(([name, field]) =>
      element("li", {}, this.link(name), `.${field.name}`, field.description ? element("span", { class: "quiet" }, ` ${field.description.split("\n")[0]}`) : null),
    );
    if (types.length + hits.length === 0) return [element("p", { class: "quiet" }, "Nothing has that name.")];
    const more = fields.length > FOUND ? [element("p", { class: "quiet" }, `${fields.length - FOUND} more fields; type on to narrow them.`)] : [];
    return [
      ...(types.length > 0 ? [element("h2", {}, "Types"), this.typeList(types.slice(0, FOUND))] : []),
      ...(hits.length > 0 ? [element("h2", {}, "Fields"), element("ul", { class: "hits" }, ...hits), ...more] : []),
    ];
  }

  page(name) {
    const type = this.schema.type(name);
    const kind = Object.keys(ROOTS).find((root) => this.schema.roots[root] === name);
    const parts = [
      element("h2", { class: "type-name" }, name, element("span", { class: "quiet" }, ` ${type.kind.toLowerCase().replace("_", " ")}`)),
      this.description(type),
    ];
    if (type.specifiedByURL) parts.push(element("p", { class: "quiet" }, `Specified by ${type.specifiedByURL}`));
    if (type.interfaces?.length) parts.push(element("h3", {}, "Implements"), this.typeList(type.interfaces.map((each) => each.name)));
    if (type.possibleTypes?.length) parts.push(element("h3", {}, "Is one of"), this.typeList(type.possibleTypes.map((each) => each.name)));
    if (type.fields?.length) parts.push(element("h3", {}, "Fields"), ...type.fields.map((field) => this.field(field, kind)));
    if (type.inputFields?.length) parts.push(element("h3", {}, "Input fields"), ...type.inputFields.map((field) => this.field(field)));
    if (type.enumValues?.length) parts.push(element("h3", {}, "Values"), ...type.enumValues.map((value) => this.field(value)));
    const users = this.users(name);
    if (users.length > 0) parts.push(element("h3", {}, "Returned or taken by"), element("ul", { class: "hits" }, ...users));
    return parts.filter((part) => part !== null);
  }

  users(name) {
    const found = [];
    for (const type of this.schema.types.values()) {
      if (type.name.startsWith("__")) continue;
      for (const field of [...(type.fields ?? []), ...(type.inputFields ?? [])]) {
        const inputs = field.args ?? [];
        if ([field, ...inputs].some((each) => namedType(each.type) === name)) {
          found.push(element("li", {}, this.link(type.name), `.${field.name}`));
        }
      }
    }
    return found.slice(0, 30);
  }

  /** A field, an input field or an enum value; `kind` is set for root fields and adds the example button. */
  field(field, kind) {
    const signature = element("div", { class: "signature" }, element("code", { class: "name" }, field.name));
    if (field.args?.length) {
      signature.append("(");
      field.args.forEach((argument, index) => {
        const title = argument.description || null;
        const name = element("span", { class: "argument", title }, `${argument.name}: `);
        const end = index < field.args.length - 1 ? "," : ")";
        // Kept together, so that no line begins with a comma.
        signature.append(element("span", { class: "together" }, name, this.typeLink(argument.type), defaultText(argument), end), " ");
      });
      signature.lastChild.remove();
    }
    if (field.type) signature.append(": ", this.typeLink(field.type), defaultText(field));
    const insert = () => this.onExample(exampleFor(this.schema, kind, field));
    const example = kind ? element("button", { type: "button", class: "insert", "aria-label": `Example of ${field.name}`, onclick: insert }, "Try") : null;
    const deprecated = field.isDeprecated ? element("p", { class: "deprecation" }, `Deprecated: ${field.deprecationReason ?? ""}`) : null;
    const described = (field.args ?? []).filter((argument) => argument.description);
    const inputs = described.map((argument) => element("li", {}, element("code", {}, argument.name), ` ${argument.description}`));
    const list = inputs.length > 0 && !kind ? element("ul", { class: "arguments" }, ...inputs) : null;
    return element("div", { class: field.isDeprecated ? "field deprecated" : "field" }, element("div", { class: "row" }, signature, example), this.description(field), list, deprecated);
  }

  description(thing) {
    return thing.description ? element("p", { class: "description" }, thing.description) : null;
  }

  typeLink(reference) {
    return this.link(namedType(reference), typeText(reference));
  }

  link(name, text = name) {
    return element("button", { type: "button", class: "link", onclick: () => this.open(name) }, text);
  }
}

// A default of null says no more than the missing `!` does.
const defaultText = ({ defaultValue }) => ((defaultValue ?? "null") === "null" ? "" : ` = ${defaultValue}`);
