// Splits GraphQL and JSON into tokens. Every character lands in exactly one token, so that joining the texts gives the
// source back: the highlighter depends on it, and the formatter compares token lists to prove it changed nothing.

const GRAPHQL = new RegExp(
  [
    String.raw`(?<space>[\s\uFEFF,]+)`,
    String.raw`(?<comment>#[^\n\r]*)`,
    String.raw`(?<block>"""(?:\\"""|(?!""")[\s\S])*""")`,
    String.raw`(?<string>"(?!"")(?:\\.|[^"\\\n\r])*"|""(?!"))`,
    String.raw`(?<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]))`,
    String.raw`(?<name>[A-Za-z_]\w*)`,
    String.raw`(?<punctuation>\.\.\.|[!$&()\[\]{}:=@|])`,
    String.raw`(?<invalid>[\s\S])`,
  ].join("|"),
  "gu",
);

const JSON_TEXT = new RegExp(
  [
    String.raw`(?<space>\s+)`,
    String.raw`(?<key>"(?:\\.|[^"\\\n])*"(?=\s*:))`,
    String.raw`(?<string>"(?:\\.|[^"\\\n])*")`,
    String.raw`(?<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)`,
    String.raw`(?<keyword>true|false|null)`,
    String.raw`(?<punctuation>[{}\[\]:,])`,
    String.raw`(?<invalid>[\s\S])`,
  ].join("|"),
  "gu",
);

function tokenize(expression, source) {
  const tokens = [];
  for (const match of source.matchAll(expression)) {
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    tokens.push({ kind, text: match[0], start: match.index, end: match.index + match[0].length });
  }
  return tokens;
}

export const graphqlTokens = (source) => tokenize(GRAPHQL, source);
export const jsonTokens = (source) => tokenize(JSON_TEXT, source);

/** The tokens that carry meaning: no white space, no commas, no comments. */
export const significant = (tokens) =>
  tokens.filter((token) => token.kind !== "space" && token.kind !== "comment");

const KEYWORDS = new Set(["query", "mutation", "subscription", "fragment", "on"]);
const LITERALS = new Set(["true", "false", "null"]);

/** [class, text] pairs for the highlighter; an empty class is plain text. */
export function paintGraphql(source) {
  const tokens = graphqlTokens(source);
  let previous = "";
  let depth = 0;
  return tokens.map((token) => {
    const { kind, text } = token;
    let paint = { comment: "comment", block: "string", string: "string", number: "number", invalid: "invalid" }[kind] ?? "";
    if (kind === "name") {
      if (previous === "$") paint = "variable";
      else if (previous === "@") paint = "directive";
      else if (LITERALS.has(text)) paint = "keyword";
      else if ((depth === 0 || previous === "...") && KEYWORDS.has(text)) paint = "keyword";
      else if (previous === "on" || /^[A-Z]/.test(text)) paint = "type";
      else paint = "field";
    } else if (kind === "punctuation") {
      paint = text === "$" ? "variable" : text === "@" ? "directive" : "punctuation";
      if (text === "{") depth += 1;
      if (text === "}") depth = Math.max(0, depth - 1);
    }
    if (kind !== "space" && kind !== "comment") previous = text;
    return [paint, text];
  });
}

export function paintJson(source) {
  return jsonTokens(source).map(({ kind, text }) => [kind === "space" ? "" : kind, text]);
}

/** The operations of a document in order: `{ kind, name, start }`; an unnamed one has the name "". */
export function operationsOf(source) {
  const found = [];
  let depth = 0;
  let open = false;
  const tokens = significant(graphqlTokens(source));
  tokens.forEach((token, index) => {
    if (depth === 0 && token.kind === "name" && !open) {
      if (["query", "mutation", "subscription"].includes(token.text)) {
        const next = tokens[index + 1];
        found.push({ kind: token.text, name: next?.kind === "name" ? next.text : "", start: token.start });
      }
      open = true;
    }
    if (token.text === "{" || token.text === "(") {
      if (depth === 0 && !open) found.push({ kind: "query", name: "", start: token.start });
      open = true;
      depth += 1;
    }
    if (token.text === "}" || token.text === ")") {
      depth = Math.max(0, depth - 1);
      if (token.text === "}" && depth === 0) open = false;
    }
  });
  return found;
}
