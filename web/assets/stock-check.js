// Asks the shop how the cart stands, in the background. Nothing waits for the answer; when there is
// none, it asks again, ever more seldom.

import { announce } from "./announce.js";
import { backoff, call } from "./api.js";
import { cart } from "./cart.js";
import { heldUnits } from "./order-record.js";

/**
 * @typedef {import("./api.js").CheckedLine} CheckedLine
 * @typedef {"unchecked" | "checking" | "checked" | "failing" | "offline"} State
 */

/** Changes that come in quick succession are one question. */
const DEBOUNCE_MS = 300;
/** As many lines as one question may have. */
const MOST_LINES = 50;
/** How long an answer is good for while somebody looks. */
const FRESH_MS = 30_000;

class StockCheck extends EventTarget {
  /** @type {State} */
  state = "unchecked";
  /** The last word about each SKU. @type {Map<string, CheckedLine>} */
  words = new Map();
  #failures = 0;
  #timer = 0;
  /** @type {AbortController | null} */
  #asking = null;

  constructor() {
    super();
    cart.addEventListener("change", (event) => {
      const { by } = /** @type {CustomEvent<{by: string}>} */ (event).detail;
      if (by !== "check") this.#soon(DEBOUNCE_MS);
    });
    window.addEventListener("online", () => {
      this.#failures = 0;
      this.#soon(0);
    });
    window.addEventListener("offline", () => this.#become("offline"));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#soon(DEBOUNCE_MS);
    });
    this.#soon(DEBOUNCE_MS);
  }

  /** @param {number} milliseconds */
  #soon(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#check(), milliseconds);
  }

  async #check() {
    // The question of before is about a cart that is no more.
    this.#asking?.abort();
    const lines = [...cart.at("cart"), ...cart.at("saved")];
    if (lines.length === 0 || document.hidden) return;
    const asking = new AbortController();
    this.#asking = asking;
    if (this.state !== "failing") this.#become("checking");
    try {
      const checked = await this.#ask(lines, asking.signal);
      this.#failures = 0;
      this.#hear(checked);
      this.#soon(FRESH_MS);
    } catch {
      // Another question has taken this one's place.
      if (asking.signal.aborted) return;
      this.#become(navigator.onLine ? "failing" : "offline");
      this.#soon(backoff(this.#failures));
      this.#failures += 1;
    }
  }

  /**
   * @param {{sku: string, quantity: number}[]} lines
   * @param {AbortSignal} signal
   * @returns {Promise<CheckedLine[]>}
   */
  async #ask(lines, signal) {
    const wanted = lines.map(({ sku, quantity }) => ({ sku, quantity: Math.max(1, quantity) }));
    const checked = [];
    for (let from = 0; from < wanted.length; from += MOST_LINES) {
      const body = { lines: wanted.slice(from, from + MOST_LINES) };
      const answer = await call("POST", "/v1/stock-check", { body, signal });
      if (answer.status !== 200) throw new Error(`the stock check answered ${answer.status}`);
      checked.push(...answer.body.lines);
    }
    return checked;
  }

  /** @param {CheckedLine[]} checked */
  #hear(checked) {
    const held = heldUnits();
    const words = checked.map((word) => withOurs(word, held.get(word.sku) ?? 0));
    this.words = new Map(words.map((word) => [word.sku, word]));
    const { gone, reduced } = cart.follow(words);
    if (gone.length > 0) announce(`Sorry, out of stock: ${gone.join(", ")}. Not in your cart any more.`);
    if (reduced.length > 0) announce(`Fewer are left. ${reduced.join(". ")}.`);
    // An answer that was still on its way when the connection went is the last one for now.
    this.#become(navigator.onLine ? "checked" : "offline");
  }

  /** @param {State} state */
  #become(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

/** What our own open order holds is ours to have. @param {CheckedLine} word @param {number} held */
function withOurs(word, held) {
  if (held === 0 || word.status === "ok" || word.status === "unknown") return word;
  const available = Math.min(word.requested, word.available + held);
  const status = available >= word.requested ? "ok" : available > 0 ? "reduced" : "out_of_stock";
  return { ...word, available, status: /** @type {CheckedLine["status"]} */ (status) };
}

/** The check of this page. */
export const stockCheck = new StockCheck();
