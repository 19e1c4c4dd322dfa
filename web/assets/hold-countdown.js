// How long the hold lasts: by the server's word and a clock that nobody can set.

import { announce } from "./announce.js";

/** When to say how much is left, in seconds. */
const SAID_AT = [
  { seconds: 120, words: "2 minutes left to pay." },
  { seconds: 60, words: "1 minute left to pay." },
  { seconds: 30, words: "30 seconds left to pay." },
];
const HURRY_SECONDS = 60;

class HoldCountdown extends HTMLElement {
  /** On the page's own clock, which does not follow the computer's. */
  #ends = 0;
  #whole = 1;
  #timer = 0;
  #left = Infinity;

  disconnectedCallback() {
    clearInterval(this.#timer);
  }

  /** @param {import("./api.js").Checkout} checkout that holds */
  start(checkout) {
    if (!checkout.hold) return;
    const at = (/** @type {string} */ time) => Date.parse(time);
    const left = at(checkout.hold.expires_at) - at(checkout.server_time);
    this.#ends = performance.now() + left;
    this.#whole = Math.max(1, at(checkout.hold.expires_at) - at(checkout.created_at));
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#show(), 250);
    this.#show();
  }

  stop() {
    clearInterval(this.#timer);
  }

  #show() {
    const left = Math.max(0, this.#ends - performance.now());
    const seconds = Math.ceil(left / 1_000);
    this.style.setProperty("--left", String(Math.min(1, left / this.#whole)));
    if (seconds === this.#left) return;
    const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    const timer = this.querySelector("[role=timer]");
    if (timer) timer.textContent = text;
    this.toggleAttribute("data-hurry", seconds <= HURRY_SECONDS);
    const passed = SAID_AT.filter((at) => seconds <= at.seconds && this.#left > at.seconds);
    // Only the last that was passed, and nothing of what had passed when the page was opened.
    const last = passed.at(-1);
    if (last && (this.#left !== Infinity || seconds === last.seconds)) announce(last.words);
    this.#left = seconds;
    if (seconds === 0) {
      this.stop();
      this.dispatchEvent(new Event("over"));
    }
  }
}

customElements.define("hold-countdown", HoldCountdown);
