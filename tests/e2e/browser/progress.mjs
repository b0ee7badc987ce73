// What the reporter of progress tells a running server, from a real Chromium: with a player of known doings on a clock of
// ours, to the millisecond; and with a real <video>, beside what the browser itself says was played.
//
//   npm install && node progress.mjs http://127.0.0.1:8000 [folder for screenshots]

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { open } from "./chromium.mjs";

const [address = "http://127.0.0.1:8000", pictures] = process.argv.slice(2);
const { page, elsewhere, complaints, picture, step, close } = await open(address, pictures);
const context = page.context();
const HOUR = 3_600_000;
// Where the pages' clocks begin: what they let pass in seconds must not be the future.
const BEGIN = Date.now() - 12 * HOUR;
const PATIENCE = 15_000;

async function ask(query, variables = {}, token = null) {
  const response = await fetch(`${address}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const body = await response.json();
  assert.equal(body.errors, undefined, JSON.stringify(body.errors));
  return body.data;
}

async function register(name) {
  const { register } = await ask(
    `mutation ($input: RegisterInput!) {
       register(input: $input) { user { id } session { accessToken } userErrors { code message } } }`,
    { input: { email: `${name}-${Date.now()}@school.example`, password: "a long password", name } },
  );
  assert.deepEqual(register.userErrors, []);
  return { id: register.user.id, token: register.session.accessToken };
}

const viewer = await register("viewer");
const stranger = await register("stranger");

/** Videos that nobody has watched yet, of courses in which the viewer is enrolled now. */
async function freshVideos() {
  const { courses } = await ask(
    `{ courses(first: 20) { nodes { id lessons(first: 100) { nodes { id video { id durationSeconds } } } } } }`,
  );
  const found = [];
  for (const { id, lessons } of courses.nodes) {
    const videos = lessons.nodes.filter(({ video }) => video !== null);
    if (videos.length === 0) continue;
    const { enroll } = await ask(
      "mutation ($id: ID!) { enroll(input: {courseId: $id}) { enrollment { state } userErrors { code } } }",
      { id },
      viewer.token,
    );
    if (enroll.enrollment?.state === "ACTIVE") {
      found.push(...videos.map(({ id, video }) => ({ lesson: id, id: video.id, seconds: video.durationSeconds })));
    }
  }
  return found;
}

const videos = await freshVideos();

/** What the server says at this moment, ranges and position in milliseconds. */
async function told(video) {
  const { node } = await ask(
    `query ($lesson: ID!) { node(id: $lesson) { ... on Lesson {
       viewerProgress { positionSeconds watchedSeconds completion { missing { startSeconds endSeconds } } }
       video { viewerProgress { positionSeconds watchedSeconds watchedShare } } } } }`,
    { lesson: video.lesson },
    viewer.token,
  );
  const ofVideo = node.video.viewerProgress;
  const milliseconds = (seconds) => Math.round(seconds * 1000);
  if (ofVideo === null) return { watched: [], total: 0, position: null };
  assert.equal(ofVideo.positionSeconds, node.viewerProgress.positionSeconds);
  assert.equal(ofVideo.watchedSeconds, node.viewerProgress.watchedSeconds);
  const watched = [];
  let edge = 0;
  for (const { startSeconds, endSeconds } of node.viewerProgress.completion.missing) {
    if (milliseconds(startSeconds) > edge) watched.push([edge, milliseconds(startSeconds)]);
    edge = milliseconds(endSeconds);
  }
  if (edge < milliseconds(video.seconds)) watched.push([edge, milliseconds(video.seconds)]);
  return { watched, total: milliseconds(ofVideo.watchedSeconds), position: milliseconds(ofVideo.positionSeconds) };
}

/** Until the server has so many milliseconds; what comes meanwhile may stand in one of its answers' halves alone. */
async function arrives(video, total) {
  for (const until = Date.now() + PATIENCE; ; await sleep(20)) {
    const { node } = await ask(
      `query ($lesson: ID!) { node(id: $lesson) { ... on Lesson { viewerProgress { watchedSeconds } } } }`,
      { lesson: video.lesson },
      viewer.token,
    );
    if (Math.round((node.viewerProgress?.watchedSeconds ?? 0) * 1000) >= total) return;
    assert.ok(Date.now() < until, "it does not arrive");
  }
}

function union(ranges) {
  const united = [];
  for (const [from, to] of ranges.filter(([from, to]) => from < to).sort(([a], [b]) => a - b)) {
    if (united.length && from <= united.at(-1)[1]) united.at(-1)[1] = Math.max(united.at(-1)[1], to);
    else united.push([from, to]);
  }
  return united;
}

const length = (ranges) => ranges.reduce((sum, [from, to]) => sum + to - from, 0);

// ---- pages ----

const HTML = `<!doctype html><title>Player</title><script type="module">
  import { ProgressReporter } from "/progress/reporter.js";
  import { FakeVideo } from "/player/fake_video.js";
  Object.assign(window, { ProgressReporter, FakeVideo, problems: [], under: 0, tokens: [] });
  const { fetch } = window;
  window.fetch = (...given) => {
    window.under += 1;
    return fetch(...given)
      .then((response) => {
        // An answer of which nothing comes but the beginning.
        if (window.half) {
          const { signal } = given[1];
          const start = (stream) => signal.addEventListener("abort", () => stream.error(signal.reason));
          return new Response(new ReadableStream({ start }), { status: 202 });
        }
        // A clock of ours is wrong on purpose.
        const get = (name) => (name === "date" && !window.dated ? null : Headers.prototype.get.call(response.headers, name));
        Object.defineProperty(response.headers, "get", { value: get });
        return response;
      })
      .finally(() => { window.under -= 1; });
  };
  // What is sent while a page goes away nobody outside is told of.
  const { sendBeacon } = navigator;
  navigator.sendBeacon = (url, body) => {
    localStorage.setItem("beacon", body);
    return sendBeacon.call(navigator, url, body);
  };
  window.watch = (media, options, tokens) => {
    window.tokens = tokens;
    window.video = media;
    window.reporter = new ProgressReporter(media, {
      accessToken: (refused) => { if (refused === tokens[0]) tokens.shift(); return tokens[0] ?? null; },
      onProblem: ({ code, error }) => window.problems.push(error ? String(error) : code),
      ...options,
    });
  };
  window.ready = true;
</script>`;

const fakeVideo = await readFile(new URL("fake_video.js", import.meta.url), "utf8");
await context.route(`${address}/player**`, (route) => route.fulfill({ contentType: "text/html", body: HTML }));
await context.route(`${address}/player/fake_video.js`, (route) =>
  route.fulfill({ contentType: "text/javascript", body: fakeVideo }),
);

/** A page, on the clock that all share and that stands still but for `pass`; and what it sends. */
async function player({ time = BEGIN, real = false } = {}) {
  const tab = await context.newPage();
  tab.on("pageerror", (error) => complaints.push(String(error)));
  const sent = [];
  tab.on("request", (request) => {
    if (new URL(request.url()).pathname !== "/progress") return;
    sent.push(JSON.parse(request.postData()));
  });
  if (!real) {
    await tab.clock.install({ time });
    await tab.clock.pauseAt(time);
  }
  await tab.goto(`${address}/player`);
  for (const until = Date.now() + PATIENCE; !(await tab.evaluate("window.ready")); await sleep(10)) {
    assert.ok(Date.now() < until, "the reporter does not load");
  }

  const answered = async () => {
    for (let quiet = 0; quiet < 2; ) {
      quiet = (await tab.evaluate("window.under")) === 0 ? quiet + 1 : 0;
      await sleep(10);
    }
  };
  return {
    tab,
    sent,
    answered,
    /** Begins reporting of a video, `seconds` of which are there. */
    watch: (video, options = {}, tokens = [viewer.token]) =>
      tab.evaluate(
        ([seconds, options, tokens]) => watch(new FakeVideo(seconds), options, tokens),
        [video.seconds, { videoId: video.id, viewerId: viewer.id, durationSeconds: video.seconds, ...options }, tokens],
      ),
    /** Lets so many seconds pass on the page; answers come in between. */
    async pass(seconds) {
      for (let left = seconds * 1000; left > 0; left -= 5000) {
        await tab.clock.runFor(Math.min(left, 5000));
        await answered();
      }
    },
    async does(script) {
      await tab.evaluate(script);
      await answered();
    },
    pending: () => tab.evaluate("reporter.pending"),
    problems: () => tab.evaluate("problems"),
    async played() {
      return union(await tab.evaluate("video.played"));
    },
    /** Until everything was taken. */
    async delivered() {
      for (const until = Date.now() + PATIENCE; (await tab.evaluate("reporter.pending")) > 0; ) {
        assert.ok(Date.now() < until, "beats wait for ever");
        await sleep(20);
      }
    },
  };
}

async function agrees(video, played) {
  const said = await told(video);
  assert.deepEqual(said.watched, played);
  assert.equal(said.total, length(played));
  return said;
}

/** A server and what lies between that make of a page's requests what is wanted; returns what wants it. A beat every 5 s. */
async function through(one) {
  let wanted = "answered";
  const answers = {
    busy: () => ({ status: 503, json: {} }),
    // Redis took it, and died before it had said so.
    later: ({ rejected, ...said }, { beats }) => ({
      status: 202,
      json: { ...said, accepted: 0, rejected: beats.map((_, index) => ({ index, code: "RETRY_LATER", message: "" })) },
    }),
    half: (said) => ({ status: 202, json: said }),
    answered: (said) => ({ status: 202, json: { ...said, nextBeatAfterSeconds: 5 } }),
  };
  await one.tab.route(`${address}/progress`, async (route) => {
    const way = wanted;
    if (way === "away") return route.abort("internetdisconnected");
    const response = await route.fetch();
    while (way === "held" && wanted === "held") await sleep(20);
    if (way === "lost" || way === "held") return route.abort("connectionreset");
    return response.status() === 202
      ? route.fulfill(answers[way](await response.json(), JSON.parse(route.request().postData())))
      : route.fulfill({ response });
  });
  return async (way) => {
    wanted = way;
    await one.tab.evaluate((half) => { window.half = half; }, way === "half");
  };
}

/** Watches, while nothing arrives, until so many beats wait. */
async function gather(one, want, beats) {
  await one.does("video.play()");
  await one.pass(11);
  await want("away");
  for (let patience = 100; (await one.pending()) < beats; patience -= 1) {
    assert.ok(patience > 0, "no beats are made");
    await one.pass(5);
  }
}

/** Numbers that are the same for the same seed, of a multiplicative generator. */
function dice(seed) {
  let state = seed * 2 + 1;
  return (below) => (state = (state * 48_271) % 2_147_483_647) % below;
}

const stored = (tab) =>
  tab.evaluate(() => Object.keys(localStorage).filter((name) => name.startsWith("lectern-progress")).length);

try {
  // First: a clock of ours is every page's from then on.
  await step("a real video: what the browser says was played", async () => {
    const video = videos.shift();
    const one = await player({ real: true });
    await one.tab.evaluate(
      async ([id, viewerId, token]) => {
        // Twenty seconds of silence, 8,000 bytes each.
        const samples = 20 * 8000;
        const header = new DataView(new ArrayBuffer(44));
        const text = (at, word) => [...word].forEach((letter, index) => header.setUint8(at + index, letter.charCodeAt(0)));
        text(0, "RIFF"); header.setUint32(4, 36 + samples, true); text(8, "WAVEfmt "); header.setUint32(16, 16, true);
        header.setUint16(20, 1, true); header.setUint16(22, 1, true); header.setUint32(24, 8000, true);
        header.setUint32(28, 8000, true); header.setUint16(32, 1, true); header.setUint16(34, 8, true);
        text(36, "data"); header.setUint32(40, samples, true);
        const element = document.createElement("video");
        element.muted = true;
        element.src = URL.createObjectURL(new Blob([header, new Uint8Array(samples).fill(128)], { type: "audio/wav" }));
        document.body.append(element);
        watch(element, { videoId: id, viewerId }, [token]);
        const happens = (name) => new Promise((resolve) => element.addEventListener(name, resolve, { once: true }));
        const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
        await element.play();
        await wait(1500);
        element.currentTime = 8;
        await happens("seeked");
        await wait(1000);
        element.playbackRate = 2;
        await wait(1000);
        element.pause();
        await happens("pause");
        element.currentTime = 19;
        await happens("seeked");
        element.playbackRate = 1;
        const ended = happens("ended");
        await element.play();
        await ended;
      },
      [video.id, viewer.id, viewer.token],
    );
    await one.delivered();
    const played = await one.tab.evaluate(() =>
      Array.from({ length: video.played.length }, (_, index) => [video.played.start(index), video.played.end(index)]),
    );
    const said = await told(video);
    console.log("    the browser:", JSON.stringify(played), "the server:", JSON.stringify(said.watched));
    assert.equal(said.watched.length, played.length);
    for (const [index, [from, to]] of said.watched.entries()) {
      // Only where somebody jumps away does the reporter know the place by the clock.
      assert.ok(Math.abs(from - played[index][0] * 1000) <= 50, "where it began");
      assert.ok(Math.abs(to - played[index][1] * 1000) <= 150, "where it ended");
    }
    assert.equal(said.position, 20_000);
    assert.deepEqual(await one.problems(), []);
    await picture("real");
    await one.tab.close();
  });

  await step("what is played is told to the millisecond: pauses, rates, seeks, stalls", async () => {
    const video = videos.shift();
    const one = await player();
    await one.watch(video);
    await one.does("video.play()");
    await one.pass(31.007);
    await one.does("video.currentTime = 100.123");
    await one.pass(12.345);
    await one.does("video.playbackRate = 2");
    await one.pass(20.001);
    await one.does("video.stall()");
    await one.pass(40);
    await one.does("video.unstall()");
    await one.pass(3.1);
    await one.does("video.pause()");
    await one.delivered();
    const said = await agrees(video, await one.played());
    assert.deepEqual(said.watched, [[0, 31_007], [100_123, 158_670]]);
    assert.equal(said.position, 158_670);
    // Back a little, and faster than anybody watches.
    await one.does("video.currentTime = 150; video.playbackRate = 1; video.play()");
    await one.pass(20);
    await one.does("video.playbackRate = 8");
    await one.pass(5);
    await one.does("video.playbackRate = 1");
    await one.pass(7.5);
    await one.does("video.currentTime = 20");
    await one.pass(0.25);
    await one.does("video.pause()");
    await one.delivered();
    assert.deepEqual((await agrees(video, await one.played())).watched, [[0, 31_007], [100_123, 170_000], [210_000, 217_500]]);
    assert.deepEqual(await one.problems(), []);
    assert.ok(one.sent.every(({ beats }) => beats.length <= 50));
    const beats = one.sent.flatMap(({ beats }) => beats);
    assert.deepEqual([...new Set(beats.map(({ event }) => event))].sort(), ["HEARTBEAT", "PAUSE", "PLAY", "SEEK"]);
    const keys = [...new Set(beats.map(({ viewingKey }) => viewingKey))];
    assert.equal(keys.length, 2);
    for (const key of keys) {
      const numbers = beats.filter(({ viewingKey }) => viewingKey === key).map(({ clientSequence }) => clientSequence);
      assert.deepEqual(numbers, numbers.map((_, index) => index));
    }
    await one.tab.close();
  });

  await step("to the end, in loops, and again from the end", async () => {
    const video = videos.shift();
    const one = await player();
    await one.watch(video);
    await one.does(`video.currentTime = ${video.seconds - 10}; video.loop = true; video.play()`);
    await one.pass(25);
    await one.does("video.loop = false");
    await one.does(`video.currentTime = ${video.seconds - 2.5}`);
    await one.pass(2.5);
    await one.delivered();
    assert.equal(one.sent.at(-1).beats.at(-1).event, "END");
    const said = await agrees(video, await one.played());
    assert.deepEqual(said.watched, [[0, 15_000], [Math.round(video.seconds * 1000) - 10_000, Math.round(video.seconds * 1000)]]);
    assert.equal(said.position, Math.round(video.seconds * 1000));
    await one.does("video.play()");
    await one.pass(16);
    await one.does("video.pause()");
    await one.delivered();
    assert.equal((await agrees(video, await one.played())).position, 16_000);
    const events = one.sent.flatMap(({ beats }) => beats).map(({ event }) => event);
    assert.deepEqual(events.filter((event) => event !== "HEARTBEAT"), ["PLAY", "END", "SEEK", "END", "PLAY", "PAUSE"]);
    await one.tab.close();
  });

  await step("a machine that slept has watched nothing meanwhile, whatever its player says", async () => {
    const video = videos.shift();
    const one = await player();
    await one.watch(video);
    await one.does("video.play()");
    await one.pass(20);
    await one.does("video.sleep()");
    await one.tab.clock.fastForward(HOUR);
    await one.does("video.wake()");
    await one.pass(10);
    await one.does("video.sleep()");
    await one.tab.clock.fastForward(HOUR);
    await one.does("video.wake(120)");
    await one.pass(10.5);
    await one.does("video.pause()");
    await one.delivered();
    // Where the dream ended is known from the first look after it, a quarter of a second later.
    assert.deepEqual((await told(video)).watched, [[0, 30_000], [150_250, 160_500]]);
    assert.deepEqual(await one.played(), [[0, 30_000], [150_000, 160_500]]);
    assert.deepEqual(await one.problems(), []);
    await one.tab.close();
  });

  await step("when it reports: each tenth, twice a minute, a pause; many seeks are one", async () => {
    const video = videos.find(({ seconds }) => seconds >= 600);
    videos.splice(videos.indexOf(video), 1);
    const one = await player();
    const { ticket } = (
      await ask(
        `mutation ($beats: [ProgressBeat!]!) { recordProgress(input: {beats: $beats}) { ticket } }`,
        {
          beats: [{
            videoId: video.id, viewingKey: "before", event: "PLAY", positionSeconds: 0, watchedFrom: 0, watchedTo: 0,
            clientSequence: 0, clientTime: new Date(BEGIN - 1000).toISOString(),
          }],
        },
        viewer.token,
      )
    ).recordProgress;
    await one.watch(video, { ticket });
    await one.does("video.play()");
    assert.equal(one.sent.length, 0, "with a ticket in hand nothing is urgent");
    await one.pass(29);
    assert.equal(one.sent.length, 0);
    await one.pass(2);
    assert.equal(one.sent.length, 1);
    const tenth = video.seconds / 10;
    await one.pass(tenth - 31 + 0.5);
    const beats = one.sent.flatMap(({ beats }) => beats);
    assert.ok(beats.some(({ watchedTo }) => watchedTo >= tenth && watchedTo < tenth + 0.3), "a tenth was not told");
    for (const place of [100, 130, 170, 220, 260]) await one.does(`video.currentTime = ${place}`);
    const before = one.sent.length;
    await one.pass(1.5);
    assert.equal(one.sent.length, before + 1);
    const seeks = one.sent.at(-1).beats.filter(({ event }) => event === "SEEK");
    assert.deepEqual(seeks.map(({ positionSeconds }) => positionSeconds), [260]);
    await one.does("video.pause()");
    assert.equal(one.sent.length, before + 2);
    await one.does("video.currentTime = 300");
    await one.pass(1.5);
    assert.equal(one.sent.at(-1).beats[0].event, "SEEK");
    assert.equal((await agrees(video, await one.played())).position, 300_000);
    await one.tab.close();
  });

  await step("offline: it waits, outlives the page, and arrives; merged, and with nothing lost", async () => {
    const video = videos.find(({ seconds }) => seconds >= 600);
    videos.splice(videos.indexOf(video), 1);
    const one = await player();
    await one.watch(video);
    await one.does("video.play()");
    await one.pass(10);
    await context.setOffline(true);
    await one.pass(200);
    await one.does("video.currentTime = 300.5");
    await one.pass(100);
    assert.deepEqual((await told(video)).watched, [], "it has told of nothing but the beginning");
    assert.ok((await one.pending()) > 8);
    assert.equal(await stored(one.tab), 1);
    await one.does("video.pause()");
    const played = await one.played();
    await one.tab.close();
    await context.setOffline(false);

    const other = await player({ time: BEGIN + HOUR });
    // Somebody else's reporter on the same machine leaves it alone.
    await other.tab.evaluate(
      ([id, stranger]) => watch(new FakeVideo(60), { videoId: id, viewerId: stranger.id }, [stranger.token]),
      [video.id, stranger],
    );
    await other.pass(5);
    assert.equal(other.sent.length, 0);
    await other.does("reporter.stop()");
    await other.watch(video);
    await other.pass(5);
    await other.delivered();
    assert.equal(await stored(other.tab), 0);
    assert.deepEqual((await agrees(video, played)).watched, [[0, 210_000], [300_500, 400_500]]);

    // And on a page that lives through it.
    await other.does("video.currentTime = 450; video.play()");
    await other.pass(5);
    await context.setOffline(true);
    await other.pass(60);
    await context.setOffline(false);
    await other.answered();
    await other.pass(1);
    await other.delivered();
    await other.does("video.pause()");
    await other.delivered();
    await agrees(video, union([...played, ...(await other.played())]));
    assert.deepEqual([...(await other.problems())], []);
    await other.tab.close();
  });

  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  await step(`whatever somebody does (SEED=${seed})`, async () => {
    const random = dice(seed);
    const video = videos.shift();
    const one = await player();
    await one.watch(video);
    const doings = [
      ...Array(3).fill("video.play()"),
      ...Array(2).fill("video.pause()"),
      ...Array(3).fill(() => `video.currentTime = ${random(Math.floor(video.seconds * 1000)) / 1000}`),
      ...Array(3).fill(() => `video.playbackRate = ${[0.5, 1, 1.5, 2, 4, 8][random(6)]}`),
      "video.stall()",
      ...Array(2).fill("if (video.readyState === 2) video.unstall()"),
      "video.loop = !video.loop",
    ];
    for (let count = 0; count < 120; count += 1) {
      const doing = doings[random(doings.length)];
      await one.does(typeof doing === "function" ? doing() : doing);
      if (random(10) === 0) await context.setOffline(random(2) === 0);
      // At half a rate an even number is a whole one of the video's.
      await one.pass((2 * random(random(2) ? 150 : 10_000)) / 1000);
    }
    await context.setOffline(false);
    await one.does("if (video.readyState === 2) video.unstall(); video.pause()");
    await one.pass(155); // the longest that it may wait after a failure
    await one.delivered();
    const played = await one.played();
    assert.equal((await told(video)).total, length(played));
    // What was sent more than once counts once.
    const ranges = one.sent.flatMap(({ beats }) => beats).map(({ watchedFrom, watchedTo }) => [watchedFrom * 1000, watchedTo * 1000].map(Math.round));
    assert.deepEqual(union(ranges), played);
    assert.deepEqual(await one.problems(), []);
    await one.tab.close();
  });

  for (const way of ["lost", "busy", "later", "half"]) {
    await step(`what the server took and did not say loses nothing when more is watched offline: ${way}`, async () => {
      const video = videos.shift();
      const one = await player();
      const want = await through(one);
      await one.watch(video);
      await gather(one, want, 49);
      await want(way);
      await one.tab.evaluate(() => window.dispatchEvent(new Event("online")));
      await one.answered();
      const { total } = await told(video);
      assert.ok(total > 200_000, "it was taken");
      assert.ok((await one.pending()) >= 49, "and is not known to be");
      await want("away");
      await one.pass(60);
      assert.ok((await one.pending()) < 50, "what waits became few");
      assert.ok((await told(video)).total < total + 10_000);
      await want("answered");
      await one.does("video.pause()");
      await one.pass(185); // A pause that was told of, and the longest that it may wait after a failure.
      await one.delivered();
      await agrees(video, await one.played());
      assert.deepEqual(await one.problems(), []);
      await one.tab.close();
    });
  }

  await step("what the server took loses nothing when the page dies and the next one goes on offline", async () => {
    const video = videos.shift();
    const one = await player();
    let want = await through(one);
    await one.watch(video);
    await gather(one, want, 49);
    await want("lost");
    await one.tab.evaluate(() => window.dispatchEvent(new Event("online")));
    await one.answered();
    await want("away");
    await one.pass(4); // No beat tells of it yet.
    await one.does("navigator.sendBeacon = () => true; video.pause()");
    const played = await one.played();
    const { total } = await told(video);
    assert.ok(total > 200_000 && total < length(played), "it was taken, but for the end");
    await one.tab.close();

    const other = await player({ time: BEGIN + HOUR });
    want = await through(other);
    await want("away");
    await other.watch(video);
    assert.ok((await other.pending()) > 0);
    await other.does("video.currentTime = 20; video.play()");
    await other.pass(65);
    assert.ok((await other.pending()) < 50);
    assert.equal((await told(video)).total, total);
    await want("answered");
    await other.does("video.pause()");
    await other.pass(155);
    await other.delivered();
    await agrees(video, union([...played, ...(await other.played())]));
    assert.equal(await stored(other.tab), 0);
    assert.deepEqual(await other.problems(), []);
    await other.tab.close();
  });

  await step("what a beacon of a hidden page brought loses nothing when it plays on offline, and the next page after it", async () => {
    const video = videos.shift();
    const one = await player();
    const want = await through(one);
    const becomes = (state) =>
      one.tab.evaluate((state) => {
        delete document.visibilityState; // As it is: visible.
        if (state === "hidden") Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, state);
    await one.watch(video);
    await gather(one, want, 40);
    await want("held");
    await one.tab.evaluate(() => window.dispatchEvent(new Event("online")));
    await one.tab.clock.runFor(20_000); // While a request is under way.
    await becomes("hidden");
    const brought = Math.round((await one.tab.evaluate("video.currentTime")) * 1000);
    await arrives(video, brought);
    await want("away");
    await becomes("visible");
    await one.pass(20);
    assert.ok((await one.pending()) > 40);
    await one.does("video.sleep()");
    const played = await one.played();
    await one.does("navigator.sendBeacon = () => true"); // This time it comes nowhere.
    await one.tab.goto(`${address}/player?elsewhere`);
    await one.watch(video);
    await one.does("video.currentTime = 20; video.play()");
    await one.pass(65);
    assert.ok((await one.pending()) < 50);
    assert.equal((await told(video)).total, brought);
    await want("answered");
    await one.does("video.pause()");
    await one.pass(155);
    await one.delivered();
    await agrees(video, union([...played, ...(await one.played())]));
    assert.deepEqual(await one.problems(), []);
    await one.tab.close();
  });

  await step(`whatever becomes of requests, answers and pages (SEED=${seed})`, async () => {
    const random = dice(seed);
    const video = videos.find(({ seconds }) => seconds >= 600);
    videos.splice(videos.indexOf(video), 1);
    const one = await player();
    const want = await through(one);
    await one.watch(video);
    const played = [];
    const doings = [
      ...Array(12).fill("video.play()"),
      ...Array(20).fill(""), // It plays on.
      "video.pause()",
      () => `video.currentTime = ${random(Math.floor(video.seconds * 1000)) / 1000}`,
      () => `video.playbackRate = ${[0.5, 1, 2][random(3)]}`,
    ];
    for (let count = 0; count < 50; count += 1) {
      const doing = doings[random(doings.length)];
      await one.does(typeof doing === "function" ? doing() : doing);
      if (random(4) === 0) await want(["answered", "lost", "busy", "later", "half", ...Array(5).fill("away")][random(10)]);
      if (random(4) === 0) await one.does('window.dispatchEvent(new Event("online"))');
      await one.pass((2 * random(random(2) ? 5000 : 40_000)) / 1000);
      if (random(20) === 0) {
        await one.does("video.sleep()");
        played.push(...(await one.played()));
        if (random(2)) await one.does("navigator.sendBeacon = () => true"); // It comes nowhere.
        await one.tab.goto(`${address}/player?${count}`);
        await one.watch(video);
      }
    }
    await want("answered");
    await one.does("video.pause()");
    await one.pass(185);
    await one.delivered();
    await agrees(video, union([...played, ...(await one.played())]));
    assert.deepEqual(await one.problems(), []);
    await one.tab.close();
  });

  await step("much that waited is few beats, never more than two thousand, and none older than a week", async () => {
    const video = videos.find(({ seconds }) => seconds >= 600);
    videos.splice(videos.indexOf(video), 1);
    const one = await player();
    // Three hundred milliseconds at a time, ten minutes of it; two thousand viewings of eight days ago, and five hundred more.
    const leave = ([videoId, viewerId, begin]) => {
      const beat = (viewingKey, event, from, to, sequence, at) => ({
        videoId, viewingKey, event, positionSeconds: to, watchedFrom: from, watchedTo: to, clientSequence: sequence,
        clientTime: new Date(at).toISOString(),
      });
      const beats = Array.from({ length: 2000 }, (_, n) => beat("long", n ? "HEARTBEAT" : "PLAY", (Math.max(n - 1, 0) * 300) / 1000, (n * 300) / 1000, n, begin - 700_000 + n * 300));
      const old = Array.from({ length: 2500 }, (_, n) => beat(`old-${n}`, "PLAY", 5, 5, 0, begin - 8 * 24 * 3_600_000));
      const store = `lectern-progress ${location.origin}/progress ${viewerId}`;
      localStorage.setItem(`${store} gone-1`, JSON.stringify({ saved: 1, beats: [...old, ...beats] }));
      localStorage.setItem(`${store} gone-2`, "half of it");
    };
    await one.tab.evaluate(leave, [video.id, viewer.id, BEGIN]);
    await one.watch(video);
    assert.equal(await one.pending(), 2000);
    assert.equal(await stored(one.tab), 1, "what is no store of ours stays there");
    await one.pass(2);
    await one.delivered();
    assert.deepEqual(one.sent.flatMap(({ beats }) => beats).map(({ event, watchedTo }) => [event, watchedTo]), [
      ["PLAY", 0],
      ["HEARTBEAT", 599.7],
    ]);
    assert.deepEqual((await told(video)).watched, [[0, 599_700]]);
    assert.deepEqual([...new Set(await one.problems())], ["QUEUE_FULL"]);
    assert.equal(await stored(one.tab), 0);
    await one.tab.close();
  });

  await step("a hidden page tells what it has; a closing one sends a beacon with the ticket", async () => {
    const video = videos.shift();
    const one = await player();
    await one.watch(video);
    await one.does("video.play()");
    await one.pass(7);
    await one.does(`Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
                    document.dispatchEvent(new Event("visibilitychange"))`);
    assert.deepEqual((await told(video)).watched, [[0, 7000]]);
    assert.equal(one.sent.at(-1).beats.at(-1).event, "PAUSE");
    await one.pass(3.333);
    await one.tab.goto(`${address}/player?elsewhere`);
    const last = JSON.parse(await one.tab.evaluate(() => localStorage.getItem("beacon")));
    assert.equal(last.ticket.length, 86);
    await arrives(video, 10_333);
    assert.deepEqual((await told(video)).watched, [[0, 10_333]]);
    // No answer was seen: the next page sends it again, which changes nothing.
    await one.watch(video);
    assert.equal(await one.pending(), last.beats.length);
    await one.pass(2);
    await one.delivered();
    assert.deepEqual((await told(video)).watched, [[0, 10_333]]);
    await one.tab.close();
  });

  await step("two tabs: what either has watched, and what both sent, once", async () => {
    const video = videos.shift();
    const left = await player();
    const right = await player();
    for (const each of [left, right]) await each.watch(video);
    await left.does("video.play()");
    await right.does("video.currentTime = 60; video.playbackRate = 2; video.play()");
    // One browser's pages share the clock.
    await left.pass(40);
    await context.setOffline(true);
    await left.pass(35);
    assert.equal(await stored(left.tab), 2);
    // Each takes the other for gone, and sends its beats as well.
    for (const each of [left, right]) await each.does(`for (const name of Object.keys(localStorage)) {
      if (!name.startsWith("lectern-progress")) continue;
      localStorage.setItem(name, JSON.stringify({ ...JSON.parse(localStorage.getItem(name)), saved: 0 }));
    }`);
    await context.setOffline(false);
    for (const each of [left, right]) {
      await each.does("video.pause()");
      await each.pass(1);
      await each.delivered();
    }
    const played = union([...(await left.played()), ...(await right.played())]);
    const said = await agrees(video, played);
    assert.deepEqual(said.watched, [[0, 212_000]]);
    assert.equal(said.position, 212_000, "the later one counts");
    assert.equal(await stored(left.tab), 0);
    for (const each of [left, right]) {
      assert.deepEqual(await each.problems(), []);
      await each.tab.close();
    }
  });

  await step("it slows down when told, waits when refused, and keeps what is to come again later", async () => {
    const video = videos.shift();
    const one = await player();
    let answer = (body) => ({ status: 202, json: { accepted: body.beats.length, rejected: [], nextBeatAfterSeconds: 120, ticket: null } });
    await one.tab.route(`${address}/progress`, (route) => {
      const made = answer(JSON.parse(route.request().postData()));
      return made ? route.fulfill(made) : route.continue();
    });
    await one.does("Math.random = () => 0"); // by which it waits a little longer
    await one.watch(video);
    await one.does("video.play()");
    assert.equal(one.sent.length, 1);
    await one.pass(119);
    assert.equal(one.sent.length, 1, "it was told to wait two minutes");
    await one.pass(2);
    assert.equal(one.sent.length, 2);
    answer = () => ({ status: 503, headers: { "retry-after": "100" }, json: {} });
    await one.does("video.pause()");
    assert.equal(one.sent.length, 3);
    await one.does("video.play()");
    await one.pass(60);
    await one.does("video.currentTime = 200");
    await one.pass(35);
    assert.equal(one.sent.length, 3, "it was told to wait a hundred seconds");
    answer = ({ beats }) => ({
      status: 202,
      json: {
        accepted: 0, rejected: beats.map((_, index) => ({ index, code: "RETRY_LATER", message: "" })),
        nextBeatAfterSeconds: 60, ticket: null,
      },
    });
    await one.pass(35);
    assert.equal(one.sent.length, 4);
    const kept = await one.pending();
    assert.ok(kept > 3);
    await one.pass(25);
    assert.equal(one.sent.length, 4, "it was told to come again in a minute");
    answer = () => null;
    await one.pass(15);
    assert.ok(one.sent.length > 4);
    await one.does("video.pause()");
    await one.delivered();
    // What the false server had taken is gone, all else arrives.
    const taken = union(one.sent.slice(0, 2).flatMap(({ beats }) => beats).map((beat) => [beat.watchedFrom * 1000, beat.watchedTo * 1000]));
    const [, ...rest] = (await told(video)).watched;
    assert.ok(taken[0][1] > 115_000);
    assert.deepEqual((await told(video)).watched[0][0], Math.round(taken[0][1]));
    assert.equal((await told(video)).watched.at(-1)[1], (await one.played()).at(-1)[1]);
    assert.ok(rest.length > 0);
    assert.deepEqual(await one.problems(), []);
    await one.tab.close();
  });

  await step("tokens are renewed, a ticket alone will do, and who is not enrolled falls silent", async () => {
    const video = videos.shift();
    const one = await player();
    await one.watch(video, {}, ["expired", viewer.token]);
    await one.does("video.play()");
    await one.pass(6);
    await one.does("video.pause()");
    await one.delivered();
    const { ticket } = await (
      await fetch(`${address}/progress`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${viewer.token}` },
        body: JSON.stringify({ beats: one.sent.at(-1).beats }),
      })
    ).json();
    await one.does("reporter.stop()");
    await one.watch(video, { ticket }, []);
    await one.does("video.currentTime = 50; video.play()");
    await one.pass(31.5);
    await one.does("video.pause()");
    await one.delivered();
    assert.deepEqual((await told(video)).watched, [[0, 6000], [50_000, 81_500]]);
    assert.deepEqual(await one.problems(), []);
    await one.does("reporter.stop()");

    // Who renews a token waits for an answer that does not come.
    await one.tab.evaluate(
      ([id, token]) => {
        let asked = 0;
        watch(new FakeVideo(300), { videoId: id, accessToken: () => (asked++ ? token : new Promise(() => {})) }, []);
      },
      [video.id, viewer.token],
    );
    await one.does("video.currentTime = 200; video.play()");
    await one.pass(10);
    await one.does("video.pause()");
    await one.pass(25);
    await one.delivered();
    assert.deepEqual((await told(video)).watched, [[0, 6000], [50_000, 81_500], [200_000, 210_000]]);
    assert.deepEqual(await one.problems(), ["Error: accessToken does not answer"]);
    await one.does("reporter.stop(); problems.length = 0");

    const before = one.sent.length;
    await one.watch(video, { viewerId: stranger.id }, [stranger.token]);
    await one.does("video.play()");
    await one.pass(120);
    assert.deepEqual(await one.problems(), ["NOT_ENROLLED"]);
    assert.equal(one.sent.length, before + 1);
    await one.tab.close();
  });

  await step("a clock that is hours ahead is put right", async () => {
    const video = videos.shift();
    const one = await player({ time: Date.now() + 5 * HOUR });
    await one.does("window.dated = true");
    await one.watch(video);
    await one.does("video.play()");
    await one.pass(33);
    await one.does("video.pause()");
    await one.delivered();
    assert.deepEqual((await agrees(video, await one.played())).watched, [[0, 33_000]]);
    assert.deepEqual(await one.problems(), []);
    await one.tab.close();
  });

  await step("nothing that fails reaches the page", async () => {
    const video = videos.shift();
    const one = await player();
    await one.does(`Object.defineProperty(window, "localStorage", { get() { throw new DOMException("no", "SecurityError"); } })`);
    await one.watch(video, {}, []);
    await one.tab.evaluate(
      ([id]) => watch(new FakeVideo(60), {
        videoId: id, viewerId: "x", accessToken: () => { throw new Error("no token"); }, onProblem: () => { throw new Error("no listener"); },
      }, []),
      [video.id],
    );
    await one.does("video.play()");
    await one.pass(70);
    await one.does("video.pause()");
    await one.does("reporter.stop()");
    assert.equal(one.sent.length, 0);
    assert.deepEqual(complaints, []);
    await one.tab.close();
  });

  assert.deepEqual(elsewhere, [], "a page asked another host");
  assert.deepEqual(complaints, []);
} catch (error) {
  await picture("failure");
  throw error;
} finally {
  await close();
}
