// What may be written at the cursor: walks the tokens before it and keeps a stack of where it stands in the document.

import { graphqlTokens, significant } from "./tokens.js";
import { namedType, typeText } from "./schema.js";

const OPERATIONS = ["query", "mutation", "subscription"];

/** `{ from, to, items: [{ label, insert, detail, description, deprecated }] }` for the cursor at `position`. */
export function complete(schema, source, position) {
  const all = graphqlTokens(source);
  const inside = all.find((token) => token.start < position && position < token.end);
  const touching = all.find((token) => token.kind === "name" && token.start < position && position <= token.end);
  // Nothing is offered inside strings and comments; a comment also owns the position at its end.
  if (inside && ["string", "block", "comment"].includes(inside.kind)) return null;
  if (all.some((token) => token.kind === "comment" && token.end === position)) return null;
  const from = touching?.start ?? position;
  const prefix = source.slice(from, position).toLowerCase();
  const before = significant(all.filter((token) => token.end <= from));
  const candidates = candidatesFor(schema, walk(schema, before), before, significant(all));
  const items = candidates.filter((item) => item.label.toLowerCase().includes(prefix));
  const rank = (item) => (item.label.toLowerCase().startsWith(prefix) ? 0 : 1) + (item.deprecated ? 2 : 0);
  items.sort((left, right) => rank(left) - rank(right));
  return { from, to: touching?.end ?? position, prefix, items };
}

// A frame is { kind, type }: "selection" of an object type, "arguments" of a field, "object" of an input type, "list" of
// values, "variables" of an operation. `value` is the type expected after a colon, null where a name is expected.
function walk(schema, tokens) {
  const stack = [];
  let root = null;
  let field = null;
  let directive = null;
  let value = null;
  const frame = () => stack[stack.length - 1];
  tokens.forEach((token, index) => {
    const previous = tokens[index - 1];
    const top = frame();
    if (token.kind === "name") {
      if (previous?.text === "@") directive = schema.directives.find((each) => each.name === token.text) ?? null;
      else if (stack.length === 0) {
        if (OPERATIONS.includes(token.text) && root === null) root = schema.roots[token.text] ?? null;
        else if (previous?.text === "on") root = token.text;
        else if (root === null) root = "";
      } else if (top.kind === "selection") {
        if (previous?.text === "on" && tokens[index - 2]?.text === "...") field = { narrowed: token.text };
        else if (previous?.text !== "...") field = schema.field(top.type, token.text) ?? null;
        directive = null;
      } else if (top.kind === "arguments" || top.kind === "object") {
        if (value === null) top.name = token.text;
        else value = null;
      }
    } else if (token.text === ":" && top && top.kind !== "selection") {
      value = top.inputs?.find((input) => input.name === top.name)?.type ?? { kind: "UNKNOWN", name: "" };
    } else if (token.text === "{") {
      if (stack.length === 0) stack.push({ kind: "selection", type: root ?? schema.roots.query });
      else if (top.kind === "selection") {
        stack.push({ kind: "selection", type: field?.narrowed ?? (field ? namedType(field.type) : spreadType(previous, top)) });
      } else {
        const expected = value ?? top.element;
        stack.push({ kind: "object", inputs: schema.type(namedType(expected))?.inputFields ?? [] });
      }
      // A field stays the current one while its arguments are read: its selection comes after them.
      if (frame().kind === "selection") field = null;
      value = null;
    } else if (token.text === "(") {
      const inputs = directive ? directive.args : field?.args;
      stack.push(stack.length === 0 && !directive ? { kind: "variables" } : { kind: "arguments", inputs: inputs ?? [] });
      value = null;
    } else if (token.text === "[") {
      stack.push({ kind: "list", element: value });
    } else if (["}", ")", "]"].includes(token.text)) {
      const closed = stack.pop();
      value = null;
      if (token.text === ")") directive = null;
      if (stack.length === 0 && token.text === "}") root = null;
      if (closed?.kind === "selection") field = null;
    } else if (token.text === "...") {
      field = null;
    } else if (["string", "block", "number"].includes(token.kind)) {
      value = null;
    }
  });
  return { frame: frame(), value, root };
}

const spreadType = (previous, top) => (previous?.text === "..." ? top.type : "");

function candidatesFor(schema, { frame, value, root }, before, all) {
  const last = before[before.length - 1]?.text;
  const previous = before[before.length - 2]?.text;
  const types = (keep) => [...schema.types.values()].filter(keep).map((type) => item(type.name, { detail: type.kind.toLowerCase(), description: type.description }));
  if (last === "@") return schema.directives.map((each) => item(each.name, { description: each.description }));
  if (last === "$") return frame?.kind === "variables" ? [] : variables(all);
  if (frame === undefined) {
    if (last === "on") return types((type) => schema.isComposite(type.name) && !type.name.startsWith("__"));
    return root === null ? ["query", "mutation", "subscription", "fragment"].map((word) => item(word, {})) : [];
  }
  if (frame.kind === "variables") return last === ":" || last === "[" ? types((type) => schema.isInput(type.name)) : [];
  if (frame.kind === "selection") {
    if (last === "on" && previous === "...") return schema.narrowings(frame.type).map((name) => item(name, { detail: "type" }));
    if (last === "...") return [item("on", {}), ...fragments(all)];
    return schema.fields(frame.type).map((field) => ({ ...described(field), detail: typeText(field.type) }));
  }
  if (frame.kind === "list") return values(schema, frame.element, all);
  if (value !== null) return values(schema, value, all);
  return (frame.inputs ?? []).map((input) => ({ ...described(input), insert: `${input.name}: `, detail: typeText(input.type) }));
}

function values(schema, reference, all) {
  const type = schema.type(namedType(reference));
  const literals =
    type?.kind === "ENUM"
      ? type.enumValues.map((each) => described(each))
      : type?.name === "Boolean"
        ? [item("true", {}), item("false", {})]
        : [];
  return [...literals, ...variables(all).map((each) => ({ ...each, label: `$${each.label}`, insert: `$${each.label}` }))];
}

const item = (label, rest) => ({ label, insert: label, detail: "", description: "", deprecated: false, ...rest });
const described = (each) =>
  item(each.name, { description: each.description ?? "", deprecated: Boolean(each.isDeprecated) });

const variables = (tokens) =>
  [...new Set(tokens.filter((token, index) => token.kind === "name" && tokens[index - 1]?.text === "$" && tokens[index + 1]?.text === ":").map((token) => token.text))].map((name) => item(name, { detail: "variable" }));

const fragments = (tokens) =>
  tokens
    .filter((token, index) => token.kind === "name" && tokens[index - 1]?.text === "fragment" && tokens[index + 1]?.text === "on")
    .map((token) => item(token.text, { detail: "fragment" }));
