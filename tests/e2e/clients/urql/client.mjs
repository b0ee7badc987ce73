import { Client, cacheExchange as documentCache, fetchExchange } from "@urql/core";
import { authExchange } from "@urql/exchange-auth";
import { cacheExchange as normalisedCache } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { buildSchema, introspectionFromSchema } from "graphql";

/** `session` is a Session of ../session.mjs; `cache` one of the two below. */
export function makeClient(session, cache, options = {}) {
  return new Client({
    url: session.url,
    exchanges: [cache, renewal(session), fetchExchange],
    preferGetMethod: false,
    ...options,
  });
}

// The exchange holds other requests back while one refresh runs, and sends those that met a 401 once more.
const renewal = (session) =>
  authExchange(async ({ appendHeaders }) => {
    let refused;
    return {
      addAuthToOperation: (operation) => appendHeaders(operation, session.headers()),
      didAuthError(error, { context }) {
        refused = context.fetchOptions?.headers?.authorization;
        const unauthenticated = ({ extensions }) => extensions.code === "UNAUTHENTICATED";
        return refused !== undefined && error.graphQLErrors.some(unauthenticated);
      },
      async refreshAuth() {
        // Thrown, it becomes the result of all that wait; else they would be sent again, as nobody's.
        if (!(await session.renewed(refused))) throw new Error("Signed out.");
      },
    };
  });

/** Keeps answers by operation, and asks again when a mutation's answer names a type that is in them. */
export const plainCache = documentCache;

/** Keeps objects by id. `sdl` is the text of graphql_schema/schema.graphql. */
export function graphcache(sdl) {
  return normalisedCache({
    schema: introspectionFromSchema(buildSchema(sdl)),
    keys: { AuthenticationSession: () => null, UserError: () => null },
    resolvers: {
      Query: { courses: relayPagination(), course: courseFromAnywhere },
      Course: { lessons: relayPagination() },
      Module: { lessons: relayPagination() },
      Viewer: { taughtCourses: relayPagination() },
    },
    updates: {
      Mutation: {
        createCourse: (_result, _arguments, cache) => loadTaughtCoursesAgain(cache),
        removeLesson: ({ removeLesson }, _arguments, cache) => forget(cache, "Lesson", removeLesson?.removedLessonId),
        removeModule: ({ removeModule }, _arguments, cache) => forget(cache, "Module", removeModule?.removedModuleId),
      },
    },
  });
}

// A course that a list brought in needs no request of its own, if everything asked for is there.
function courseFromAnywhere(_parent, given, cache, { parentKey, fieldName }) {
  const course = { __typename: "Course", id: given.id };
  return given.id && cache.resolve(course, "id") ? course : cache.resolve(parentKey, fieldName, given);
}

function loadTaughtCoursesAgain(cache) {
  const viewer = cache.resolve("Query", "viewer");
  for (const { fieldName, arguments: page } of cache.inspectFields(viewer)) {
    if (fieldName === "taughtCourses") cache.invalidate(viewer, fieldName, page);
  }
}

function forget(cache, __typename, id) {
  if (id) cache.invalidate({ __typename, id });
}
