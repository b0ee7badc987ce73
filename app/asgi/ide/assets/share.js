// A query in the address: after the `#`, which browsers never send to a server. Headers are left out on purpose.

const PREFIX = "#query=";

export function shareLink(query, variables) {
  const bytes = new TextEncoder().encode(JSON.stringify({ query, variables: variables || undefined }));
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return PREFIX + btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** `{ query, variables }` of the address, null when it carries none or a broken one. It is opened, never run. */
export function readShared() {
  const fragment = window.location.hash;
  if (!fragment.startsWith(PREFIX)) return null;
  history.replaceState(null, "", window.location.pathname + window.location.search);
  try {
    const binary = atob(fragment.slice(PREFIX.length).replaceAll("-", "+").replaceAll("_", "/"));
    const shared = JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0))));
    if (typeof shared.query !== "string") return null;
    return { query: shared.query, variables: typeof shared.variables === "string" ? shared.variables : "" };
  } catch {
    return null;
  }
}
