// Drives the IDE in a real Chromium against a running server with demo logins, and stops at the first thing amiss.
//
//   npm install && node ide.mjs http://127.0.0.1:8000 [folder for screenshots]

import assert from "node:assert/strict";
import { open } from "./chromium.mjs";

const address = process.argv[2] ?? "http://127.0.0.1:8000";
const { page, elsewhere, complaints, picture, step, close } = await open(address, process.argv[3]);

const query = page.getByLabel("GraphQL query");
const result = page.locator("#result");
const outcome = page.locator("#outcome");

async function write(text) {
  await query.fill(text);
}

try {
  await step("the page loads and asks nobody else", async () => {
    const response = await page.goto(address, { waitUntil: "networkidle" });
    assert.equal(response.status(), 200);
    assert.match(response.headers()["content-security-policy"], /default-src 'none'/);
    assert.deepEqual(elsewhere, []);
    assert.deepEqual(complaints, []);
  });

  await step("the reference lists Query.courses and leads to its type and back", async () => {
    const reference = page.locator("#reference");
    const field = reference.locator(".field", { has: page.locator("code.name", { hasText: /^courses$/ }) });
    await field.first().waitFor();
    await field.first().getByRole("button", { name: "CourseConnection" }).click();
    await reference.getByRole("heading", { name: "CourseConnection" }).waitFor();
    await reference.getByRole("button", { name: "Back" }).click();
    await field.first().waitFor();
    await page.keyboard.press("Control+k");
    await page.keyboard.type("totalcount");
    await reference.getByText("CourseConnection").first().waitFor();
    await picture("reference");
    await page.getByLabel("Search the schema").fill("");
  });

  await step("the first example runs with Ctrl-Enter", async () => {
    await query.focus();
    await page.keyboard.press("Control+Enter");
    await outcome.filter({ hasText: "HTTP 200" }).waitFor();
    const answer = JSON.parse(await result.textContent());
    assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
    assert.ok(answer.data.courses.edges.length > 0);
    assert.match(await outcome.textContent(), /HTTP 200 · \d+ ms · [\d.]+ K?B/);
    await picture("result");
  });

  await step("completion pops up while typing, and on Ctrl-Space inside arguments", async () => {
    const popup = page.getByRole("listbox", { name: "Completions" });
    await write("");
    await query.focus();
    await page.keyboard.type("{ cour");
    await popup.waitFor();
    assert.ok((await popup.getByRole("option").allTextContents()).some((text) => text.startsWith("courses")));
    await picture("completion");
    await page.keyboard.press("Escape");
    await popup.waitFor({ state: "hidden" });
    await page.keyboard.type("ses(");
    await page.keyboard.press("Control+Space");
    await popup.getByRole("option", { name: /^first/ }).click();
    assert.equal(await query.inputValue(), "{ courses(first: )}");
  });

  await step("a demo login signs in, and the token travels", async () => {
    const account = page.locator("#account");
    await account.click();
    await picture("sign-in");
    const demo = page.locator("button.demo").first();
    const name = await demo.locator("strong").textContent();
    await demo.click();
    await account.filter({ hasText: name }).waitFor();
    await write("{ viewer { user { name } } }");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await result.filter({ hasText: '"viewer"' }).waitFor();
    assert.equal(JSON.parse(await result.textContent()).data.viewer.user.name, name);
    const saved = await page.evaluate(() => JSON.stringify(localStorage));
    assert.doesNotMatch(saved, /accessToken|Bearer/);
  });

  await step("a refused token is dropped and said", async () => {
    await page.evaluate(() => {
      const session = JSON.parse(sessionStorage.getItem("lectern.session"));
      sessionStorage.setItem("lectern.session", JSON.stringify({ ...session, accessToken: "bad" }));
    });
    await page.reload({ waitUntil: "networkidle" });
    await page.locator("#notice").filter({ hasText: "no longer accepts the token" }).waitFor();
    assert.equal(await page.locator("#account").textContent(), "Sign in");
    complaints.length = 0; // the browser itself reports the 401
  });

  await step("queries survive a reload; broken variables and an unreadable query are reported", async () => {
    assert.equal(await query.inputValue(), "{ viewer { user { name } } }");
    await page.getByLabel("Variables as JSON").fill('{"first": }');
    await page.locator("#json-problem").filter({ hasText: "not valid JSON" }).waitFor();
    await page.getByLabel("Variables as JSON").fill("");
    await write("{ nonsense }");
    await page.keyboard.press("Control+Enter");
    await outcome.filter({ hasText: "1 error" }).waitFor();
    complaints.length = 0; // the browser itself reports a 400
  });

  await step("Prettify formats and undo brings the old text back", async () => {
    await write("query A{a:__typename} query B($n:Int!=3){courses(first:$n){totalCount}}");
    await page.getByRole("button", { name: "Prettify" }).click();
    const pretty = "query A {\n  a: __typename\n}\n\nquery B($n: Int! = 3) {\n  courses(first: $n) {\n    totalCount\n  }\n}\n";
    assert.equal(await query.inputValue(), pretty);
    await query.focus();
    await page.keyboard.press("Control+z");
    assert.match(await query.inputValue(), /^query A\{a/);
  });

  await step("one of several operations can be picked", async () => {
    await page.getByLabel("Operation to run").selectOption("B");
    await page.keyboard.press("Control+Enter");
    await result.filter({ hasText: "totalCount" }).waitFor();
  });

  await step("a shared link opens its query in a tab and runs nothing", async () => {
    const fragment = await page.evaluate(async () => {
      const { shareLink } = await import(new URL("ide/share.js", location.href).href);
      return shareLink("{ shared: __typename } # \u00e9\u{1f393}", '{"a": 1}');
    });
    await page.goto(`${address}/${fragment}`);
    await page.reload({ waitUntil: "networkidle" });
    assert.equal(await query.inputValue(), "{ shared: __typename } # \u00e9\u{1f393}");
    assert.equal(await page.getByLabel("Variables as JSON").inputValue(), '{"a": 1}');
    assert.equal(await result.textContent(), "");
  });

  await step("the reference writes an example that runs", async () => {
    const field = page.locator("#reference .field", { has: page.locator("code.name", { hasText: /^courses$/ }) });
    await field.first().getByRole("button", { name: "Example of courses" }).click();
    assert.match(await query.inputValue(), /courses\(first: \$first\)/);
    await page.keyboard.press("Control+Enter");
    await outcome.filter({ hasText: "HTTP 200" }).waitFor();
    const answer = JSON.parse(await result.textContent());
    assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
  });

  await step("the page fits a phone", async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.reload({ waitUntil: "networkidle" });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
    await picture("phone");
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  assert.deepEqual(elsewhere, [], "the console asked another host");
  assert.deepEqual(complaints, []);

  await step("GraphiQL falls back to the console when its address cannot be reached", async () => {
    await page.goto(`${address}/?graphiql`);
    await page.waitForURL((url) => url.search === "" && url.pathname === "/");
    await page.locator("#notice").filter({ hasText: "GraphiQL could not be loaded" }).waitFor();
    await query.waitFor();
    const hosts = new Set(elsewhere.map((url) => new URL(url).origin));
    assert.equal(hosts.size, 1, `one origin is asked: ${[...hosts]}`);
    await picture("fallback");
  });
} catch (error) {
  await picture("failure");
  throw error;
} finally {
  await close();
}
