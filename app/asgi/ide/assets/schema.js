// The schema as the server tells it: the introspection query, and look-ups by name for completion and reference.

const TYPE = "kind name ofType { kind name ofType { kind name ofType { kind name } } }";
const INPUT = `name description isDeprecated deprecationReason defaultValue type { ${TYPE} }`;

export const INTROSPECTION = `query IntrospectionOfIde {
  __schema {
    queryType { name } mutationType { name } subscriptionType { name }
    directives { name description locations args { ${INPUT} } }
    types {
      kind name description specifiedByURL
      fields(includeDeprecated: true) {
        name description isDeprecated deprecationReason
        type { ${TYPE} }
        args(includeDeprecated: true) { ${INPUT} }
      }
      inputFields(includeDeprecated: true) { ${INPUT} }
      enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
      interfaces { name } possibleTypes { name }
    }
  }
}`;

export class Schema {
  constructor(introspected) {
    this.types = new Map(introspected.types.map((type) => [type.name, type]));
    this.directives = introspected.directives;
    this.roots = {
      query: introspected.queryType?.name,
      mutation: introspected.mutationType?.name,
      subscription: introspected.subscriptionType?.name,
    };
  }

  type(name) {
    return this.types.get(name);
  }

  /** The field of an object or interface; `__typename` and the entry points of introspection included. */
  field(typeName, fieldName) {
    return this.fields(typeName).find((field) => field.name === fieldName);
  }

  fields(typeName) {
    const type = this.types.get(typeName);
    if (type === undefined) return [];
    const named = (name) => ({ kind: "OBJECT", name, ofType: null });
    const meta = [{ name: "__typename", args: [], type: named("String"), description: "The name of this type." }];
    if (typeName === this.roots.query) {
      meta.push({ name: "__schema", args: [], type: named("__Schema"), description: "The schema itself." });
      const argument = { name: "name", type: { kind: "NON_NULL", name: null, ofType: named("String") } };
      meta.push({ name: "__type", args: [argument], type: named("__Type"), description: "One type of the schema." });
    }
    return [...(type.fields ?? []), ...meta];
  }

  /** Types that can narrow `typeName` in `... on X`. */
  narrowings(typeName) {
    const type = this.types.get(typeName);
    if (type === undefined) return [];
    return [...(type.possibleTypes ?? []), ...(type.interfaces ?? []), { name: typeName }].map((each) => each.name);
  }

  isComposite(typeName) {
    return ["OBJECT", "INTERFACE", "UNION"].includes(this.types.get(typeName)?.kind);
  }

  isInput(typeName) {
    return ["SCALAR", "ENUM", "INPUT_OBJECT"].includes(this.types.get(typeName)?.kind);
  }
}

export function namedType(reference) {
  let type = reference;
  while (type?.ofType) type = type.ofType;
  return type?.name ?? "";
}

export function typeText(reference) {
  if (reference === null || reference === undefined) return "";
  if (reference.kind === "NON_NULL") return `${typeText(reference.ofType)}!`;
  if (reference.kind === "LIST") return `[${typeText(reference.ofType)}]`;
  return reference.name;
}

const isRequired = (argument) => argument.type.kind === "NON_NULL" && (argument.defaultValue ?? null) === null;

// The widest selection of scalars that still reads well in an example.
const FIELDS_A_LEVEL = 6;

/** An example for one root field: `{ query, variables }` with its required arguments as variables. */
export function exampleFor(schema, kind, field) {
  const needed = field.args.filter(isRequired);
  const title = field.name[0].toUpperCase() + field.name.slice(1);
  const declared = needed.map((argument) => `$${argument.name}: ${typeText(argument.type)}`).join(", ");
  const passed = needed.map((argument) => `${argument.name}: $${argument.name}`).join(", ");
  const selection = selectionOf(schema, namedType(field.type), 3, "    ");
  const query =
    `${kind} ${title}${declared && `(${declared})`} {\n` +
    `  ${field.name}${passed && `(${passed})`}${selection}\n}\n`;
  const variables = Object.fromEntries(needed.map((argument) => [argument.name, placeholder(schema, argument.type, 3)]));
  return { query, variables: needed.length > 0 ? JSON.stringify(variables, null, 2) : "" };
}

function selectionOf(schema, typeName, depth, indent) {
  if (!schema.isComposite(typeName)) return "";
  const usable = schema
    .fields(typeName)
    .filter((field) => !field.isDeprecated && !field.name.startsWith("__") && !field.args.some(isRequired));
  const plain = usable.filter((field) => !schema.isComposite(namedType(field.type))).slice(0, FIELDS_A_LEVEL);
  const nested = usable.filter((field) => schema.isComposite(namedType(field.type)));
  const isList = nested.some((field) => field.name === "edges" || field.name === "nodes");
  const wanted = nested.filter((field) => isList || depth > 2 || ["node", "user"].includes(field.name) || plain.length === 0);
  const lines = plain.map((field) => indent + field.name);
  if (depth > 0) {
    for (const field of wanted.slice(0, 4)) {
      const inner = selectionOf(schema, namedType(field.type), depth - 1, `${indent}  `);
      if (inner !== "") lines.push(indent + field.name + inner);
    }
  }
  if (lines.length === 0) lines.push(`${indent}__typename`);
  return ` {\n${lines.join("\n")}\n${indent.slice(2)}}`;
}

function placeholder(schema, reference, depth) {
  if (reference.kind === "NON_NULL") return placeholder(schema, reference.ofType, depth);
  if (reference.kind === "LIST") return [];
  const type = schema.type(reference.name);
  if (type?.kind === "ENUM") return type.enumValues[0]?.name ?? "";
  if (type?.kind === "INPUT_OBJECT" && depth > 0) {
    const needed = (type.inputFields ?? []).filter(isRequired);
    return Object.fromEntries(needed.map((field) => [field.name, placeholder(schema, field.type, depth - 1)]));
  }
  return { Int: 10, Float: 1, Boolean: true }[reference.name] ?? (type?.kind === "INPUT_OBJECT" ? {} : "");
}
