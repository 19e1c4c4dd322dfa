// Follows an order: by its event stream, and by asking while there is none. Whoever is told of a
// checkout is told of the newest, once.

import { call } from "./api.js";

/** @typedef {import("./api.js").Checkout} Checkout */

/** How often to ask while the stream is silent where it should not be. */
const ASK_EVERY_MS = 2_000;
/** A stream says something at once; one that does not is no stream. */
const STREAM_SPEAKS_WITHIN_MS = 4_000;
/** How long to leave a stream alone that was refused. */
const STREAM_AGAIN_AFTER_MS = 15_000;
/** States that pass by themselves: worth asking after even while the stream is up. */
const PASSING = new Set(["reserving", "paying", "confirmed", "closing"]);
/** States after which nothing comes that a shopper waits for. */
export const ENDED = new Set([
  "refused", "expired", "cancelled", "payment_failed", "paid", "partially_refunded", "refunded",
  "disputed",
]);

/** States of an order that is paid for, whatever became of the money later. */
export const BOUGHT = new Set(["confirmed", "paid", "partially_refunded", "refunded", "disputed"]);

export class OrderFollower {
  #orderId;
  #secret;
  #told;
  /** @type {EventSource | null} */
  #stream = null;
  #streamSpeaks = false;
  #hasSpoken = false;
  #streamSince = 0;
  #version = -1;
  #state = "";
  #timer = 0;
  #stopped = new AbortController();
  #failures = 0;

  /**
   * @param {string} orderId
   * @param {string | null} secret none where only the order's cookie tells whose it is
   * @param {{news: (checkout: Checkout) => void, still: (checkout: Checkout) => void,
   *   trouble: (trouble: "none" | "connection" | "not-ours") => void}} told of changes, of an order
   *   that is as it was, and of how the shop can be reached
   */
  constructor(orderId, secret, told) {
    this.#orderId = orderId;
    this.#secret = secret;
    this.#told = told;
    this.#listen();
    this.#timer = setInterval(() => this.#tick(), ASK_EVERY_MS);
    document.addEventListener("visibilitychange", () => this.look(), { signal: this.#stopped.signal });
    window.addEventListener("online", () => this.look(), { signal: this.#stopped.signal });
  }

  stop() {
    this.#stopped.abort();
    clearInterval(this.#timer);
    this.#stream?.close();
  }

  /** Takes a checkout that came as the answer to something else. @param {Checkout} checkout */
  take(checkout) {
    if (this.#stopped.signal.aborted) return;
    if (this.#failures > 0) this.#told.trouble("none");
    this.#failures = 0;
    // What is older than what was shown, or the same, is no news. A passing answer of the API may
    // be ahead of the version ('closing').
    if (checkout.version < this.#version) return;
    if (checkout.version === this.#version && checkout.state === this.#state) {
      this.#told.still(checkout);
      return;
    }
    this.#version = checkout.version;
    this.#state = checkout.state;
    this.#told.news(checkout);
    if (ENDED.has(checkout.state)) this.stop();
  }

  /** Asks once. */
  async look() {
    const { signal } = this.#stopped;
    if (signal.aborted || document.hidden) return;
    try {
      const answer = await call("GET", `/v1/checkouts/${this.#orderId}`, { secret: this.#secret, signal });
      if (answer.status === 200) this.take(answer.body);
      else if (answer.status === 401 || answer.status === 404) this.#told.trouble("not-ours");
      else this.#failed();
    } catch {
      if (!signal.aborted) this.#failed();
    }
  }

  #failed() {
    this.#failures += 1;
    // One lost answer is nobody's business.
    if (this.#failures > 1) this.#told.trouble("connection");
  }

  #listen() {
    this.#stream?.close();
    this.#streamSpeaks = false;
    this.#hasSpoken = false;
    this.#streamSince = performance.now();
    const stream = new EventSource(`/v1/checkouts/${this.#orderId}/events`);
    this.#stream = stream;
    stream.addEventListener("checkout", (event) => {
      this.#streamSpeaks = true;
      this.#hasSpoken = true;
      this.take(JSON.parse(event.data));
    });
    stream.addEventListener("error", () => { this.#streamSpeaks = false; });
    // Once it has spoken, it may be silent after coming back: there is no news.
    stream.addEventListener("open", () => { this.#streamSpeaks = this.#hasSpoken; });
  }

  #tick() {
    const age = performance.now() - this.#streamSince;
    const isClosed = this.#stream?.readyState === EventSource.CLOSED;
    if (!this.#streamSpeaks && isClosed && age > STREAM_AGAIN_AFTER_MS) this.#listen();
    const isSilent = !this.#streamSpeaks && (isClosed || age > STREAM_SPEAKS_WITHIN_MS);
    if (isSilent || PASSING.has(this.#state)) this.look();
  }
}
