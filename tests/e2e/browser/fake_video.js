// What a <video> is to the reporter, on the page's clock, with no media: so what was played is known to the millisecond.

export class FakeVideo extends EventTarget {
  paused = true;
  ended = false;
  seeking = false;
  loop = false;
  readyState = 4;
  /** Milliseconds from and to, in the order of playing. */
  played = [];
  #position = 0; // Milliseconds at `#since`.
  #since = 0;
  #rate = 1;
  #moves = false;
  #timers = [];

  constructor(seconds) {
    super();
    this.duration = seconds;
  }

  get currentTime() {
    return this.#now() / 1000;
  }

  set currentTime(seconds) {
    const end = this.duration * 1000;
    this.#stopMoving();
    this.#position = Math.min(Math.max(seconds * 1000, 0), end);
    this.seeking = true;
    this.ended = false;
    this.#tell("seeking");
    queueMicrotask(() => {
      this.seeking = false;
      this.#move();
      this.#tell("seeked");
    });
  }

  get playbackRate() {
    return this.#rate;
  }

  set playbackRate(rate) {
    const moved = this.#moves;
    this.#stopMoving();
    this.#rate = rate;
    if (moved) this.#move();
    this.#tell("ratechange");
  }

  play() {
    if (!this.paused) return;
    if (this.ended) this.currentTime = 0;
    this.paused = false;
    this.#tell("play");
    this.#move();
    if (this.#moves) this.#tell("playing");
  }

  pause() {
    if (this.paused) return;
    this.#stopMoving();
    this.paused = true;
    this.#tell("timeupdate");
    this.#tell("pause");
  }

  /** No data come. */
  stall() {
    this.#stopMoving();
    this.readyState = 2;
    this.#tell("waiting");
  }

  unstall() {
    this.readyState = 4;
    this.#tell("canplay");
    this.#move();
    if (this.#moves) this.#tell("playing");
  }

  /** The machine sleeps: nothing is told. `dreams`: when it wakes, the player says that it has played on. */
  sleep() {
    this.#stopMoving();
  }

  wake(dreams = 0) {
    this.#position += dreams * 1000;
    this.#move();
  }

  #now() {
    const moved = this.#moves ? (Date.now() - this.#since) * this.#rate : 0;
    return Math.min(this.#position + moved, this.duration * 1000);
  }

  #move() {
    if (this.#moves || this.paused || this.seeking || this.readyState < 3) return;
    this.#since = Date.now();
    this.#moves = true;
    const left = (this.duration * 1000 - this.#position) / this.#rate;
    this.#timers = [setInterval(() => this.#tell("timeupdate"), 250), setTimeout(() => this.#arrive(), left)];
  }

  #stopMoving() {
    const [ticking, arriving] = this.#timers;
    clearInterval(ticking);
    clearTimeout(arriving);
    if (!this.#moves) return;
    const from = this.#position;
    this.#position = this.#now();
    this.#moves = false;
    // Faster than four times nothing counts.
    if (this.#rate <= 4) this.played.push([Math.round(from), Math.round(this.#position)]);
  }

  #arrive() {
    if (this.loop) {
      this.currentTime = 0;
      return;
    }
    this.#stopMoving();
    this.ended = this.paused = true;
    for (const name of ["timeupdate", "pause", "ended"]) this.#tell(name);
  }

  // As a browser does: when the script that caused it is done.
  #tell(name) {
    queueMicrotask(() => this.dispatchEvent(new Event(name)));
  }
}
