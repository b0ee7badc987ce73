// urql, with Graphcache and with its plain cache, against a running Lectern: npm start -- http://127.0.0.1:8000

import { readFile } from "node:fs/promises";
import { breakAccessToken, checksOf, demo, endElsewhere, patiently, url, watchedConsole, watchedWire } from "../checks.mjs";
import { reaction, remedy } from "../failures.mjs";
import { Session } from "../session.mjs";
import { graphcache, makeClient, plainCache } from "./client.mjs";
import * as operations from "./operations.mjs";

const complaints = watchedConsole();
const wire = watchedWire();
const sdl = await readFile(new URL("../../../../graphql_schema/schema.graphql", import.meta.url), "utf8");
let signedOut = 0;
const session = new Session(url, { fetch: wire.fetch, onSignedOut: () => signedOut++ });
const names = (requests) => requests.map(({ operation, status }) => `${operation} ${status}`);
const titles = (connection) => connection.edges.map(({ node }) => node.title);
// Results of queries that are shown somewhere come by themselves, a moment after what changed them.
const drawn = () => new Promise((resolve) => setTimeout(resolve, 10));

/** What one component after another would do with `client`. */
function user(client) {
  const answered = ({ data, error }) => {
    if (error) throw error;
    return data;
  };
  return {
    ask: async (query, variables = {}, context = {}) => answered(await client.query(query, variables, context)),
    mutate: async (mutation, input) => {
      const data = answered(await client.mutation(mutation, { input }));
      await drawn();
      return Object.values(data)[0];
    },
    /** The newest data of a query that stays on the screen. */
    show: async (query, variables) => {
      let newest;
      await new Promise((resolve, reject) => {
        client.query(query, variables).subscribe(({ data, error, stale }) => {
          if (error) reject(error);
          newest = data;
          if (!stale) resolve();
        });
      });
      return () => newest;
    },
  };
}

async function waitFor(holds) {
  for (let attempt = 0; attempt < 200 && !holds(); attempt++) await drawn();
}

// Graphcache.
{
  const { check, same } = checksOf("urql with Graphcache");
  const anonymous = user(makeClient(session, graphcache(sdl), { fetch: wire.fetch }));
  check("nobody is signed in at first", (await anonymous.ask(operations.ACCOUNT)).viewer === null);
  const login = await patiently(() => anonymous.mutate(operations.LOGIN, demo("jonas.weber")));
  same("login succeeds", login.userErrors, []);
  session.signIn(login.session);
  // What was answered to nobody is not the viewer's: another client, another cache.
  const client = makeClient(session, graphcache(sdl), { fetch: wire.fetch });
  const { ask, mutate, show } = user(client);

  const list = await show(operations.COURSES, { first: 3 });
  const first = titles(list().courses);
  const { endCursor } = list().courses.pageInfo;
  const merged = await ask(operations.COURSES, { first: 3, after: endCursor });
  same("the pagination helper appends the second page", titles(merged.courses).slice(0, 3), first);
  const six = await user(makeClient(session, plainCache, { fetch: wire.fetch })).ask(operations.COURSES, { first: 6 });
  same("two pages of three are one of six", titles(merged.courses), titles(six.courses));

  const { slug, id: knownId } = list().courses.edges[0].node;
  const detail = await ask(operations.COURSE, { slug });
  check("a course has modules with lessons", detail.course.modules[0].lessons.edges.length > 0);
  const byId = await wire.during(() => ask(operations.COURSE_BY_ID, { id: knownId }));
  same("a course in the cache is found by id without a request", byId.requests, []);
  same("and is the same", byId.result.course.title, detail.course.title);
  const nothing = await wire.during(() => ask(operations.COURSE_BY_ID, { id: "none" }));
  same("no such course is null, after one request", [nothing.result.course, nothing.requests.length], [null, 1]);

  const account = await show(operations.ACCOUNT, {});
  const taught = await show(operations.TAUGHT, { first: 20 });
  same("two queries of the viewer share one object", account().viewer.user.email, demo("jonas.weber").email);

  const title = `Made by Graphcache ${Date.now()}`;
  const { course } = await mutate(operations.CREATE_COURSE, { title });
  await waitFor(() => titles(taught().viewer.taughtCourses)[0] === title);
  same("a new course stands in the list of taught courses", titles(taught().viewer.taughtCourses)[0], title);
  const draft = await show(operations.COURSE, { slug: course.slug });
  const input = { courseId: course.id, expectedVersion: course.version, title: `${title}, revised` };
  const updating = await wire.during(() => mutate(operations.UPDATE_COURSE, input));
  same("an update is one request", names(updating.requests), ["UpdateCourse 200"]);
  same("the detail shows the new title", draft().course.title, input.title);
  same("and so does the list", titles(taught().viewer.taughtCourses)[0], input.title);

  const { module } = await mutate(operations.ADD_MODULE, { courseId: course.id, title: "Module" });
  for (const text of ["One", "Two", "Three"]) {
    await mutate(operations.ADD_LESSON, { moduleId: module.id, title: text, kind: "PAGE", body: text });
  }
  const lessons = () => draft().course.modules[0].lessons.edges.map(({ node }) => `${node.position} ${node.title}`);
  same("new lessons appear in the detail", lessons(), ["1 One", "2 Two", "3 Three"]);
  const lessonId = draft().course.modules[0].lessons.edges[1].node.id;
  await mutate(operations.REMOVE_LESSON, { lessonId });
  await waitFor(() => lessons().length === 2);
  same("a removed lesson disappears, the others move up", lessons(), ["1 One", "2 Three"]);
  same("with the course's count", draft().course.lessonCount, 2);
  await mutate(operations.REMOVE_MODULE, { moduleId: module.id });
  await waitFor(() => draft().course.modules.length === 0);
  same("a removed module disappears", draft().course.modules, []);

  const untitled = await mutate(operations.CREATE_COURSE, { title: "" });
  same("bad input is data", [untitled.course, reaction(untitled.userErrors[0]).field], [null, "title"]);
  same("a stale version is data", reaction((await mutate(operations.UPDATE_COURSE, input)).userErrors[0]).do, "load again");
  const half = await client.query(operations.HALF, {});
  same("a failed root field is null", half.data.courses, null);
  check("its sibling answers", Array.isArray(half.data.featuredCourses));
  same("and the error has a code", remedy(half.error.graphQLErrors[0]).code, "BAD_USER_INPUT");
  const { error } = await client.mutation(operations.FEATURE, { input: { courseId: knownId, featured: true } });
  same("a missing right is a top-level error", error.graphQLErrors[0].extensions.code, "FORBIDDEN");
}

