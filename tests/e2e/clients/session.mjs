// Who is signed in, for any GraphQL client: the two tokens, one refresh for all who need it, and signing out.

const REFRESH = `mutation Refresh($input: RefreshSessionInput!) {
  refreshSession(input: $input) {
    session { accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt }
    userErrors { code message path }
  }
}`;

/** A refresh that got no answer, or "not now": one stays signed in and may try again. */
export class RefreshFailed extends Error {
  /** @param {string} code @param {number} retryAfterSeconds */
  constructor(code, retryAfterSeconds) {
    super(`The session could not be refreshed: ${code}`);
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Keeps tokens for the life of a page. In a browser, one in localStorage lets all tabs share them. */
export function memory() {
  /** @type {Tokens | null} */
  let kept = null;
  return { read: () => kept, write: (/** @type {Tokens | null} */ tokens) => void (kept = tokens) };
}

/**
 * @typedef {{accessToken: string, accessTokenExpiresAt: string, refreshToken: string, refreshTokenExpiresAt: string}} Tokens
 * @typedef {{read: () => Tokens | null, write: (tokens: Tokens | null) => void}} Store
 */
export class Session {
  /** @type {Promise<boolean> | null} */
  #refreshing = null;

  /**
   * @param {string} url
   * @param {{store?: Store, fetch?: typeof fetch, onSignedOut?: () => void}} options
   */
  constructor(url, { store = memory(), fetch = globalThis.fetch, onSignedOut = () => {} } = {}) {
    this.url = url;
    this.store = store;
    this.fetch = fetch;
    this.onSignedOut = onSignedOut;
  }

  /** @returns {Record<string, string>} For each request; empty for the signed-out. */
  headers() {
    const tokens = this.store.read();
    return tokens ? { authorization: `Bearer ${tokens.accessToken}` } : {};
  }

  /** @param {Tokens} tokens What `login`, `register` and `refreshSession` answer as `session`. */
  signIn(tokens) {
    this.store.write(tokens);
  }

  signOut() {
    this.store.write(null);
    this.onSignedOut();
  }

  /**
   * After a 401. Answers whether the request is worth another try: yes with new tokens, no when signed out.
   * @param {string | undefined} refused The `authorization` the 401 was the answer to.
   * @returns {Promise<boolean>}
   */
  async renewed(refused) {
    const tokens = this.store.read();
    if (!tokens || !refused) return false;
    // Somebody else, or another tab, was faster.
    if (refused !== this.headers().authorization) return true;
    this.#refreshing ??= this.#refresh(tokens).finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  /** @param {Tokens} tokens */
  async #refresh(tokens) {
    // Without the refused access token: with it the server would answer 401 again.
    const response = await this.fetch(this.url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/graphql-response+json" },
      body: JSON.stringify({ query: REFRESH, variables: { input: { refreshToken: tokens.refreshToken } } }),
    });
    const { data, errors } = await response.json();
    const payload = data?.refreshSession;
    if (!payload) {
      const { code = "INTERNAL", retryAfterSeconds = 1 } = errors?.[0]?.extensions ?? {};
      throw new RefreshFailed(code, retryAfterSeconds);
    }
    if (payload.session) this.signIn(payload.session);
    else this.signOut();
    return payload.session !== null;
  }
}
