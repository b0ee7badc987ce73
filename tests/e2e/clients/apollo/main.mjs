// Apollo Client against a running Lectern: npm start -- http://127.0.0.1:8000

import { CombinedGraphQLErrors } from "@apollo/client/errors";
import { breakAccessToken, checksOf, demo, endElsewhere, patiently, url, watchedConsole, watchedWire } from "../checks.mjs";
import { reaction, remedy } from "../failures.mjs";
import { Session } from "../session.mjs";
import { forget, listAsTaught, makeClient } from "./client.mjs";
import * as operations from "./operations.mjs";

const { check, same } = checksOf("Apollo");
const complaints = watchedConsole();
const wire = watchedWire();
let signedOut = 0;
const session = new Session(url, { fetch: wire.fetch, onSignedOut: () => signedOut++ });
const client = makeClient(session, { fetch: wire.fetch });
const names = (requests) => requests.map(({ operation, status }) => `${operation} ${status}`);
const titles = (connection) => connection.edges.map(({ node }) => node.title);

/** What a component would show: the newest data of a watched query, kept up to date by the cache. */
async function shown(query, variables) {
  const observable = client.watchQuery({ query, variables });
  await new Promise((resolve, reject) => {
    observable.subscribe(({ loading, error }) => (error ? reject(error) : loading || resolve()));
  });
  return { observable, data: () => observable.getCurrentResult().data };
}

// Watched queries hear of changes a moment later, all at once.
const drawn = () => new Promise((resolve) => setTimeout(resolve, 10));

async function mutate(mutation, input, update) {
  const { data } = await client.mutate({ mutation, variables: { input }, update });
  await drawn();
  return Object.values(data)[0];
}

// Anonymous, then signed in.
const before = await client.query({ query: operations.ACCOUNT });
check("nobody is signed in at first", before.data.viewer === null);
//#region sign-in
const { data } = await patiently(() =>
  client.mutate({ mutation: operations.LOGIN, variables: { input: demo("mei.tanaka") }, fetchPolicy: "no-cache" }),
);
same("login succeeds", data.login.userErrors, []);
session.signIn(data.login.session);
await client.clearStore(); // what was answered to nobody is not the viewer's
//#endregion
check("tokens are not in the cache", !JSON.stringify(client.extract()).includes(data.login.session.refreshToken));

// A list, page by page.
const list = await shown(operations.COURSES, { first: 3 });
const first = titles(list.data().courses);
await list.observable.fetchMore({ variables: { after: list.data().courses.pageInfo.endCursor } });
await drawn();
const merged = titles(list.data().courses);
same("the pagination helper appends the second page", [merged.length, merged.slice(0, 3)], [6, first]);
const whole = await client.query({ query: operations.COURSES, variables: { first: 6 }, fetchPolicy: "no-cache" });
same("two pages of three are one of six", merged, titles(whole.data.courses));
check("the list knows how long it is", list.data().courses.totalCount >= merged.length);

// A detail, and the same course by its id, from the cache.
const { slug, id: knownId } = list.data().courses.edges[0].node;
const detail = await client.query({ query: operations.COURSE, variables: { slug } });
check("a course has modules with lessons", detail.data.course.modules[0].lessons.edges.length > 0);
const byId = await wire.during(() => client.query({ query: operations.COURSE_BY_ID, variables: { id: knownId } }));
same("a course in the cache is found by id without a request", byId.requests, []);
same("and is the same", byId.result.data.course.title, detail.data.course.title);
const nothing = await wire.during(() => client.query({ query: operations.COURSE_BY_ID, variables: { id: "none" } }));
same("no such course is null, after one request", [nothing.result.data.course, nothing.requests.length], [null, 1]);

// Two operations meet the viewer: neither loses what it has.
const account = await shown(operations.ACCOUNT);
const taught = await shown(operations.TAUGHT, { first: 20 });
same("two queries of the viewer share one object", account.data().viewer.user.email, demo("mei.tanaka").email);

// Changing things.
const title = `Made by Apollo ${Date.now()}`;
const created = await mutate(operations.CREATE_COURSE, { title }, (cache, result) =>
  listAsTaught(cache, account.data().viewer.id, result.data.createCourse.course),
);
same("a new course stands in the list of taught courses", titles(taught.data().viewer.taughtCourses)[0], title);
const draft = await shown(operations.COURSE, { slug: created.course.slug });
const input = { courseId: created.course.id, expectedVersion: created.course.version, title: `${title}, revised` };
const updating = await wire.during(() => mutate(operations.UPDATE_COURSE, input));
same("an update is one request", names(updating.requests), ["UpdateCourse 200"]);
same("the detail shows the new title", draft.data().course.title, input.title);
same("and so does the list", titles(taught.data().viewer.taughtCourses)[0], input.title);

