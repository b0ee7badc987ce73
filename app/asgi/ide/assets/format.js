// The Prettify button. It rearranges white space and commas, which mean nothing in GraphQL, and checks afterwards that
// the meaningful tokens and the comments are the same as before; if not, it gives the source back untouched.

import { graphqlTokens } from "./tokens.js";

const WIDTH = 88;
const CLOSING = { "{": "}", "(": ")", "[": "]" };

/** `{ text, problem }`: the formatted document, or the source itself and the reason why it was left alone. */
export function prettify(source) {
  if (source.trim() === "") return { text: source, problem: "" };
  const tokens = readTokens(source);
  if (tokens.some((token) => token.kind === "invalid")) {
    return { text: source, problem: "Not formatted: a character or string in the query is not valid GraphQL." };
  }
  const tree = group(tokens);
  if (tree === null) return { text: source, problem: "Not formatted: the brackets do not match." };
  const printer = new Printer();
  printDefinitions(tree, printer);
  const text = printer.finish();
  const same = fingerprint(readTokens(text)) === fingerprint(tokens);
  return same ? { text, problem: "" } : { text: source, problem: "Not formatted: the result would differ." };
}

const fingerprint = (tokens) => JSON.stringify(tokens.map((token) => [token.kind, token.text.trimEnd()]));

function readTokens(source) {
  const kept = [];
  let space = "\n";
  for (const token of graphqlTokens(source)) {
    if (token.kind === "space") {
      space += token.text;
      continue;
    }
    const lines = space.split("\n").length - 1;
    kept.push({ ...token, ownLine: lines > 0, blankBefore: lines > 1 && kept.length > 0 });
    space = "";
  }
  return kept;
}

/** Nests the tokens by brackets: a node is a token, or a token with `children`. Null when the brackets do not match. */
function group(tokens) {
  const stack = [{ children: [] }];
  for (const token of tokens) {
    const top = stack[stack.length - 1];
    if (token.kind === "punctuation" && token.text in CLOSING) {
      const node = { ...token, children: [] };
      top.children.push(node);
      stack.push(node);
    } else if (token.kind === "punctuation" && Object.values(CLOSING).includes(token.text)) {
      if (stack.length === 1 || CLOSING[top.text] !== token.text) return null;
      stack.pop();
    } else {
      top.children.push(token);
    }
  }
  return stack.length === 1 ? stack[0].children : null;
}

class Printer {
  constructor() {
    this.lines = [];
    this.line = "";
    this.depth = 0;
  }

  write(text) {
    if (this.line === "") this.line = "  ".repeat(this.depth);
    this.line += text;
  }

  newline() {
    if (this.line !== "") this.lines.push(this.line.trimEnd());
    this.line = "";
  }

  blank() {
    this.newline();
    if (this.lines.length > 0 && this.lines[this.lines.length - 1] !== "") this.lines.push("");
  }

  comment(token) {
    const trailing = !token.ownLine && this.line === "" && this.lines.length > 0;
    if (trailing) this.lines[this.lines.length - 1] += ` ${token.text}`;
    else if (!token.ownLine && this.line !== "") this.write(` ${token.text}`);
    else {
      this.newline();
      this.write(token.text);
    }
    this.newline();
  }

  finish() {
    this.newline();
    return `${this.lines.join("\n").trim()}\n`;
  }
}

function printDefinitions(nodes, printer) {
  let previous = null;
  for (const node of nodes) {
    const starts = previous === null || previous.text === "{";
    if (node.kind === "comment") {
      if (node.ownLine && node.blankBefore && starts) printer.blank();
      printer.comment(node);
      continue;
    }
    if (starts && previous !== null) {
      // A comment right above a definition belongs to it; everything else is set apart by one empty line.
      const above = printer.lines[printer.lines.length - 1] ?? "";
      if (above.startsWith("#") && !node.blankBefore) printer.newline();
      else printer.blank();
    }
    printNode(node, previous, printer, true);
    previous = node;
  }
}

