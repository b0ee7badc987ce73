// Relay's compiler and runtime, without React, against a running Lectern: npm start -- http://127.0.0.1:8000

import relay from "relay-runtime";
import experimental from "relay-runtime/experimental.js";
import { breakAccessToken, checksOf, demo, endElsewhere, patiently, url, watchedConsole, watchedWire } from "../checks.mjs";
import { reaction, remedy } from "../failures.mjs";
import { Session } from "../session.mjs";
import { load, loadNext, makeEnvironment, mutate } from "./client.mjs";
import login from "./components/__generated__/AccountLoginMutation.graphql.js";
import account from "./components/__generated__/AccountQuery.graphql.js";
import feature from "./components/__generated__/CatalogueFeatureMutation.graphql.js";
import half from "./components/__generated__/CatalogueHalfQuery.graphql.js";
import catalogue from "./components/__generated__/CatalogueQuery.graphql.js";
import catalogueCourses from "./components/__generated__/Catalogue_courses.graphql.js";
import addLesson from "./components/__generated__/CoursePageAddLessonMutation.graphql.js";
import addModule from "./components/__generated__/CoursePageAddModuleMutation.graphql.js";
import coursePage from "./components/__generated__/CoursePageQuery.graphql.js";
import removeLesson from "./components/__generated__/CoursePageRemoveLessonMutation.graphql.js";
import removeModule from "./components/__generated__/CoursePageRemoveModuleMutation.graphql.js";
import updateCourse from "./components/__generated__/CoursePageUpdateMutation.graphql.js";
import courseLessons from "./components/__generated__/CoursePage_lessons.graphql.js";
import createCourse from "./components/__generated__/TeachingCreateMutation.graphql.js";
import teaching from "./components/__generated__/TeachingQuery.graphql.js";
import taughtCourses from "./components/__generated__/Teaching_taughtCourses.graphql.js";

const { ConnectionHandler, createOperationDescriptor, fetchQuery, getSelector } = relay;
const { check, same } = checksOf("Relay");
const complaints = watchedConsole();
const wire = watchedWire();
let signedOut = 0;
const session = new Session(url, { fetch: wire.fetch, onSignedOut: () => signedOut++ });
const names = (requests) => requests.map(({ operation, status }) => `${operation} ${status}`);
const titles = (connection) => connection.edges.map(({ node }) => node.title);

// Anonymous, then signed in.
const anonymous = makeEnvironment(session, { fetch: wire.fetch });
check("nobody is signed in at first", (await load(anonymous, account, {})).data.viewer === null);
const signedIn = await patiently(() => mutate(anonymous, login, { input: demo("amara.okafor") }));
same("login succeeds", signedIn.userErrors, []);
session.signIn(signedIn.session);
const environment = makeEnvironment(session, { fetch: wire.fetch });

/** What a component reads: the newest data of a query, or of a fragment of it. */
const seen = (query, variables) => environment.lookup(createOperationDescriptor(query, variables).fragment).data;
const seenPart = (fragment, reference) => environment.lookup(getSelector(fragment, reference)).data;

// A list, page by page.
const list = (await load(environment, catalogue, { count: 3 })).data;
const first = titles(seenPart(catalogueCourses, list).courses);
await loadNext(environment, catalogueCourses, list, 3);
const merged = titles(seenPart(catalogueCourses, list).courses);
const six = makeEnvironment(session, { fetch: wire.fetch });
const whole = await experimental.waitForFragmentData(six, catalogueCourses, (await load(six, catalogue, { count: 6 })).data);
same("@connection appends the second page", [merged.length, merged.slice(0, 3)], [6, first]);
same("two pages of three are one of six", merged, titles(whole.courses));

// A detail, whose lessons have pages of their own.
const slug = seenPart(catalogueCourses, list).courses.edges[0].node.slug;
const detail = (await load(environment, coursePage, { slug, count: 2 })).data.course;
const paging = await wire.during(() => loadNext(environment, courseLessons, detail, 2));
same("the next lessons come through node(id:)", names(paging.requests), ["CoursePageLessonsQuery 200"]);
const some = seenPart(courseLessons, detail).lessons;
same("after the first", new Set(some.edges.map(({ node }) => node.id)).size, 4);
const known = await wire.during(() => environment.check(createOperationDescriptor(coursePage, { slug, count: 2 })));
same("and what is there need not be asked again", [known.result.status, known.requests], ["available", []]);

// Two operations meet the viewer.
const taught = (await load(environment, teaching, { count: 20 })).data.viewer;
await load(environment, account, {});
const mine = () => titles(seenPart(taughtCourses, taught).taughtCourses);
same("two queries of the viewer share one object", seen(account, {}).viewer.id, taught.id);
same("without loss", seen(account, {}).viewer.user.email, demo("amara.okafor").email);
check("on either side", mine().length > 0);
const before = mine().length;
if (seenPart(taughtCourses, taught).taughtCourses.pageInfo.hasNextPage) await loadNext(environment, taughtCourses, taught, 20);
check("its connection's next page comes through viewer", mine().length >= before);

