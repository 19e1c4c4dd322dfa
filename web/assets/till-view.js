// What the till shows: one panel at a time, the order beside it, notes above it.

import { announce } from "./announce.js";
import { cart } from "./cart.js";
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
  #shownLines = "";

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /** Shows one panel; a change of panels moves the focus and is announced. @param {Panel} name */
  show(name) {
    for (const panel of this.#root.querySelectorAll("[data-panel]")) {
      if (panel instanceof HTMLElement) panel.hidden = panel.dataset.panel !== name;
    }
    const summary = this.#root.querySelector(".summary");
    if (summary instanceof HTMLElement) summary.hidden = name === "empty";
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
    this.#lines(lines.map(({ name, quantity, image, price: unit }) =>
      ({ name, quantity, image, total: price(unit && times(unit, quantity)) })));
    this.text("total", price(total));
  }

  /** @param {Checkout} checkout */
  order(checkout) {
    // What the goods look like is the cart's to know.
    const images = new Map(cart.at("cart").map((line) => [line.sku, line.image]));
    this.#lines(checkout.lines.map(({ sku, name, quantity, line_total: total }) =>
      ({ name, quantity, image: images.get(sku) ?? "", total: price(total) })));
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

  /**
   * Lines that are the same are left alone: whatever of them is selected stays so.
   * @param {{name: string, quantity: number, image: string, total: string}[]} lines
   */
  #lines(lines) {
    const shown = JSON.stringify(lines);
    if (shown === this.#shownLines) return;
    this.#shownLines = shown;
    const items = lines.map(({ name, quantity, image, total }) => {
      const item = document.createElement("li");
      item.append(picture(image), span(`${quantity} × ${name}`), span(total));
      return item;
    });
    this.part("lines").replaceChildren(...items);
  }

  /** @param {string} part @param {string[]} texts */
  list(part, texts) {
    const items = texts.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
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

/** @param {string} text */
function span(text) {
  const made = document.createElement("span");
  made.textContent = text;
  return made;
}

/** @param {string} image the address of a product's picture; empty for none */
function picture(image) {
  const made = document.createElement(image ? "img" : "span");
  made.className = image ? "picture" : "picture no-picture";
  if (made instanceof HTMLImageElement) Object.assign(made, { src: image, alt: "", width: 48, height: 48 });
  return made;
}
