// The cart. It changes here first, at once, and is checked against the shop afterwards.
//
// A line says where it is (in the cart, saved for later, gone because it could not be had, removed)
// and when it last changed. Two carts are merged line by line, the later word wins: so tabs that
// write over each other still end up with the same cart, and nothing is lost.

import { Kept } from "./storage.js";
import { same, sum, times } from "./money.js";

/**
 * @typedef {import("./money.js").Money} Money
 * @typedef {import("./api.js").CheckedLine} CheckedLine
 * @typedef {"cart" | "saved" | "gone" | "removed"} Place
 * @typedef {{place: Place, quantity: number, changed: number, added: number, name: string,
 *   image: string, price: Money | null, reducedFrom?: number, priceBefore?: Money,
 *   reason?: "out_of_stock" | "unknown"}} Line
 * @typedef {{sku: string, name: string, image: string, price: Money | null}} Product
 * @typedef {Record<string, Line>} Lines
 */

/** The shape that is written. Raise it with every change of shape, and add a step to STEPS. */
const VERSION = 2;
export const MOST_OF_ONE = 99;
/** As many as one order takes. */
const MOST_LINES = 50;
/** How long a removed line is remembered, so that no other tab brings it back. */
const REMEMBER_REMOVED_MS = 7 * 24 * 3_600 * 1_000;
const PLACES = ["cart", "saved", "gone", "removed"];

/**
 * What each version is turned into the next with.
 * @type {Record<number, (old: any) => any>}
 */
const STEPS = {
  // Version 1 was a list, as an order has it.
  1: (old) => ({
    version: 2,
    lines: Object.fromEntries(
      old.lines.map((/** @type {any} */ line) => [line.sku, { ...line, place: "cart" }]),
    ),
  }),
};

/** @param {string} text @returns {Lines | null} the lines that can be read; null for none at all */
export function read(text) {
  try {
    let kept = JSON.parse(text);
    while (kept.version < VERSION) kept = STEPS[kept.version](kept);
    if (kept.version !== VERSION) return null;
    const lines = Object.entries(kept.lines).map(([sku, line]) => [sku, readLine(sku, line)]);
    return Object.fromEntries(lines.filter(([, line]) => line !== null));
  } catch {
    return null;
  }
}

/** @param {string} sku @param {any} line @returns {Line | null} */
function readLine(sku, line) {
  const quantity = Number(line?.quantity);
  const isLine = PLACES.includes(line?.place) && quantity >= 0 && quantity <= MOST_OF_ONE;
  if (!isLine || !Number.isInteger(quantity) || !/^[\w.-]{1,64}$/.test(sku)) return null;
  const changed = Number(line.changed) || 0;
  const price = line.price;
  const isPrice = Number.isInteger(price?.amount) && typeof price?.currency === "string";
  return {
    ...line,
    quantity,
    changed,
    added: Number(line.added) || changed,
    name: String(line.name ?? sku),
    image: String(line.image ?? ""),
    price: isPrice ? price : null,
  };
}

/** The later word about each line. @param {Lines} one @param {Lines} other @returns {Lines} */
export function merge(one, other) {
  const merged = { ...one };
  for (const [sku, line] of Object.entries(other)) {
    const known = merged[sku];
    const isLater = !known || line.changed > known.changed
      // Two words at once: either will do, but the same in every tab.
      || (line.changed === known.changed && JSON.stringify(line) > JSON.stringify(known));
    if (isLater) merged[sku] = line;
  }
  return merged;
}

class Cart extends EventTarget {
  #kept = new Kept("cart");
  /** @type {Lines} */
  #lines = {};
  /** Written by a newer release of the shop, in another tab: not ours to write over. */
  #isOurs = true;

