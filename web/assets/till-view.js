// What the till shows: one panel at a time, the order beside it, notes above it.

import { announce } from "./announce.js";
import { price, times } from "./money.js";

/**
 * @typedef {import("./api.js").Checkout} Checkout
 * @typedef {import("./money.js").Money} Money
 * @typedef {"holding" | "empty" | "pay" | "approve" | "short" | "price" | "closing" | "expired"
 *   | "cancelled" | "failed" | "done" | "trouble"} Panel
 */

const LOST = "The connection is slow or lost. We go on trying; nothing is lost or charged twice.";
const NOT_KEPT = "This browser can't keep your order: its storage is full or switched off. "
  + "Stay on this page until you have paid.";

export class TillView {
  #root;
  /** @type {Panel} */
  #panel = "holding";

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /** Shows one panel; a change of panels moves the focus and is announced. @param {Panel} name */
  show(name) {
    for (const panel of this.#root.querySelectorAll("[data-panel]")) {
      if (panel instanceof HTMLElement) panel.hidden = panel.dataset.panel !== name;
    }
    this.part("cancel").hidden = name !== "pay" && name !== "approve";
    if (name === this.#panel) return;
    this.#panel = name;
    const heading = this.#root.querySelector(`[data-panel="${name}"] h2`);
    if (heading instanceof HTMLElement) heading.focus({ preventScroll: name === "pay" });
    if (name !== "done") announce(heading?.textContent ?? "");
  }

  /**
   * What is shown before the shop has said what the order is.
   * @param {import("./cart.js").Line[]} lines
   * @param {Money | null} total
   */
  cart(lines, total) {
    const rows = lines.map(({ name, quantity, price: unit }) =>
      [`${quantity} × ${name}`, price(unit && times(unit, quantity))]);
    this.list("lines", rows);
    this.text("total", price(total));
  }

  /** @param {Checkout} checkout */
  order(checkout) {
    this.list("lines", checkout.lines.map((line) =>
      [`${line.quantity} × ${line.name}`, price(line.line_total)]));
    this.text("total", price(checkout.total));
    const pay = this.#root.querySelector(".pay span");
    if (pay) pay.textContent = `Pay ${price(checkout.total)}`;
  }

  /** What stands below the pay button while it can't be pressed. @param {string} text */
  paying(text) {
    const button = this.#root.querySelector(".pay");
    const isPaying = text !== "";
    button?.setAttribute("aria-disabled", String(isPaying));
    button?.querySelector("span")?.classList.toggle("busy", isPaying);
    this.text("paying", text);
  }

  /** Why the last card was not taken; nothing when there is nothing to say. @param {string} text */
  declined(text) {
    this.#note("declined", text);
  }

  /** @param {boolean} isLost */
  connection(isLost) {
    this.#note("connection", isLost ? LOST : "");
  }

  /** @param {boolean} isKept */
  storage(isKept) {
    this.#note("storage", isKept ? "" : NOT_KEPT);
  }

  /** @param {string} part @param {string[][]} rows */
  list(part, rows) {
    const items = rows.map((texts) => {
      const item = document.createElement("li");
      item.append(...texts.map((text) => {
        const span = document.createElement("span");
        span.textContent = text;
        return span;
      }));
      return item;
    });
    this.part(part).replaceChildren(...items);
  }

  /** Text that is the same is left alone: it would be read out again. */
  text(/** @type {string} */ part, /** @type {string} */ text) {
    const element = this.part(part);
    if (element.textContent !== text) element.textContent = text;
  }

  /** @param {string} name @returns {HTMLElement} */
  part(name) {
    return /** @type {HTMLElement} */ (this.#root.querySelector(`[data-part="${name}"]`));
  }

  /** @param {string} part @param {string} text */
  #note(part, text) {
    this.text(part, text);
    this.part(part).hidden = text === "";
  }
}
