// Reports what is watched of one video to Lectern's POST /progress. docs/progress.md says how to use it.
//
// What was played is told by the player's own position, sampled while it plays; a step that is longer than time and rate
// allow was not watched. The server unites whatever it is sent: in doubt a beat is sent again.

const RATE = 4; // The server takes nothing that was played faster.
const TOLERANCE = 250; // Milliseconds of a video by which players' clocks and ours may differ at a moment,
const DRIFT = 1.02; // and how much faster theirs may run.
const LONGEST_STEP = 90_000; // Milliseconds between two looks; browsers wake a hidden page once a minute. Beyond, it slept.
const GUESS = 1000; // Milliseconds for which we believe that it played on until somebody jumped.
const LATE = 50; // Milliseconds that a browser may need to tell of a seek that is done, or to find its place.
const TICK = 1000;
const BATCH = 50;
const FAREWELL = 4; // Requests at once when the page closes: browsers take 64 KiB.
const CAPACITY = 2000;
const OLDEST = 7 * 24 * 3_600_000; // The server takes nothing older.
const LONGEST_MERGED = 30 * 60; // Seconds; the server believes an hour of a beat that it cannot measure.
const USUAL = 30; // Seconds between beats until the server says,
const FASTEST = 5; // and however little it says.
const SOON = 1000; // Milliseconds in which several seeks become one.
const TENTHS_APART = 5000; // Milliseconds between two requests that tenths of a short video cause.
const TICKET_LIFE = 14 * 60_000; // It lives a minute longer.
const PATIENCE = 30_000; // Milliseconds for an answer.
const RETRY_FIRST = 2, RETRY_LAST = 120; // Seconds after a failure, doubled each time.
const RETRY_LONGEST = 3600; // Seconds that a Retry-After may ask for.
const SKEWED = 60_000; // Milliseconds by which a clock is wrong enough to be put right.
const ABANDONED = 120_000; // Milliseconds after which what another page keeps is taken over.
const STORE = "lectern-progress";

const named = (problem) => console.warn("Progress reporter:", problem.code, problem.error ?? problem.beat);

export class ProgressReporter {
  #media; #videoId; #viewerId; #endpoint; #accessToken; #length; #onProblem;
  #listening = new AbortController();
  #stopped = false;
  #viewing = null; // {key, sequence, playing, muted}: the present one, or the last.
  #from = null; // Milliseconds of the video at which what the next beat tells began; null while nothing is watched.
  #last = null; // The latest look: {position, wall, steady, rate}, position in milliseconds and not rounded.
  #slack = TOLERANCE;
  #waiting = false;
  #jump = null; // While somebody jumps: {told, target}, whether that is told, and where to.
  #tenth = 0;
  #queue = []; // {beat, handed, bid, own}, the oldest first. A request has it; a beacon had; this page has made it.
  #store;
  #ticket = null; // {value, until}
  #token = null;
  #skew = 0;
  #pace = USUAL;
  #beatAt = 0;
  #sentAt = -Infinity;
  #notBefore = 0;
  #failures = 0;
  #cutOff = false;
  #sending = null;
  #timer = null; // {handle, at}
  #ticking = null;

