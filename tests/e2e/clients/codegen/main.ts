// Documents typed by graphql-codegen, sent by fetch, against a running Lectern: npm start -- http://127.0.0.1:8000

import { breakAccessToken, checksOf, demo, endElsewhere, patiently, url, watchedConsole, watchedWire } from "../checks.mjs";
import { reaction, remedy } from "../failures.mjs";
import { Session, memory } from "../session.mjs";
import { Client, type Answer, type TopLevelError } from "./client.js";
import type { CoursesQuery, ErrorCode } from "./gql/graphql.js";
import * as operations from "./operations.js";

const { check, same } = checksOf("graphql-codegen");
const complaints = watchedConsole();
const wire = watchedWire();
const store = memory();
let signedOut = 0;
const session = new Session(url, { store, fetch: wire.fetch, onSignedOut: () => signedOut++ });
const client = new Client(session, wire.fetch);
const names = (requests: { operation?: string; status: number }[]) =>
  requests.map(({ operation, status }) => `${operation} ${status}`);

class Failed extends Error {
  constructor(readonly errors: readonly TopLevelError[]) {
    super(errors[0]?.message);
  }
}

/** For those who want all or nothing. */
async function all<Data>(answer: Promise<Answer<Data>>): Promise<Data> {
  const { data, errors } = await answer;
  if (!data || errors.length > 0) throw new Failed(errors);
  return data;
}

//#region codes
// The compiler knows that the list of codes is not complete.
function advice(code: ErrorCode): string {
  switch (code) {
    case "INVALID_INPUT":
      return "correct it";
    case "CONFLICT":
      return "load it again";
    default:
      return "read the message";
  }
}
//#endregion

// Anonymous, then signed in.
check("nobody is signed in at first", (await all(client.ask(operations.Account))).viewer === null);
const { login } = await patiently(() => all(client.ask(operations.Login, { input: demo("robin.marsh") })));
same("login succeeds", login?.userErrors, []);
check("a session comes with it", login?.session != null);
session.signIn(login!.session!);

// A list, page by page, and a detail.
type Page = NonNullable<CoursesQuery["courses"]>;
const collected: Page["nodes"] = [];
let after: string | null | undefined = null;
do {
  const { courses }: CoursesQuery = await all(client.ask(operations.Courses, { first: 4, after }));
  collected.push(...(courses?.nodes ?? []));
  after = courses?.pageInfo.hasNextPage ? courses.pageInfo.endCursor : null;
} while (after && collected.length < 12);
check("pages follow each other", collected.length > 4);
same("without repeating anything", new Set(collected.map(({ id }) => id)).size, collected.length);
const slug = collected[0]!.slug;
const { course } = await all(client.ask(operations.Course, { slug }));
same("a course is found by its slug", course?.title, collected[0]!.title);
check("its dates are text", typeof course?.createdAt === "string" && !Number.isNaN(Date.parse(course.createdAt)));
const { nodes } = await all(client.ask(operations.Things, { ids: [course!.id, course!.instructor.id, "none"] }));
const things = nodes?.map((node) => (node?.__typename === "Course" ? node.title : node?.__typename === "User" ? node.name : null));
same("nodes(ids:) answers in order, null for what is not there", things, [course!.title, course!.instructor.name, null]);

// Changing things.
const title = `Made with codegen ${Date.now()}`;
const created = (await all(client.ask(operations.CreateCourse, { input: { title } }))).createCourse?.course;
same("a course is created", created?.title, title);
const input = { courseId: created!.id, expectedVersion: created!.version, title: `${title}, revised` };
const updated = (await all(client.ask(operations.UpdateCourse, { input }))).updateCourse?.course;
same("and changed", [updated?.id, updated?.title], [created!.id, input.title]);
const known = (await all(client.ask(operations.Course, { slug: created!.slug }))).course;
same("which others see", known?.title, input.title);

// Failures.
const untitled = (await all(client.ask(operations.CreateCourse, { input: { title: "" } }))).createCourse;
same("bad input is data", [untitled?.course, reaction(untitled!.userErrors[0]!).field], [null, "title"]);
const stale = (await all(client.ask(operations.UpdateCourse, { input }))).updateCourse;
same("a stale version is data", advice(stale!.userErrors[0]!.code), "load it again");
same("a code of next year has a branch", advice("%future added value"), "read the message");
const half = await client.ask(operations.Half);
check("a failed root field is null, its sibling answers", half.data?.courses === null && half.data.featuredCourses != null);
same("and the error has a code", [remedy(half.errors[0]!).code, half.errors[0]!.path], ["BAD_USER_INPUT", ["courses"]]);

// An access token that the server refuses; a second tab with the same tokens.
const old = store.read()!;
const broken = breakAccessToken(session);
const renewing = await wire.during(() =>
  Promise.all([
    all(client.ask(operations.Account)),
    all(client.ask(operations.Courses, { first: 3 })),
    all(client.ask(operations.Course, { slug })),
  ]),
);
const statuses = renewing.requests.map(({ status }) => status).sort();
same("three requests meet a 401, share one refresh, and succeed", statuses, [200, 200, 200, 200, 401, 401, 401]);
same("it was one refresh", wire.refreshes(), 1);
same("they are answered as the viewer", renewing.result[0].viewer?.user.email, demo("robin.marsh").email);
const now = store.read()!;
check("new tokens are stored", now.accessToken !== broken && now.refreshToken !== old.refreshToken);
breakAccessToken(session);
const tabs = [client, new Client(new Session(url, { store, fetch: wire.fetch }), wire.fetch)];
const inTabs = await wire.during(() => Promise.all(tabs.map((tab) => all(tab.ask(operations.Account)))));
same("two tabs refresh at once: both stay signed in", inTabs.result.map(({ viewer }) => viewer?.user.email), [
  demo("robin.marsh").email,
  demo("robin.marsh").email,
]);
breakAccessToken(session);
const once = await wire.during(() => all(client.ask(operations.CreateCourse, { input: { title: `${title}, once` } })));
same("a mutation is retried, too", names(once.requests), ["CreateCourse 401", "Refresh 200", "CreateCourse 200"]);

// A session that has ended.
await endElsewhere(session);
const ended = await client.ask(operations.Account);
same("without a session the error reaches the caller", [ended.data, remedy(ended.errors[0]!).do], [null, "sign in"]);
same("and one is signed out, once", [store.read(), signedOut], [null, 1]);
const nobody = await wire.during(() => all(client.ask(operations.Account)));
same("from then on one is nobody", [names(nobody.requests), nobody.result.viewer], [["Account 200"], null]);

same("nothing complained", complaints, []);
process.exit(0);
