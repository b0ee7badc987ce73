import type { TypedDocumentString } from "./gql/graphql.js";
import type { Session } from "../session.mjs";

export interface TopLevelError {
  message: string;
  path?: readonly (string | number)[];
  extensions?: { code?: string; retryAfterSeconds?: number; requestId?: string };
}

/** What the server answers: a root field that failed is null, and `errors` says why. */
export interface Answer<Data> {
  data: Data | null;
  errors: readonly TopLevelError[];
}

/** The types of data and variables come from the document. `session` is a Session of ../session.mjs. */
export class Client {
  constructor(
    private readonly session: Session,
    private readonly fetch: typeof globalThis.fetch = globalThis.fetch,
  ) {}

  async ask<Data, Variables>(
    document: TypedDocumentString<Data, Variables>,
    ...[variables]: Variables extends Record<string, never> ? [] : [Variables]
  ): Promise<Answer<Data>> {
    const send = (headers: Record<string, string>) =>
      this.fetch(this.session.url, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/graphql-response+json", ...headers },
        body: JSON.stringify({ query: document.toString(), variables }),
      });
    const headers = this.session.headers();
    let response = await send(headers);
    if (response.status === 401 && (await this.session.renewed(headers["authorization"]))) {
      response = await send(this.session.headers());
    }
    const { data = null, errors = [] } = (await response.json()) as Partial<Answer<Data>>;
    return { data, errors };
  }
}