// The plain cache, the same session.
{
  const { check, same } = checksOf("urql with the plain cache");
  const client = makeClient(session, plainCache, { fetch: wire.fetch });
  const { ask, mutate, show } = user(client);
  const list = await show(operations.COURSES, { first: 3 });
  const second = await ask(operations.COURSES, { first: 3, after: list().courses.pageInfo.endCursor });
  const both = [...titles(list().courses), ...titles(second.courses)];
  same("pages are for the page to join", new Set(both).size, 6);
  const again = await wire.during(() => ask(operations.COURSES, { first: 3 }));
  same("what was asked before is not asked again", again.requests, []);

  const title = `Made by urql ${Date.now()}`;
  const { course } = await mutate(operations.CREATE_COURSE, { title });
  const draft = await show(operations.COURSE, { slug: course.slug });
  const input = { courseId: course.id, expectedVersion: course.version, title: `${title}, revised` };
  const updating = await wire.during(async () => {
    await mutate(operations.UPDATE_COURSE, input);
    await waitFor(() => draft().course.title === input.title);
  });
  same("after an update the shown course is asked for again", draft().course.title, input.title);
  check("which is a request", names(updating.requests).includes("Course 200"));
  const invalid = await client.query("{ nonsense }", {});
  same("a document that is no good is a top-level error", invalid.error.graphQLErrors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
  const getting = makeClient(session, plainCache, { fetch: wire.fetch, preferGetMethod: "within-url-limit" });
  const got = await wire.during(() => user(getting).ask(operations.COURSES, { first: 2 }));
  same("queries work as GET", [got.requests[0].method, got.result.courses.edges.length], ["GET", 2]);
}

// Access tokens that the server refuses, and a session that has ended.
{
  const { check, same } = checksOf("urql");
  const client = makeClient(session, graphcache(sdl), { fetch: wire.fetch });
  const { ask, mutate } = user(client);
  const fresh = { requestPolicy: "network-only" };
  const old = session.store.read();
  const broken = breakAccessToken(session);
  const renewing = await wire.during(() =>
    Promise.all([
      ask(operations.ACCOUNT, {}, fresh),
      ask(operations.COURSES, { first: 3 }, fresh),
      ask(operations.TAUGHT, { first: 20 }, fresh),
    ]),
  );
  const statuses = renewing.requests.map(({ status }) => status).sort();
  same("three requests meet a 401, share one refresh, and succeed", statuses, [200, 200, 200, 200, 401, 401, 401]);
  same("it was one refresh", wire.refreshes(), 1);
  same("they are answered as the viewer", renewing.result[0].viewer.user.email, demo("jonas.weber").email);
  const now = session.store.read();
  check("new tokens are stored", now.accessToken !== broken && now.refreshToken !== old.refreshToken);
  breakAccessToken(session);
  const saved = await wire.during(() => mutate(operations.CREATE_COURSE, { title: `Once, by urql ${Date.now()}` }));
  same("a mutation is retried, too", names(saved.requests), ["CreateCourse 401", "Refresh 200", "CreateCourse 200"]);

  await endElsewhere(session);
  const { data, error } = await client.query(operations.ACCOUNT, {}, fresh);
  same("without a session the error reaches the caller", [data, error.networkError.message], [undefined, "Signed out."]);
  same("and one is signed out, once", [session.store.read(), signedOut], [null, 1]);
  const anonymous = makeClient(session, graphcache(sdl), { fetch: wire.fetch });
  const after = await wire.during(() => user(anonymous).ask(operations.ACCOUNT));
  same("from then on one is nobody", [names(after.requests), after.result.viewer], [["Account 200"], null]);
  same("the client complained of nothing", complaints, []);
}
process.exit(0);
