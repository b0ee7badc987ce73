import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { CombinedGraphQLErrors } from "@apollo/client/errors";
import { SetContextLink } from "@apollo/client/link/context";
import { ErrorLink } from "@apollo/client/link/error";
import { relayStylePagination } from "@apollo/client/utilities";
import { from, mergeMap, throwError } from "rxjs";

/** `session` is a Session of ../session.mjs. */
export function makeClient(session, options = {}) {
  return new ApolloClient({
    link: ApolloLink.from([renewal(session), signature(session), new HttpLink({ uri: session.url, ...options })]),
    cache: makeCache(),
  });
}

const signature = (session) =>
  new SetContextLink(({ headers }) => ({ headers: { ...headers, ...session.headers() } }));

// A request that was answered 401 is sent once more, with the tokens of the one refresh that all such requests share.
const renewal = (session) =>
  new ErrorLink(({ error, operation, forward }) => {
    if (!isUnauthenticated(error)) return undefined;
    const refused = operation.getContext().headers?.authorization;
    return from(session.renewed(refused)).pipe(
      mergeMap((again) => (again ? forward(operation) : throwError(() => error))),
    );
  });

const isUnauthenticated = (error) =>
  CombinedGraphQLErrors.is(error) && error.errors.some(({ extensions }) => extensions?.code === "UNAUTHENTICATED");

export function makeCache() {
  // Lists that come whole, not in pages, are replaced; said here, lest the cache warn when one gets shorter.
  const whole = { merge: false };
  return new InMemoryCache({
    typePolicies: {
      Query: {
        fields: {
          // What makes it another list: all arguments but those that page through it.
          courses: relayStylePagination(["filter", "orderBy"]),
          // A course that a list brought in needs no request of its own, if everything asked for is there.
          course: (known, { args, toReference }) =>
            known === undefined && args?.id ? toReference({ __typename: "Course", id: args.id }) : known,
        },
      },
      Course: { fields: { lessons: relayStylePagination(), modules: whole, instructors: whole } },
      Module: { fields: { lessons: relayStylePagination() } },
      Viewer: { fields: { taughtCourses: relayStylePagination(), sessions: whole } },
    },
  });
}

/** Puts a new course at the top of "courses I teach". For `update` of a mutation. */
export function listAsTaught(cache, viewerId, course) {
  cache.modify({
    id: cache.identify({ __typename: "Viewer", id: viewerId }),
    fields: {
      taughtCourses: (list, { toReference }) => ({
        ...list,
        edges: [{ __typename: "CourseEdge", node: toReference(course) }, ...list.edges],
      }),
    },
  });
}

/** Forgets what `removeLesson` or `removeModule` removed: lists leave out what the cache has no more. */
export function forget(cache, __typename, id) {
  if (!id) return;
  cache.evict({ id: cache.identify({ __typename, id }) });
  cache.gc();
}
