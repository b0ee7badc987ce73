// A video from its upload to its last frame, in a real Chromium against a running server with demo logins: files go up
// through signed links, and a stream plays through a link to its folder, for those who learn and nobody else.
//
//   npm install && node playback.mjs http://127.0.0.1:8000 [folder for screenshots]

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { open } from "./chromium.mjs";

const [address = "http://127.0.0.1:8000", pictures] = process.argv.slice(2);
const { page, elsewhere, complaints, picture, step, close } = await open(address, pictures);
const SECONDS = 4;
const PATIENCE = 60_000; // a busy machine decodes slowly

async function ask(query, variables, token) {
  const response = await fetch(`${address}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const body = await response.json();
  assert.equal(body.errors, undefined, JSON.stringify(body.errors));
  return body.data;
}

async function change(verb, selection, input, token) {
  const kind = `${verb[0].toUpperCase()}${verb.slice(1)}Input`;
  const { payload } = await ask(
    `mutation ($input: ${kind}!) { payload: ${verb}(input: $input) { ${selection} userErrors { code message path } } }`,
    { input },
    token,
  );
  assert.deepEqual(payload.userErrors, []);
  return payload;
}

async function playback(lesson, token) {
  const { node } = await ask(
    `query ($lesson: ID!) { node(id: $lesson) { ... on Lesson {
       video { playback { url expiresAt captions { language url } } } } } }`,
    { lesson },
    token,
  );
  return node.video.playback;
}

const register = async (name) =>
  (
    await change("register", "session { accessToken }", {
      email: `${name}-${Date.now()}@school.example`, password: "a long password", name,
    })
  ).session.accessToken;

// ---- the page ----

const HTML = `<!doctype html><title>Player</title><video muted controls width="320"></video>
<script src="/player/hls.js"></script>
<script type="module">
  import { sampleStream } from "/player/sample_stream.js";
  const video = document.querySelector("video");
  const seen = () => ({
    time: video.currentTime, ready: video.readyState, width: video.videoWidth, ended: video.ended,
    frames: video.getVideoPlaybackQuality().totalVideoFrames,
    cues: [...(video.textTracks[0]?.activeCues ?? [])].map(({ text }) => text),
  });
  // From the first frame to the last; what was seen on the way.
  const watched = () => new Promise((resolve, reject) => {
    const moments = [];
    video.addEventListener("timeupdate", () => moments.push(seen()));
    video.addEventListener("ended", () => resolve([...moments, seen()]), { once: true });
    video.addEventListener("error", () => reject(new Error(video.error.message)), { once: true });
    video.play().catch(reject);
  });
  Object.assign(window, {
    make: async (seconds) => { window.files = await sampleStream(seconds); return window.files && [...window.files]
      .map(([name, { length }]) => ({ name, sizeBytes: length })); },
    put: async (name, url, headers) => (await fetch(url, {
      method: "PUT", body: window.files.get(name), headers: Object.fromEntries(headers.map(({ name, value }) => [name, value])),
    })).status,
    playWithHls: (url, captions) => new Promise((resolve, reject) => {
      const track = Object.assign(document.createElement("track"), { kind: "captions", src: captions, default: true });
      if (captions) video.append(track);
      const hls = new Hls();
      hls.on(Hls.Events.ERROR, (_, { fatal, details, response }) =>
        fatal && (hls.destroy(), resolve({ failed: details, status: response?.code })));
      hls.on(Hls.Events.MANIFEST_PARSED, () => watched().then(resolve, reject));
      hls.loadSource(url);
      hls.attachMedia(video);
    }),
    playNatively: (url) => { video.src = url; return watched(); },
    ready: true,
  });
</script>`;

const served = {
  "/player": ["text/html", HTML],
  "/player/hls.js": [
    "text/javascript", await readFile(createRequire(import.meta.url).resolve("hls.js/dist/hls.min.js"), "utf8"),
  ],
  "/player/sample_stream.js": [
    "text/javascript", await readFile(new URL("sample_stream.js", import.meta.url), "utf8"),
  ],
};
for (const [path, [contentType, body]] of Object.entries(served)) {
  await page.context().route(address + path, (route) => route.fulfill({ contentType, body }));
}

const answered = [];
page.on("response", (response) => {
  const url = new URL(response.url());
  if (url.pathname.startsWith("/media/")) answered.push({ url: response.url(), status: response.status() });
});

async function freshPage() {
  answered.length = 0;
  await page.goto(`${address}/player`);
  await page.waitForFunction(() => window.ready, null, { timeout: PATIENCE });
}

/** What was seen is the whole video: time went on, with pictures. */
function assertWatched(moments) {
  assert.ok(Array.isArray(moments), JSON.stringify(moments));
  const last = moments.at(-1);
  assert.ok(last.ended && last.width === 160 && last.frames > SECONDS, JSON.stringify(last));
  assert.ok(Math.abs(last.time - SECONDS) < 0.2, JSON.stringify(last));
  const times = moments.map(({ time }) => time);
  assert.ok(new Set(times).size > 3, `time stood still: ${times}`);
  assert.deepEqual(times, [...times].sort((a, b) => a - b));
  assert.ok(moments.some(({ time, ready }) => time < SECONDS && ready >= 2));
}

/** All that was fetched came through the link to this folder. */
function assertThrough(base, names) {
  assert.deepEqual(answered.filter(({ status }) => status !== 200 && status !== 206), []);
  const fetched = new Set(answered.map(({ url }) => url));
  for (const name of names) assert.ok(fetched.delete(`${base}/${name}`), `${name} was not fetched`);
  assert.deepEqual([...fetched], []);
}

try {
  await freshPage();
  const files = await page.evaluate((seconds) => window.make(seconds), SECONDS);
  if (files === null) {
    console.log("skipped: this Chromium encodes no H.264 to make a stream of (CHROMIUM names another)");
    await close();
    process.exit(0);
  }
  const names = files.map(({ name }) => name);

  const login = { email: "mei.tanaka@lectern.example", password: "learn-with-lectern" };
  const teacher = (await change("login", "session { accessToken }", login)).session.accessToken;
  const course = (await change("createCourse", "course { id }", { title: "A course to watch" }, teacher)).course.id;
  const { module } = await change("addModule", "module { id }", { courseId: course, title: "Films" }, teacher);
  let uploads;

  await step("a page uploads a stream's files through signed links, each once", async () => {
    const { upload } = await change(
      "requestVideoUpload", "upload { files { key url headers { name value } } }", { courseId: course, files }, teacher,
    );
    uploads = upload.files;
    const put = (index) =>
      page.evaluate(([name, url, headers]) => window.put(name, url, headers), [
        names[index], uploads[index].url, uploads[index].headers,
      ]);
    for (const index of names.keys()) assert.equal(await put(index), 201, names[index]);
    assert.deepEqual(complaints, []);
    assert.equal(await put(0), 412);
    assert.match(complaints.splice(0).join(), /412/);
  });

  const key = (name) => uploads[names.indexOf(name)].key;
  const { lesson } = await change(
    "addLesson",
    "lesson { id }",
    {
      moduleId: module.id,
      title: "A square moves",
      kind: "VIDEO",
      video: {
        durationSeconds: SECONDS,
        manifestKey: key("master.m3u8"),
        captions: [{ language: "en", key: key("en.vtt") }],
      },
    },
    teacher,
  );
  await change("publishCourse", "course { id }", { courseId: course }, teacher);
  const viewer = await register("viewer");
  const stranger = await register("stranger");
  await change("enroll", "enrollment { state }", { courseId: course }, viewer);
  const { url, expiresAt, captions } = await playback(lesson.id, viewer);
  const base = url.slice(0, -"/master.m3u8".length);
  assert.ok(url.startsWith(`${address}/media/`), `links name another address than ${address}: ${url}`);
  assert.ok(Date.parse(expiresAt) - Date.now() > 290_000);

  await step("hls.js plays it to its end, with captions, through the link", async () => {
    await freshPage();
    const moments = await page.evaluate(([url, captions]) => window.playWithHls(url, captions), [url, captions[0].url]);
    assertWatched(moments);
    assert.ok(moments.some(({ cues }) => cues.includes("A square moves")), "no captions");
    assertThrough(base, names);
    await picture("playback");
  });

  await step("the browser itself plays it, where it knows HLS", async () => {
    await freshPage();
    const knows = await page.evaluate(() => document.querySelector("video").canPlayType("application/vnd.apple.mpegurl"));
    if (knows === "") {
      console.log("    this one does not");
      return;
    }
    assertWatched(await page.evaluate((url) => window.playNatively(url), url));
    assertThrough(base, names.filter((name) => name !== "en.vtt"));
  });

  await step("strangers get no link, nor who has left the course", async () => {
    assert.equal(await playback(lesson.id, stranger), null);
    assert.equal(await playback(lesson.id), null);
    await change("withdraw", "enrollment { state }", { courseId: course }, viewer);
    assert.equal(await playback(lesson.id, viewer), null);
  });

  assert.deepEqual(complaints, []);

  await step("a link that was tampered with plays nothing", async () => {
    const [, media, token, ...path] = new URL(url).pathname.split("/");
    const [until, depth, audience, signature] = token.split(".");
    const other = signature.startsWith("A") ? "B" : "A";
    const tampered = {
      signature: [until, depth, audience, other + signature.slice(1)],
      "a longer life": [Number(until) + 3600, depth, audience, signature],
      "a higher folder": [until, depth - 1, audience, signature],
      "another audience": [until, depth, "teachers", signature],
    };
    for (const [what, parts] of Object.entries(tampered)) {
      await freshPage();
      const wrong = `${address}/${media}/${parts.join(".")}/${path.join("/")}`;
      const outcome = await page.evaluate((url) => window.playWithHls(url), wrong);
      assert.deepEqual(outcome, { failed: "manifestLoadError", status: 403 }, what);
      assert.deepEqual(answered.map(({ status }) => status), [403], what);
      const inside = await fetch(wrong.replace("master.m3u8", "low/0.m4s"));
      assert.equal(inside.status, 403, what);
    }
    assert.equal((await fetch(`${base}/low/0.m4s`)).status, 200);
    assert.equal((await fetch(`${base.replace(/[^/]+$/, "elsewhere")}/low/0.m4s`)).status, 403);
    assert.ok(complaints.splice(0).every((text) => text.includes("403")));
  });

  // Whoever looks at the catalogue next finds it as it was.
  await change("unpublishCourse", "course { id }", { courseId: course }, teacher);
  assert.deepEqual(elsewhere, [], "the page asked another host");
} catch (error) {
  await picture("failure");
  throw error;
} finally {
  await close();
}
