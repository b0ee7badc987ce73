// Follows the links of mails in a real Chromium: proves an address, sets a new password, meets a used link.
//
//   npm install && node account.mjs http://127.0.0.1:8000 FOLDER_OF_MAILS [folder for screenshots]

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { open } from "./chromium.mjs";

const [address = "http://127.0.0.1:8000", mails = "../../../.lectern/mail", pictures] = process.argv.slice(2);
const { page, elsewhere, complaints, picture, step, close } = await open(address, pictures);
const email = `reader-${Date.now()}@school.example`;
const answer = page.locator("#answer");

async function ask(query, variables) {
  const response = await fetch(`${address}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const body = await response.json();
  assert.equal(body.errors, undefined, JSON.stringify(body.errors));
  return body.data.answer;
}

const signIn = (password) =>
  ask(
    `mutation ($input: LoginInput!) {
       answer: login(input: $input) { user { emailVerified } userErrors { code } } }`,
    { input: { email, password } },
  );

/** Names of the mails; the first mail makes their folder. */
const written = () =>
  readdir(mails).catch((error) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });

/** The link of the newest mail to our reader, or to `recipient`, with that subject. */
async function link(subject, recipient = email) {
  for (let tries = 0; tries < 50; tries += 1) {
    for (const name of (await written()).filter((name) => name.endsWith(".eml")).sort().reverse()) {
      const text = await readFile(join(mails, name), "utf8");
      if (text.includes(`To: ${recipient}`) && text.includes(`Subject: ${subject}`)) {
        const [, path] = text.match(/https?:\/\/[^/]+(\/\S+#token=[\w-]+)/);
        return address + path;
      }
    }
    await sleep(100);
  }
  throw new Error(`no mail "${subject}" in ${mails}: give the folder of the server that runs, make e2e MAILS=...`);
}

try {
  let proof;
  await step("the link of the first mail proves the address", async () => {
    await ask(
      "mutation ($input: RegisterInput!) { answer: register(input: $input) { userErrors { code } } }",
      { input: { email, password: "a first password", name: "Reader" } },
    );
    proof = await link("Confirm your e-mail address");
    await page.goto(proof);
    await picture("verify");
    assert.equal(new URL(page.url()).hash, "", "the token stays in the address");
    await page.getByRole("button", { name: "Confirm my address" }).click();
    await answer.filter({ hasText: "is confirmed" }).waitFor();
    assert.deepEqual((await signIn("a first password")).user, { emailVerified: true });
  });

  await step("a used link offers another", async () => {
    await page.goto("about:blank");
    await page.goto(proof);
    await page.getByRole("button", { name: "Confirm my address" }).click();
    await answer.filter({ hasText: "was used" }).waitFor();
    await page.getByLabel("E-mail address").waitFor();
    await picture("used");
  });

  await step("a forgotten password is set anew", async () => {
    await page.goto(`${address}/account/reset-password`);
    await page.getByLabel("E-mail address of your account").fill(email);
    await page.getByRole("button", { name: "Send me a link" }).click();
    await answer.filter({ hasText: "on its way" }).waitFor();
    await page.goto(await link("Set a new password"));
    await page.getByLabel("New password").waitFor();
    await picture("reset");
    await page.getByLabel("New password").fill(email);
    await page.getByRole("button", { name: "Set the password" }).click();
    await answer.filter({ hasText: "must not be the e-mail address" }).waitFor();
    await page.getByLabel("New password").fill("a second password");
    await page.getByRole("button", { name: "Set the password" }).click();
    await answer.filter({ hasText: "is set" }).waitFor();
    assert.equal((await signIn("a first password")).user, null);
    assert.deepEqual((await signIn("a second password")).user, { emailVerified: true });
  });

  await step("where two claim an address, its password says whose claim is proved", async () => {
    const claimed = `claimed-${email}`;
    const claim = (password) =>
      ask(
        "mutation ($input: RegisterInput!) { answer: register(input: $input) { userErrors { code } } }",
        { input: { email: claimed, password, name: "Reader" } },
      );
    await claim("the owner's password");
    // Before the stranger's mail is there: each link proves the claim that it was written for.
    const owners = await link("Confirm your e-mail address", claimed);
    await claim("a stranger's password");
    await page.goto("about:blank");
    await page.goto(owners);
    const password = page.getByLabel("password", { exact: false });
    assert.equal(await password.isVisible(), false);
    await page.getByRole("button", { name: "Confirm my address" }).click();
    await password.waitFor();
    await picture("claimed");
    await password.fill("no password of theirs");
    await page.getByRole("button", { name: "Confirm my address" }).click();
    await answer.filter({ hasText: "password" }).waitFor();
    await password.fill("the owner's password");
    await page.getByRole("button", { name: "Confirm my address" }).click();
    await answer.filter({ hasText: "is confirmed" }).waitFor();
  });

  assert.deepEqual(elsewhere, [], "a page asked another host");
  assert.deepEqual(complaints, []);
} catch (error) {
  await picture("failure");
  throw error;
} finally {
  await close();
}