  /**
   * @param {HTMLMediaElement} media
   * @param {object} options
   * @param {string} options.videoId `Video.id`.
   * @param {(refused?: string) => string | null | Promise<string | null>} [options.accessToken] Called for each request;
   *   with the token that was refused, to be renewed, after a 401.
   * @param {string} [options.ticket] Of an answer to `recordProgress`, where there is no access token.
   * @param {string} [options.viewerId] `Viewer.id`: what could not be sent is kept for this viewer in localStorage.
   *   Without it nothing outlives the page.
   * @param {number} [options.durationSeconds] `Video.durationSeconds`: nothing beyond it is reported.
   * @param {string | URL} [options.endpoint] By default `/progress` of the server this file came from.
   * @param {(problem: {code: string, beat?: object, error?: unknown}) => void} [options.onProblem] A beat that was not
   *   taken and will not be, or something unexpected. By default a warning on the console.
   */
  constructor(media, options) {
    this.#media = media;
    this.#videoId = options.videoId;
    this.#viewerId = options.viewerId ?? null;
    this.#endpoint = String(options.endpoint ?? new URL("../progress", import.meta.url));
    this.#accessToken = options.accessToken ?? (() => null);
    this.#length = options.durationSeconds ? Math.round(options.durationSeconds * 1000) : Infinity;
    this.#onProblem = options.onProblem ?? named;
    this.#keep(options.ticket);
    this.#store = `${STORE} ${this.#endpoint} ${this.#viewerId} `;
    this.#store += random();
    const on = (target, names, react) => {
      for (const name of names.split(" ")) {
        target?.addEventListener(name, (event) => this.#guarded(() => react.call(this, event)), {
          signal: this.#listening.signal,
        });
      }
    };
    on(media, "play", this.#play);
    on(media, "playing canplay", this.#goOn);
    on(media, "waiting", this.#wait);
    on(media, "timeupdate ratechange", this.#look);
    on(media, "seeking", this.#look);
    on(media, "seeked", this.#arrive);
    on(media, "pause", () => this.#rest(media.ended ? "END" : "PAUSE"));
    on(media, "ended", () => this.#rest("END"));
    on(media, "emptied", this.#empty);
    on(globalThis.document, "visibilitychange", this.#visibility);
    on(globalThis.window, "pagehide", this.#leave);
    on(globalThis.window, "pageshow", this.#return);
    on(globalThis.window, "online", this.#reconnect);
    this.#guarded(() => {
      this.#adopt();
      if (this.#queue.length) this.#sendIn(SOON);
      if (!media.paused && !media.ended) this.#play();
    });
  }

  /** How many beats wait to be taken. */
  get pending() {
    return this.#queue.length;
  }

  /** Ends reporting. Resolves when what waits was sent, or could not be. */
  async stop() {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#guarded(() => this.#rest(this.#media.ended ? "END" : "PAUSE", false));
    this.#listening.abort();
    await this.#sending;
    await this.#send();
    clearTimeout(this.#timer?.handle);
    this.#guarded(() => this.#save(true));
  }

  // ---- what is watched ----

  #play() {
    if (this.#viewing?.playing) return;
    this.#viewing = { key: random(), sequence: 0, playing: true, muted: false };
    this.#waiting = this.#media.readyState < 3;
    this.#begin();
    // From the end it plays on at the beginning: no jump of anybody's.
    this.#jump = this.#media.seeking ? { told: false, target: this.#last.position } : null;
    if (this.#jump) this.#from = null;
    this.#beat("PLAY");
    this.#beatAt = performance.now();
    this.#ticking ??= setInterval(() => this.#guarded(() => this.#tick()), TICK);
    // The ticket of the answer is what a page that closes needs.
    if (!this.#freshTicket()) this.#sendIn(0);
  }

  /** Watching begins where the player is. */
  #begin() {
    this.#last = this.#now();
    this.#slack = TOLERANCE;
    this.#from = this.#counts(this.#last) ? this.#milliseconds(this.#last.position) : null;
    this.#tenth = this.#tenthOf(this.#last.position);
  }

  #now() {
    const { currentTime, playbackRate } = this.#media;
    return { position: currentTime * 1000, wall: Date.now(), steady: performance.now(), rate: playbackRate };
  }

  #counts({ rate }) {
    return rate > 0 && rate <= RATE;
  }

  /** Milliseconds that have passed since the last look, at most: neither clock is believed alone, nor sleep. */
  #passed(now) {
    const steady = now.steady - this.#last.steady;
    const wall = now.wall - this.#last.wall;
    return Math.min(steady, wall < 0 ? steady : wall, LONGEST_STEP);
  }

  /** Takes what was played since the last look; a jump ends what the next beat tells. */
  #look() {
    if (!this.#viewing?.playing) return;
    if (this.#media.seeking) {
      this.#depart();
      return;
    }
    if (this.#jump) return;
    const now = this.#now();
    const step = now.position - this.#last.position;
    // Just after a seek a player may correct itself.
    if (step < 0 && step >= -LATE && this.#counts(now)) return;
    const allowed = this.#passed(now) * Math.max(now.rate, this.#last.rate) * DRIFT + this.#slack;
    const played = step >= 0 && step <= allowed && this.#counts(this.#last);
    if (played) {
      this.#slack = Math.min(TOLERANCE, allowed - step);
      this.#last = now;
    }
    if (!played || !this.#counts(now)) {
      this.#close();
      this.#begin();
      return;
    }
    const tenth = this.#tenthOf(now.position);
    if (tenth === this.#tenth) return;
    this.#tenth = tenth;
    if (tenth < 10) {
      this.#beat("HEARTBEAT");
      // Who asks for fewer beats wants fewer requests.
      if (this.#pace <= USUAL) this.#sendIn(this.#sentAt + TENTHS_APART - performance.now());
    }
  }

  /** What was watched up to the last look becomes a beat, if there is any. */
  #close() {
    if (this.#from !== null && this.#milliseconds(this.#last.position) > this.#from) this.#beat("HEARTBEAT");
    this.#from = null;
  }

  /** Somebody jumps. Until just before it played on, unless it was waiting for data. */
  #depart() {
    const target = this.#media.currentTime * 1000;
    if (this.#jump) {
      this.#jump.target = target;
      return;
    }
    this.#jump = { told: true, target };
    if (this.#from === null) return;
    const passed = this.#passed(this.#now());
    if (!this.#waiting && passed <= GUESS) this.#last.position += passed * this.#last.rate;
    const end = this.#end();
    if (this.#last.position > end) this.#last.position = end;
    if (this.#media.loop && end - this.#last.position < TOLERANCE && target < TOLERANCE) {
      this.#last.position = end;
      this.#beat("END", end);
      this.#from = null;
      this.#jump.told = false;
      this.#sendIn(0);
    }
  }

  #arrive() {
    if (this.#media.seeking || this.#viewing === null) return;
    if (!this.#viewing.playing) {
      // Where they will go on. The first seek, before anything was watched, is the page's own.
      this.#from = null;
      this.#seek();
      return;
    }
    if (!this.#jump) return;
    const { told, target } = this.#jump;
    if (told) this.#seek();
    this.#jump = null;
    this.#begin();
    const late = this.#last.position - target;
    if (this.#from !== null && late > 0 && late <= LATE) this.#from = this.#milliseconds(target);
  }

  #seek() {
    const target = this.#media.currentTime * 1000;
    const latest = this.#queue.at(-1);
    const { beat } = latest ?? {};
    // Who drags the slider about passes many places.
    const dragged =
      beat?.event === "SEEK" && beat.viewingKey === this.#viewing.key && !latest.handed &&
      (this.#from === null || this.#milliseconds(this.#last.position) <= this.#from);
    if (dragged) {
      beat.positionSeconds = this.#milliseconds(target) / 1000;
      beat.clientTime = this.#time();
      this.#save();
    } else {
      this.#beat("SEEK", target);
    }
    if (this.#pace <= USUAL) this.#sendIn(SOON);
  }

  #wait() {
    this.#look();
    this.#waiting = true;
  }

  #goOn() {
    this.#look();
    this.#waiting = false;
  }

  /** The viewing ends. */
  #rest(event, sends = true) {
    if (!this.#viewing?.playing) return;
    this.#look();
    this.#viewing.playing = false;
    this.#jump = null;
    clearInterval(this.#ticking);
    this.#ticking = null;
    this.#beat(event);
    this.#from = null;
    if (sends) this.#sendIn(0);
  }

  /** Another source: where the last one was is known from the last look alone. */
  #empty() {
    if (!this.#viewing?.playing) return;
    this.#viewing.playing = false;
    clearInterval(this.#ticking);
    this.#ticking = null;
    this.#beat("PAUSE", this.#last.position);
    this.#from = null;
    this.#sendIn(0);
  }

  #tick() {
    this.#look();
    if (performance.now() - this.#beatAt < this.#pace * 1000) return;
    this.#beatAt = performance.now();
    this.#adopt();
    if (this.#from !== null && this.#milliseconds(this.#last.position) > this.#from) this.#beat("HEARTBEAT");
    this.#sendIn(0);
  }

  /** Of what was watched since the beat before. */
  #beat(event, position = this.#media.currentTime * 1000) {
    const viewing = this.#viewing;
    if (viewing.muted) return;
    const at = this.#milliseconds(position);
    const from = this.#from ?? at;
    const to = this.#from === null ? at : Math.max(this.#milliseconds(this.#last.position), from);
    const beat = {
      videoId: this.#videoId,
      viewingKey: viewing.key,
      event,
      positionSeconds: at / 1000,
      watchedFrom: from / 1000,
      watchedTo: to / 1000,
      clientSequence: viewing.sequence++,
      clientTime: this.#time(),
    };
    if (this.#from !== null) this.#from = to;
    this.#queue.push({ beat, handed: false, bid: false, own: true });
    this.#compact();
    this.#save();
  }

  #milliseconds(position) {
    return Math.round(Math.min(Math.max(position, 0), this.#length));
  }

  #end() {
    const length = this.#media.duration * 1000;
    return Math.min(Number.isFinite(length) ? length : Infinity, this.#length);
  }

  #tenthOf(position) {
    const end = this.#end();
    return Number.isFinite(end) && end > 0 ? Math.min(Math.floor((10 * position) / end), 10) : 0;
  }

  #time() {
    return new Date(Date.now() + this.#skew).toISOString();
  }

  // ---- the page ----

  #visibility() {
    if (document.visibilityState !== "hidden") {
      this.#return();
      return;
    }
    if (this.#viewing?.playing) {
      this.#look();
      this.#beat("PAUSE");
    }
    // It may be the last that is heard of this page, and then no answer to an earlier request comes.
    if (this.#sending) this.#bid();
    else this.#send();
  }

  #leave() {
    if (this.#viewing?.playing) this.#rest("PAUSE", false);
    this.#bid();
    this.#save(true);
  }

  /** Hands on what waits without hoping for an answer; it stays in localStorage, and is sent once more another time. */
  #bid() {
    for (let requests = 0; requests < FAREWELL; requests += 1) {
      const batch = this.#queue.filter((each) => !each.handed && !each.bid).slice(0, BATCH);
      if (batch.length === 0) return;
      const beats = batch.map((each) => each.beat);
      const ticket = this.#freshTicket();
      if (ticket && navigator.sendBeacon?.(this.#endpoint, JSON.stringify({ ticket, beats }))) {
        // Text has no preflight, for which there would be no time.
      } else if (this.#token) {
        this.#request({ beats }, this.#token).catch(() => {}); // Nobody is there to hear.
      } else {
        return;
      }
      for (const each of batch) each.bid = true;
    }
  }

  #return() {
    for (const each of this.#queue) each.bid = false;
    if (!this.#media.paused && !this.#media.ended) this.#play();
    if (this.#queue.length) this.#sendIn(0);
  }

  #reconnect() {
    if (this.#cutOff) this.#notBefore = 0;
    this.#adopt();
    if (this.#queue.length) this.#sendIn(0);
  }

  // ---- sending ----

  #sendIn(milliseconds) {
    if (this.#stopped) return;
    const at = performance.now() + Math.max(milliseconds, 0);
    if (this.#timer && this.#timer.at <= at) return;
    clearTimeout(this.#timer?.handle);
    const run = () => {
      this.#timer = null;
      this.#send();
    };
    if (milliseconds <= 0) {
      run();
      return;
    }
    this.#timer = { at, handle: setTimeout(run, milliseconds) };
  }

  /** Never rejects. */
  #send() {
    this.#sending ??= this.#exchange()
      .catch((error) => this.#fail(error))
      .finally(() => {
        this.#sending = null;
      });
    return this.#sending;
  }

  async #exchange() {
    this.#forgetOld();
    for (;;) {
      const wait = this.#notBefore - performance.now();
      const batch = this.#queue.filter((each) => !each.handed && !each.bid).slice(0, BATCH);
      if (batch.length === 0) return;
      if (wait > 0) {
        this.#sendIn(wait);
        return;
      }
      for (const each of batch) each.handed = true;
      this.#sentAt = this.#beatAt = performance.now();
      let response;
      try {
        response = await this.#post(batch.map((each) => each.beat));
        this.#settle(batch, response);
      } catch (error) {
        // Offline, or no answer in time: nothing unusual, and tried again.
        this.#backOff(null);
        this.#cutOff = true;
        // What fetch and JSON throw when a network or a proxy is in the way.
        if (!["TypeError", "AbortError", "SyntaxError"].includes(error?.name)) this.#fail(error);
      } finally {
        for (const each of batch) each.handed = false;
        this.#save();
      }
    }
  }

  /** Answers null when nobody is signed in. */
  async #post(beats) {
    this.#token = await this.#tokenOf();
    let response = this.#token ? await this.#request({ beats }, this.#token) : null;
    if (response?.status === 401) {
      const refused = this.#token;
      this.#token = await this.#tokenOf(refused);
      if (this.#token && this.#token !== refused) response = await this.#request({ beats }, this.#token);
    }
    const ticket = this.#freshTicket();
    if ((response === null || response.status === 401) && ticket) {
      response = await this.#request({ beats, ticket }, null);
      if (response.status === 401) this.#ticket = null;
    }
    return response;
  }

  /** Who renews it may wait for an answer that is lost. */
  async #tokenOf(refused) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("accessToken does not answer")), PATIENCE);
    });
    try {
      return await Promise.race([this.#accessToken(refused), late]);
    } catch (error) {
      this.#fail(error);
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  async #request(body, token) {
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(), PATIENCE);
    try {
      const response = await fetch(this.#endpoint, {
        method: "POST",
        // So it goes on when the page closes meanwhile.
        keepalive: true,
        credentials: "omit",
        headers: token
          ? { "content-type": "application/json", authorization: `Bearer ${token}` }
          : { "content-type": "text/plain;charset=UTF-8" },
        body: JSON.stringify(body),
        signal: giveUp.signal,
      });
      // A connection may die in the middle of an answer, and nobody tells.
      return { status: response.status, headers: response.headers, text: await response.text() };
    } finally {
      clearTimeout(timer);
    }
  }

  #settle(batch, response) {
    if (response?.status === 202) {
      const answer = JSON.parse(response.text);
      this.#failures = 0;
      this.#pace = Math.min(Math.max(Number(answer.nextBeatAfterSeconds) || USUAL, FASTEST), RETRY_LONGEST);
      this.#keep(answer.ticket);
      this.#judge(batch, answer.rejected ?? [], this.#skewOf(response));
    } else if (response?.status === 400) {
      // It will never be taken, and would hold up what comes behind it.
      for (const { beat } of batch) this.#tell({ code: "BAD_REQUEST", beat });
      this.#remove(batch);
    } else {
      this.#backOff(response?.headers.get("retry-after") ?? null);
    }
  }

  #judge(batch, rejected, skew) {
    const later = new Set();
    for (const { index, code } of rejected) {
      const each = batch[index];
      if (code === "RETRY_LATER") later.add(each);
      if ((code === "CLOCK_AHEAD" || code === "TOO_OLD") && each.own && skew !== this.#skew) later.add(each);
      if (!later.has(each)) this.#tell({ code, beat: each.beat });
      if ((code === "NOT_ENROLLED" || code === "UNKNOWN_VIDEO") && each.beat.viewingKey === this.#viewing?.key) {
        this.#viewing.muted = true;
      }
    }
    this.#remove(batch.filter((each) => !later.has(each)));
    this.#setRight(skew);
    if (rejected.some(({ code }) => code === "RETRY_LATER")) {
      this.#notBefore = performance.now() + this.#pace * 1000;
    }
  }

  /** Milliseconds by which the server's clock is ahead of ours; as before where it makes no great difference. */
  #skewOf(response) {
    const skew = Date.parse(response.headers.get("date") ?? "") - Date.now();
    return Math.abs(skew - this.#skew) > SKEWED ? skew : this.#skew;
  }

  #setRight(skew) {
    const error = skew - this.#skew;
    if (error === 0) return;
    this.#skew = skew;
    for (const { beat, own } of this.#queue) {
      if (own) beat.clientTime = new Date(Date.parse(beat.clientTime) + error).toISOString();
    }
  }

  /** Nothing is sent until `after` (seconds, or a date), or for longer each time. */
  #backOff(after) {
    const told = Number.isNaN(Number(after)) ? (Date.parse(after) - Date.now()) / 1000 : Number(after);
    const own = Math.min(RETRY_FIRST * 2 ** this.#failures, RETRY_LAST);
    this.#failures += 1;
    this.#cutOff = false;
    const seconds = Math.min(Math.max(told || 0, own), RETRY_LONGEST) * (1 + Math.random() / 4);
    this.#notBefore = performance.now() + seconds * 1000;
  }

  #keep(ticket) {
    if (ticket) this.#ticket = { value: ticket, until: Date.now() + TICKET_LIFE };
  }

  #freshTicket() {
    return this.#ticket && Date.now() < this.#ticket.until ? this.#ticket.value : null;
  }

  // ---- what waits ----

  #remove(entries) {
    const gone = new Set(entries);
    this.#queue = this.#queue.filter((each) => !gone.has(each));
  }

  #forgetOld() {
    const oldest = Date.now() + this.#skew - OLDEST;
    this.#remove(this.#queue.filter((each) => !each.handed && Date.parse(each.beat.clientTime) < oldest));
  }

  /**
   * Heartbeats that wait become one with what follows them. Whatever of them the server has taken without our hearing
   * of it, what it becomes is plausible: it has the number of the first, and is measured by what came before that. Seeks
   * are counted by their numbers, and keep them.
   */
  #compact() {
    if (this.#queue.length <= BATCH) return;
    const kept = [];
    for (const each of this.#queue) {
      const before = kept.at(-1);
      const joins =
        before && !before.handed && !each.handed && before.beat.event === "HEARTBEAT" && each.beat.event !== "SEEK" &&
        before.beat.viewingKey === each.beat.viewingKey && before.beat.watchedTo === each.beat.watchedFrom &&
        each.beat.watchedTo - before.beat.watchedFrom <= LONGEST_MERGED;
      if (joins) {
        each.beat.watchedFrom = before.beat.watchedFrom;
        each.beat.clientSequence = before.beat.clientSequence;
        each.bid &&= before.bid;
        kept.pop();
      }
      kept.push(each);
    }
    const surplus = kept.length - CAPACITY;
    if (surplus > 0) {
      // Those first that tell of nothing watched.
      const idle = kept.filter(({ beat, handed }) => !handed && beat.watchedFrom === beat.watchedTo);
      const dropped = new Set([...new Set([...idle, ...kept])].slice(0, surplus));
      for (const { beat } of dropped) this.#tell({ code: "QUEUE_FULL", beat });
      this.#queue = kept.filter((each) => !dropped.has(each));
    } else {
      this.#queue = kept;
    }
  }

  /** Each reporter writes a key of its own, so that no two overwrite each other's. `left`: another may take it over. */
  #save(left = false) {
    if (this.#viewerId === null) return;
    stored((storage) => {
      const beats = this.#queue.map((each) => each.beat);
      if (beats.length) storage.setItem(this.#store, JSON.stringify({ saved: left ? 0 : Date.now(), beats }));
      else storage.removeItem(this.#store);
    });
  }

  /** Takes over what pages have left that are gone. Should two do so, the server unites. */
  #adopt() {
    if (this.#viewerId === null) return;
    stored((storage) => {
      const mine = this.#store.slice(0, this.#store.lastIndexOf(" ") + 1);
      const names = Array.from({ length: storage.length }, (_, index) => storage.key(index));
      for (const name of names) {
        if (!name.startsWith(`${STORE} `) || name === this.#store) continue;
        const { saved, beats } = read(storage.getItem(name));
        const latest = Math.max(saved, ...beats.map((beat) => Date.parse(beat.clientTime) || 0));
        if (name.startsWith(mine) && Date.now() - saved > ABANDONED) {
          this.#queue.unshift(...beats.map((beat) => ({ beat, handed: false, bid: false, own: false })));
          this.#compact();
          this.#save();
          storage.removeItem(name);
        } else if (Date.now() - latest > OLDEST) {
          storage.removeItem(name);
        }
      }
    });
  }

  // ---- the page must not suffer ----

  #guarded(react) {
    try {
      react();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error) {
    this.#tell({ code: "UNEXPECTED", error });
  }

  #tell(problem) {
    try {
      this.#onProblem(problem);
    } catch (error) {
      console.warn("Progress reporter:", error);
    }
  }
}

/** 32 characters that nobody else has made. */
function random() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Storage may be forbidden, full, or not there: then what waits is in memory alone. */
function stored(work) {
  try {
    if (globalThis.localStorage) work(localStorage);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
}

/** Anything may stand there; other scripts write into the same storage. */
function read(text) {
  try {
    const { saved, beats } = JSON.parse(text);
    if (typeof saved === "number" && Array.isArray(beats)) {
      return { saved, beats: beats.filter((beat) => typeof beat?.viewingKey === "string") };
    }
  } catch {
    // Not ours, or half of it: as if there were none.
  }
  return { saved: 0, beats: [] };
}
