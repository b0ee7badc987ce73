// A real Chromium on one page, kept from every other host; what it asked there, and complained of, is noted.
// CHROMIUM names another browser than Debian's.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

export async function open(address, pictures) {
  const home = await mkdtemp(join(tmpdir(), "lectern-browser-"));
  const context = await chromium.launchPersistentContext(home, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
    ],
    viewport: { width: 1280, height: 800 },
  });
  context.setDefaultTimeout(15_000);

  const elsewhere = [];
  const complaints = [];
  // No request may leave this machine, whatever the page asks for; asking at all is noted.
  await context.route(
    (url) => url.origin !== new URL(address).origin && ["http:", "https:"].includes(url.protocol),
    (route) => {
      elsewhere.push(route.request().url());
      return route.abort();
    },
  );
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));

  return {
    page,
    elsewhere,
    complaints,
    picture: (name) => (pictures ? page.screenshot({ path: join(pictures, `${name}.png`) }) : null),
    async step(name, body) {
      await body();
      console.log(`ok  ${name}`);
    },
    async close() {
      await context.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}
