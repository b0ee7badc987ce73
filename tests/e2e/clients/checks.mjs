// What the four clients' checks share: saying what holds, watching the wire, a demo login.

import assert from "node:assert/strict";

const address = process.argv[2] ?? "http://127.0.0.1:8000";
export const url = `${address}/graphql`;

const PASSWORD = "learn-with-lectern";
const LONGEST_WAIT = 90;

/** Names what holds; what does not ends the program with 1. @param {string} client */
export function checksOf(client) {
  const check = (claim, holds) => {
    if (!holds) {
      console.log(`NOT ok  ${client}: ${claim}`);
      process.exit(1);
    }
    console.log(`ok  ${client}: ${claim}`);
  };
  const same = (claim, actual, expected) => {
    try {
      assert.deepEqual(actual, expected);
    } catch (difference) {
      console.log(difference.message);
      check(claim, false);
    }
    check(claim, true);
  };
  return { check, same };
}

/** A fetch that notes what goes over the wire. `during(work)` gives the requests that the work made. */
export function watchedWire() {
  const requests = [];
  return {
    fetch: async (input, init = {}) => {
      const request = { method: init.method ?? "GET", operation: operationOf(input, init), status: 0 };
      requests.push(request);
      const response = await fetch(input, init);
      request.status = response.status;
      return response;
    },
    /** @template T @param {() => T | Promise<T>} work */
    async during(work) {
      const before = requests.length;
      const result = await work();
      return { result, requests: requests.slice(before) };
    },
    refreshes: () => requests.filter((request) => request.operation === "Refresh").length,
  };
}

function operationOf(input, init) {
  const text = init.body ? JSON.parse(init.body).query : new URL(input).searchParams.get("query");
  return /(?:query|mutation)\s+(\w+)/.exec(text)?.[1];
}

/** What a library complains of on the console would be overlooked: it fails the check at the end. */
export function watchedConsole() {
  const complaints = [];
  for (const kind of ["warn", "error"]) console[kind] = (...words) => complaints.push(words.map(String).join(" "));
  return complaints;
}

export function demo(person) {
  return { email: `${person}@lectern.example`, password: PASSWORD };
}

/** Runs `login` until it is not refused for haste, which a person would have to wait out, too. */
export async function patiently(login) {
  for (;;) {
    try {
      return await login();
    } catch (error) {
      const { code, retryAfterSeconds } = (error.errors ?? error.graphQLErrors ?? [error])[0]?.extensions ?? {};
      if (code !== "RATE_LIMITED" || !(retryAfterSeconds <= LONGEST_WAIT)) throw error;
      await new Promise((resolve) => setTimeout(resolve, retryAfterSeconds * 1000));
    }
  }
}

/** Breaks the signature of the access token, so that the next request meets a real 401. */
export function breakAccessToken(session) {
  const tokens = session.store.read();
  const broken = tokens.accessToken.slice(0, -8) + "AAAAAAAA";
  session.store.write({ ...tokens, accessToken: broken });
  return broken;
}

/** Ends the session on the server behind the client's back, as "sign out everywhere" on another device does. */
export async function endElsewhere(session) {
  const ask = (query) =>
    fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...session.headers() },
      body: JSON.stringify({ query }),
    });
  await ask("mutation { logout(input: {}) { userErrors { code } } }");
  // The server promises that access tokens end within a second of it.
  for (let attempt = 0; attempt < 50; attempt++) {
    if ((await ask("{ viewer { id } }")).status === 401) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("The session did not end.");
}
