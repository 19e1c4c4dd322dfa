// Whether a product can be had, and what it costs, kept fresh while somebody looks.

import { call } from "./api.js";
import { price } from "./money.js";

/** The first look comes soon; while nothing changes, the next ones come ever more seldom. */
const FIRST_MS = 5_000;
const LAST_MS = 30_000;
/** As many products as one page of the API's list has. */
const MOST = 100;

/**
 * @typedef {{sku: string, availability: "in_stock" | "low_stock" | "out_of_stock",
 *   available: number, price: import("./money.js").Money}} Product
 */

/** One question for all notes of a page, and not one for each. */
class Watch {
  /** @type {Set<StockNote>} */
  #notes = new Set();
  /** @type {Map<string, string>} */
  #etags = new Map();
  #every = FIRST_MS;
  #timer = 0;

  constructor() {
    document.addEventListener("visibilitychange", () => this.#again(0));
    window.addEventListener("online", () => this.#again(0));
  }

  /** @param {StockNote} note */
  add(note) {
    this.#notes.add(note);
    this.#again(FIRST_MS);
  }

  /** @param {StockNote} note */
  remove(note) {
    this.#notes.delete(note);
  }

  /** @param {number} milliseconds */
  #again(milliseconds) {
    clearTimeout(this.#timer);
    if (milliseconds === 0) this.#every = FIRST_MS;
    if (!document.hidden && this.#notes.size > 0) {
      this.#timer = setTimeout(() => this.#look(), milliseconds);
    }
  }

  async #look() {
    let changed = false;
    try {
      changed = (await Promise.all(this.#paths().map((path) => this.#ask(path)))).some(Boolean);
    } catch {
      // Nothing new is known; what is shown stays.
    }
    this.#every = changed ? FIRST_MS : Math.min(LAST_MS, this.#every * 2);
    this.#again(this.#every);
  }

  /** The product that the page is about, or the part of the list that it shows. */
  #paths() {
    const [main] = this.#notes;
    if (main?.closest("article")) return [`/v1/products/${main.sku}`];
    const after = new URLSearchParams(location.search).get("after");
    const cursor = after ? `&cursor=${btoa(after).replaceAll("=", "").replaceAll("+", "-").replaceAll("/", "_")}` : "";
    return [`/v1/products?limit=${MOST}${cursor}`];
  }

  /** @param {string} path */
  async #ask(path) {
    const answer = await call("GET", path, { etag: this.#etags.get(path) });
    if (answer.status !== 200) return false;
    if (answer.etag) this.#etags.set(path, answer.etag);
    /** @type {Product[]} */
    const products = answer.body.products ?? [answer.body];
    const known = new Map(products.map((product) => [product.sku, product]));
    let changed = false;
    for (const note of this.#notes) {
      const product = known.get(note.sku);
      if (product && note.show(product)) changed = true;
    }
    return changed;
  }
}

const watch = new Watch();

class StockNote extends HTMLElement {
  connectedCallback() {
    watch.add(this);
  }

  disconnectedCallback() {
    watch.remove(this);
  }

  get sku() {
    return this.getAttribute("sku") ?? "";
  }

  /** Answers whether it is news. @param {Product} product */
  show(product) {
    for (const shown of document.querySelectorAll(`[data-price="${CSS.escape(this.sku)}"]`)) {
      setText(shown, price(product.price));
    }
    const note = this.querySelector("p");
    if (!note) return false;
    const changed = setText(note, words(product));
    note.dataset.availability = product.availability;
    if (changed) this.dispatchEvent(new CustomEvent("stock", { bubbles: true, detail: product }));
    return changed;
  }
}

/** Text that is the same is left alone: screen readers would read it again. */
function setText(/** @type {Element} */ element, /** @type {string} */ text) {
  const changed = element.textContent !== text;
  if (changed) element.textContent = text;
  return changed;
}

/** @param {Product} product */
function words({ availability, available }) {
  if (availability === "out_of_stock") return "Sorry, out of stock";
  return availability === "low_stock" ? `Only ${available} left` : "In stock";
}

customElements.define("stock-note", StockNote);