// Changing things.
const title = `Made by Relay ${Date.now()}`;
const myCourses = ConnectionHandler.getConnectionID(taught.id, "Teaching_taughtCourses");
const { course } = await mutate(environment, createCourse, { input: { title }, connections: [myCourses] });
same("a new course stands in the list of taught courses", mine()[0], title);
const page = { slug: course.slug, count: 20 };
const draft = (await load(environment, coursePage, page)).data.course;
const input = { courseId: course.id, expectedVersion: course.version, title: `${title}, revised` };
const updating = await wire.during(() => mutate(environment, updateCourse, { input }));
same("an update is one request", names(updating.requests), ["CoursePageUpdateMutation 200"]);
same("the detail shows the new title", seen(coursePage, page).course.title, input.title);
same("and so does the list", mine()[0], input.title);

const added = await mutate(environment, addModule, { input: { courseId: course.id, title: "Module" } });
same("a new module appears", seen(coursePage, page).course.modules[0].title, "Module");
const connections = [ConnectionHandler.getConnectionID(course.id, "CoursePage_lessons")];
const moduleId = added.module.id;
for (const text of ["One", "Two", "Three"]) {
  await mutate(environment, addLesson, { connections, input: { moduleId, title: text, kind: "PAGE", body: text } });
}
const edges = () => seenPart(courseLessons, draft).lessons.edges;
const lessons = () => edges().map(({ node }) => `${node.position} ${node.title}`);
same("new lessons appear in the detail", lessons(), ["1 One", "2 Two", "3 Three"]);
const removed = edges()[1].node.id;
const removing = await wire.during(() => mutate(environment, removeLesson, { connections, input: { lessonId: removed } }));
same("a removed lesson disappears, the others move up", lessons(), ["1 One", "2 Three"]);
same("with the course's count, in one request", [seen(coursePage, page).course.lessonCount, removing.requests.length], [2, 1]);
await mutate(environment, removeModule, { input: { moduleId } });
same("a removed module disappears", seen(coursePage, page).course.modules, []);
check("and it is gone from the store", environment.getStore().getSource().get(moduleId) === null);

// Failures.
const untitled = await mutate(environment, createCourse, { input: { title: "" }, connections: [] });
same("bad input is data", [untitled.course, reaction(untitled.userErrors[0]).field], [null, "title"]);
const stale = await mutate(environment, updateCourse, { input });
same("a stale version is data", reaction(stale.userErrors[0]).do, "load again");
const halved = (await load(environment, half, {})).data;
same("a failed root field is null", halved.courses, null);
check("its sibling answers", Array.isArray(halved.featuredCourses));
const forbidden = await mutate(environment, feature, { input: { courseId: course.id, featured: true } }).catch((e) => e);
same("a missing right is a top-level error", forbidden.errors[0].extensions.code, "FORBIDDEN");
same("to be shown", remedy(forbidden.errors[0]).do, "show");

// An access token that the server refuses.
const again = (query, variables) => fetchQuery(environment, query, variables, { fetchPolicy: "network-only" }).toPromise();
const old = session.store.read();
const broken = breakAccessToken(session);
const renewing = await wire.during(() =>
  Promise.all([again(account, {}), again(catalogue, { count: 3 }), again(teaching, { count: 20 })]),
);
const statuses = renewing.requests.map(({ status }) => status).sort();
same("three requests meet a 401, share one refresh, and succeed", statuses, [200, 200, 200, 200, 401, 401, 401]);
same("it was one refresh", wire.refreshes(), 1);
same("they are answered as the viewer", renewing.result[0].viewer.user.email, demo("amara.okafor").email);
const now = session.store.read();
check("new tokens are stored", now.accessToken !== broken && now.refreshToken !== old.refreshToken);
breakAccessToken(session);
const saved = await wire.during(() => mutate(environment, createCourse, { input: { title: `${title}, once` }, connections: [] }));
const expected = ["TeachingCreateMutation 401", "Refresh 200", "TeachingCreateMutation 200"];
same("a mutation is retried, too", names(saved.requests), expected);

// A session that has ended.
await endElsewhere(session);
const ended = await again(account, {}).catch((error) => error);
same("without a session the error reaches the caller", ended.errors[0].extensions.code, "UNAUTHENTICATED");
same("and one is signed out, once", [session.store.read(), signedOut], [null, 1]);
const after = await wire.during(() => load(makeEnvironment(session, { fetch: wire.fetch }), account, {}));
same("from then on one is nobody", [names(after.requests), after.result.data.viewer], [["AccountQuery 200"], null]);

// @prependNode finds no course where createCourse answered with errors, and says so while developing.
const said = complaints.filter((line) => !line.includes("MutationHandlers: Expected target node to exist."));
same("the client complained of nothing else than the node that was not made", [said, complaints.length], [[], 1]);
process.exit(0);
