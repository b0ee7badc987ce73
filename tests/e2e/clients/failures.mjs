// What went wrong, in the two ways Lectern says it. Both lists grow: the default branches are the point.

/**
 * An expected failure, as a mutation's payload lists it.
 * @param {{code: string, message: string, path: readonly string[]}} userError
 */
export function reaction({ code, message, path }) {
  switch (code) {
    case "INVALID_CREDENTIALS":
    case "INVALID_TOKEN":
      return { do: "sign in", message };
    case "CONFLICT":
      return { do: "load again", message };
    case "INVALID_INPUT":
    case "EMAIL_TAKEN":
    case "NOT_FOUND":
      return { do: "mark the field", field: path.at(-1), message };
    default:
      return { do: "show", message };
  }
}

/**
 * A top-level error: the root field is null, its siblings may have answered.
 * @param {{message: string, extensions?: {code?: string, retryAfterSeconds?: number, requestId?: string}}} error
 */
export function remedy({ message, extensions = {} }) {
  switch (extensions.code) {
    case "UNAUTHENTICATED":
      return { do: "sign in", message };
    case "FORBIDDEN":
      return { do: "show", message };
    case "RATE_LIMITED":
    case "UNAVAILABLE":
    case "TIMEOUT":
      return { do: "try again", afterSeconds: extensions.retryAfterSeconds ?? 1, message };
    default:
      // BAD_USER_INPUT, GRAPHQL_VALIDATION_FAILED and the like are faults of the client's program, INTERNAL is ours.
      return { do: "report", code: extensions.code, requestId: extensions.requestId, message };
  }
}