const { module } = await mutate(operations.ADD_MODULE, { courseId: created.course.id, title: "Module" });
for (const text of ["One", "Two", "Three"]) {
  await mutate(operations.ADD_LESSON, { moduleId: module.id, title: text, kind: "PAGE", body: text });
}
const lessons = () => draft.data().course.modules[0].lessons.edges.map(({ node }) => `${node.position} ${node.title}`);
same("new lessons appear in the detail", lessons(), ["1 One", "2 Two", "3 Three"]);
const second = draft.data().course.modules[0].lessons.edges[1].node.id;
//#region removal
const removing = await wire.during(() =>
  mutate(operations.REMOVE_LESSON, { lessonId: second }, (cache, result) =>
    forget(cache, "Lesson", result.data.removeLesson.removedLessonId),
  ),
);
//#endregion
same("a removed lesson disappears, the others move up", lessons(), ["1 One", "2 Three"]);
same("with the course's count, in one request", [draft.data().course.lessonCount, removing.requests.length], [2, 1]);
check("and it is gone from the cache", !JSON.stringify(client.extract()).includes(`"Lesson:${second}"`));
await mutate(operations.REMOVE_MODULE, { moduleId: module.id }, (cache, result) =>
  forget(cache, "Module", result.data.removeModule.removedModuleId),
);
same("a removed module disappears", draft.data().course.modules, []);

// Failures.
const untitled = await mutate(operations.CREATE_COURSE, { title: "" });
same("bad input is data", [untitled.course, reaction(untitled.userErrors[0]).field], [null, "title"]);
const stale = await mutate(operations.UPDATE_COURSE, input);
same("a stale version is data", reaction(stale.userErrors[0]).do, "load again");
same("a code of next year is shown", reaction({ code: "NEW_IN_2031", message: "No.", path: [] }).do, "show");
const half = await client.query({ query: operations.HALF, errorPolicy: "all" });
same("a failed root field is null", half.data.courses, null);
check("its sibling answers", Array.isArray(half.data.featuredCourses));
same("and the error has a code", remedy(half.error.errors[0]).code, "BAD_USER_INPUT");
const forbidden = await client
  .mutate({ mutation: operations.FEATURE, variables: { input: { courseId: knownId, featured: true } } })
  .catch((error) => error);
check("a missing right is a top-level error", CombinedGraphQLErrors.is(forbidden));
same("with its code", forbidden.errors[0].extensions.code, "FORBIDDEN");

// GET, for those who want it.
const getting = makeClient(session, { fetch: wire.fetch, useGETForQueries: true });
const got = await wire.during(() => getting.query({ query: operations.COURSES, variables: { first: 2 } }));
same("queries work as GET", [got.requests[0].method, titles(got.result.data.courses)], ["GET", first.slice(0, 2)]);

// An access token that the server refuses.
const fresh = { fetchPolicy: "network-only" };
const old = session.store.read();
const broken = breakAccessToken(session);
const renewing = await wire.during(() =>
  Promise.all([
    client.query({ query: operations.ACCOUNT, ...fresh }),
    client.query({ query: operations.COURSES, variables: { first: 3 }, ...fresh }),
    client.query({ query: operations.TAUGHT, variables: { first: 20 }, ...fresh }),
  ]),
);
const statuses = renewing.requests.map(({ status }) => status).sort();
same("three requests meet a 401, share one refresh, and succeed", statuses, [200, 200, 200, 200, 401, 401, 401]);
same("it was one refresh", wire.refreshes(), 1);
same("they are answered as the viewer", renewing.result[0].data.viewer.user.email, demo("mei.tanaka").email);
const now = session.store.read();
check("new tokens are stored", now.accessToken !== broken && now.refreshToken !== old.refreshToken);
breakAccessToken(session);
const saved = await wire.during(() => mutate(operations.CREATE_COURSE, { title: `${title}, once` }));
same("a mutation is retried, too", names(saved.requests), ["CreateCourse 401", "Refresh 200", "CreateCourse 200"]);

// A session that has ended.
await endElsewhere(session);
const ended = await client.query({ query: operations.ACCOUNT, ...fresh }).catch((error) => error);
same("without a session the error reaches the caller", ended.errors[0].extensions.code, "UNAUTHENTICATED");
same("and one is signed out, once", [session.store.read(), signedOut], [null, 1]);
await client.clearStore();
const after = await wire.during(() => client.query({ query: operations.ACCOUNT, ...fresh }));
same("from then on one is nobody", [names(after.requests), after.result.data.viewer], [["Account 200"], null]);

same("the client complained of nothing", complaints, []);
process.exit(0);