  constructor() {
    super();
    this.#lines = this.#find();
    this.#kept.onChange((text) => this.#heard(text));
    // A page that comes back from the back-forward cache has heard nothing meanwhile.
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) this.#heard(null);
    });
  }

  /** Whether other tabs and the next visit will find this cart. */
  get isShared() {
    return this.#kept.isShared && this.#isOurs;
  }

  /** What a product is called, wherever its line has gone; its SKU when nobody knows. @param {string} sku */
  nameOf(sku) {
    return this.#lines[sku]?.name ?? sku;
  }

  /** Lines of one place, in the order in which they came. @param {Place} place */
  at(place) {
    const all = Object.entries(this.#lines).map(([sku, line]) => ({ sku, ...line }));
    return all.filter((line) => line.place === place).sort((a, b) => a.added - b.added);
  }

  /** As an order has them. @returns {import("./api.js").OrderLine[]} */
  get orderLines() {
    return this.at("cart").map(({ sku, quantity }) => ({ sku, quantity }));
  }

  get count() {
    return this.at("cart").reduce((units, line) => units + line.quantity, 0);
  }

  /** Null while a price is not known. @returns {Money | null} */
  get total() {
    const lines = this.at("cart");
    if (lines.some((line) => !line.price)) return null;
    return sum(lines.map((line) => times(/** @type {Money} */ (line.price), line.quantity)));
  }

  /** @param {Product} product @param {number} quantity @returns {boolean} false when it is full */
  add(product, quantity) {
    const inCart = this.at("cart");
    const known = inCart.find((line) => line.sku === product.sku);
    if (!known && inCart.length >= MOST_LINES) return false;
    const units = Math.min(MOST_OF_ONE, (known?.quantity ?? 0) + quantity);
    const { sku, ...about } = product;
    this.#change(sku, { ...about, place: "cart", quantity: units, added: known?.added ?? now() });
    return true;
  }

  /** What a line is of, learnt after it was added. @param {Product} product */
  describe({ sku, ...about }) {
    if (this.#lines[sku]) this.#change(sku, about, "check");
  }

  /** @param {string} sku @param {number} quantity */
  setQuantity(sku, quantity) {
    const units = Math.min(MOST_OF_ONE, Math.max(0, Math.round(quantity) || 0));
    if (units === 0) this.remove(sku);
    else this.#change(sku, { quantity: units });
  }

  /** @param {string} sku */
  remove(sku) {
    this.#change(sku, { place: "removed" });
  }

  /** @param {string} sku */
  saveForLater(sku) {
    this.#change(sku, { place: "saved" });
  }

  /** @param {string} sku */
  moveToCart(sku) {
    this.#change(sku, { place: "cart", quantity: Math.max(1, this.#lines[sku]?.quantity ?? 1) });
  }

  /**
   * Takes the shop's word: what can't be had leaves, what is short is reduced, prices follow.
   * @param {CheckedLine[]} checked
   * @returns {{gone: string[], reduced: string[]}} names
   */
  follow(checked) {
    /** @type {{gone: string[], reduced: string[]}} */
    const told = { gone: [], reduced: [] };
    for (const word of checked) {
      const line = this.#lines[word.sku];
      // Changed since it was asked about: the next check will say.
      if (line?.place !== "cart" || line.quantity !== word.requested) continue;
      if (word.status === "out_of_stock" || word.status === "unknown") {
        this.#change(word.sku, { place: "gone", reason: word.status }, "check");
        told.gone.push(line.name);
        continue;
      }
      /** @type {Partial<Line>} */
      const changes = {};
      if (word.unit_price && !same(word.unit_price, line.price)) {
        changes.price = word.unit_price;
        if (line.price) changes.priceBefore = line.price;
      }
      if (word.status === "reduced") {
        changes.quantity = word.available;
        changes.reducedFrom = line.quantity;
        told.reduced.push(`${line.name}: ${word.available} instead of ${line.quantity}`);
      }
      if (Object.keys(changes).length > 0) this.#change(word.sku, changes, "check");
    }
    return told;
  }

  /** Takes out what was bought. @param {import("./api.js").OrderLine[]} bought */
  bought(bought) {
    for (const { sku, quantity } of bought) {
      const line = this.#lines[sku];
      if (line?.place !== "cart") continue;
      const left = line.quantity - quantity;
      this.#change(sku, left > 0 ? { quantity: left } : { place: "removed" });
    }
  }

  /** @param {string} sku @param {Partial<Line>} changes @param {"shopper" | "check"} [by] */
  #change(sku, changes, by = "shopper") {
    // What other tabs have written by now comes first.
    this.#lines = this.#find();
    const known = this.#lines[sku];
    const changed = Math.max(now(), (known?.changed ?? 0) + 1);
    const said = by === "shopper" ? { reducedFrom: undefined, priceBefore: undefined } : {};
    const line = /** @type {Line} */ ({ ...known, ...said, ...changes, changed });
    this.#lines = { ...this.#lines, [sku]: line };
    this.#write();
    this.#tell(by);
  }

  /** Everything that is kept, merged with what this page knows. */
  #find() {
    const texts = this.#kept.read();
    this.#isOurs = !texts.some(isNewer);
    const found = texts.map(read).filter((lines) => lines !== null);
    return found.reduce(merge, this.#lines);
  }

  #write() {
    if (!this.#isOurs) return;
    const since = now() - REMEMBER_REMOVED_MS;
    const lines = Object.entries(this.#lines)
      .filter(([, line]) => line.place !== "removed" || line.changed > since);
    this.#kept.write(JSON.stringify({ version: VERSION, lines: Object.fromEntries(lines) }));
  }

  /** @param {string | null} text what another tab wrote */
  #heard(text) {
    const theirs = text === null ? {} : read(text) ?? {};
    this.#lines = this.#find();
    // It did not know of something that this one knows: tell it.
    if (Object.keys(merge(theirs, this.#lines)).some((sku) => this.#lines[sku] !== theirs[sku]
      && JSON.stringify(this.#lines[sku]) !== JSON.stringify(theirs[sku]))) this.#write();
    this.#tell("tab");
  }

  /** @param {"shopper" | "check" | "tab"} by */
  #tell(by) {
    this.dispatchEvent(new CustomEvent("change", { detail: { by } }));
  }
}

/** @param {string} text */
function isNewer(text) {
  try {
    return JSON.parse(text).version > VERSION;
  } catch {
    return false;
  }
}

const now = () => Date.now();

/** The cart of this browser. */
export const cart = new Cart();