function printNode(node, previous, printer, selections) {
  if (printer.line !== "" && needsSpace(previous, node)) printer.write(" ");
  if (node.children === undefined) printer.write(node.text);
  else if (node.text === "{" && selections) printSelections(node, printer);
  else printList(node, printer);
}

function needsSpace(previous, node) {
  if (previous === null) return false;
  if (["(", ":", "!"].includes(node.text) && node.kind === "punctuation") return false;
  if (previous.kind === "punctuation" && ["$", "@"].includes(previous.text)) return false;
  return !(previous.text === "..." && node.kind === "name" && node.text !== "on");
}

function printSelections(node, printer) {
  printer.write("{");
  printer.newline();
  printer.depth += 1;
  let previous = null;
  let beforePrevious = null;
  for (const child of node.children) {
    if (child.kind === "comment") {
      if (child.ownLine && child.blankBefore && previous !== null) printer.blank();
      printer.comment(child);
      continue;
    }
    if (startsSelection(child, previous, beforePrevious)) {
      if (child.blankBefore && previous !== null) printer.blank();
      printer.newline();
      printNode(child, null, printer, true);
    } else {
      printNode(child, previous, printer, true);
    }
    beforePrevious = previous;
    previous = child;
  }
  printer.newline();
  printer.depth -= 1;
  printer.write("}");
}

function startsSelection(node, previous, beforePrevious) {
  if (previous === null || node.text === "...") return true;
  if (node.kind !== "name") return false;
  if (previous.kind === "punctuation" && [":", "@", "..."].includes(previous.text)) return false;
  return !(previous.text === "on" && beforePrevious?.text === "...");
}

/** Arguments, variables, list and object values: on one line when they fit, else an item a line. */
function printList(node, printer) {
  const items = splitItems(node);
  const [open, close] = [node.text, CLOSING[node.text]];
  if (isSimple(node)) {
    const padding = open === "{" && items.length > 0 ? " " : "";
    const inline = open + padding + items.map(inlineText).join(", ") + padding + close;
    const room = WIDTH - Math.max(printer.line.length, printer.depth * 2);
    if (inline.length <= room || open === "[" || items.length === 0) {
      printer.write(inline);
      return;
    }
  }
  printer.write(open);
  printer.depth += 1;
  for (const item of items) {
    if (item[0].kind !== "comment" || item[0].ownLine) printer.newline();
    let previous = null;
    for (const child of item) {
      if (child.kind === "comment") printer.comment(child);
      else {
        printNode(child, previous, printer, false);
        previous = child;
      }
    }
  }
  printer.newline();
  printer.depth -= 1;
  printer.write(close);
}

// A comment ends its line and a block string spans several, so what holds one is never put on a single line.
const isSimple = (node) =>
  node.kind !== "comment" && !(node.kind === "block" && node.text.includes("\n")) && (node.children ?? []).every(isSimple);

function inlineText(item) {
  const printer = new Printer();
  let previous = null;
  for (const node of item) {
    if (previous !== null && needsSpace(previous, node)) printer.write(" ");
    if (node.children === undefined) printer.write(node.text);
    else {
      const padding = node.text === "{" && node.children.length > 0 ? " " : "";
      printer.write(node.text + padding + splitItems(node).map(inlineText).join(", ") + padding + CLOSING[node.text]);
    }
    previous = node;
  }
  return printer.line;
}

function splitItems(node) {
  const items = [];
  const children = node.children;
  children.forEach((child, index) => {
    const before = children[index - 1];
    const next = children[index + 1];
    let starts;
    if (child.kind === "comment") starts = true;
    else if (node.text === "[") {
      starts = !["!", "="].includes(child.text) && !(before?.text === "$" && before.kind === "punctuation");
    } else {
      const named = child.kind === "name" && next?.text === ":" && !(before?.text === "$");
      starts = named || (child.text === "$" && children[index + 2]?.text === ":");
    }
    if (starts || items.length === 0) items.push([child]);
    else items[items.length - 1].push(child);
  });
  return items;
}
