// The cart's page.

import "./contact-email.js";
import { track } from "./analytics.js";
import { announce } from "./announce.js";
import { call } from "./api.js";
import { cart } from "./cart.js";
import { price, times } from "./money.js";
import { currentOrder, heldUnits, onOrderChange, sameLines } from "./order-record.js";
import { stockCheck } from "./stock-check.js";

/**
 * @typedef {import("./cart.js").Line & {sku: string}} CartLine
 * @typedef {HTMLElement & {check(): boolean}} ContactEmail
 */

class ShoppingCart extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.#click);
    this.addEventListener("change", this.#typed);
    this.#part("checkout").addEventListener("click", this.#checkOut);
    cart.addEventListener("change", this.#show);
    stockCheck.addEventListener("change", this.#show);
    onOrderChange(this.#show);
    this.#addFromAddress();
    this.#show();
  }

  disconnectedCallback() {
    cart.removeEventListener("change", this.#show);
    stockCheck.removeEventListener("change", this.#show);
  }

  /** A product page's form came here by itself, before its script was there. */
  async #addFromAddress() {
    const wanted = new URLSearchParams(location.search);
    const sku = wanted.get("add");
    if (!sku || !/^[\w.-]{1,64}$/.test(sku)) return;
    history.replaceState(null, "", location.pathname);
    const quantity = Math.max(1, Math.round(Number(wanted.get("quantity"))) || 1);
    cart.add({ sku, name: sku, image: "", price: null }, quantity);
    track("added_to_cart", sku);
  }

  #show = () => {
    const [lines, saved, gone] = [cart.at("cart"), cart.at("saved"), cart.at("gone")];
    this.#part("filled").hidden = lines.length === 0;
    this.#part("empty").hidden = lines.length > 0;
    this.#part("saved").hidden = saved.length === 0;
    this.#list("lines", "cart-line", lines, showLine);
    this.#list("saved-lines", "saved-line", saved, showSaved);
    this.#list("notices", "gone-notice", gone, showGone);
    setText(this.#part("total"), price(cart.total));
    this.#showCheck();
    this.#showStorage();
    this.#showOrder(lines.length);
    this.#learn(lines.concat(saved));
  };

  #showCheck() {
    const words = {
      unchecked: "",
      checking: "Checking the stock …",
      checked: "Everything here can be had right now.",
      failing: "The stock could not be checked just now. Trying again; your cart is safe.",
      offline: "You are offline. Your cart is safe, and is checked when you are back.",
    };
    setText(this.#part("check"), words[stockCheck.state]);
  }

  #showStorage() {
    const note = this.#part("storage");
    note.hidden = cart.isShared;
    if (!note.hidden) {
      setText(note, "This browser can't keep your cart: its storage is full or switched off. It lasts as long as this tab is open.");
    }
  }

  /** @param {number} lines how many the cart has */
  #showOrder(lines) {
    const order = currentOrder();
    const note = this.#part("order");
    const isHeld = heldUnits().size > 0 && lines > 0;
    note.hidden = !isHeld;
    if (!order || !isHeld) return;
    const isSame = sameLines(order.lines, cart.orderLines);
    const words = note.querySelector("span");
    if (words) {
      setText(words, isSame
        ? "These items are held for you at the till."
        : "Your cart has changed since the till held it. Going on holds it as it is now.");
    }
  }

  /**
   * Shows `lines` in a list, and keeps the elements of those that stay, so that nobody loses
   * their place.
   * @param {string} part
   * @param {string} template
   * @param {CartLine[]} lines
   * @param {(element: HTMLElement, line: CartLine) => void} show
   */
  #list(part, template, lines, show) {
    const list = this.#part(part);
    const had = /** @type {HTMLElement[]} */ ([...list.children]);
    const known = new Map(had.map((element) => [element.dataset.sku, element]));
    const stay = new Set(lines.map((line) => line.sku));
    for (const element of had) if (!stay.has(element.dataset.sku ?? "")) leave(element, this);
    for (const [index, line] of lines.entries()) {
      const element = known.get(line.sku) ?? fromTemplate(template);
      element.dataset.sku = line.sku;
      show(element, line);
      if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
    }
  }

  /** Names and pictures of what was added by its SKU alone. @param {CartLine[]} lines */
  async #learn(lines) {
    for (const { sku, name, price: known } of lines) {
      if ((known && name !== sku) || asked.has(sku)) continue;
      asked.add(sku);
      try {
        const { status, body } = await call("GET", `/v1/products/${encodeURIComponent(sku)}`);
        if (status === 200) {
          cart.describe({ sku, name: body.name, image: body.image_url ?? "", price: body.price });
        }
      } catch {
        asked.delete(sku);
      }
    }
  }

  /** @param {Event} event */
  #checkOut = (event) => {
    const contact = /** @type {ContactEmail | null} */ (this.querySelector("contact-email"));
    if (contact && !contact.check()) event.preventDefault();
  };

  /** @param {MouseEvent} event */
  #click = (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    const line = button?.closest("[data-sku]");
    if (!button || !(line instanceof HTMLElement)) return;
    const sku = line.dataset.sku ?? "";
    const known = [...cart.at("cart"), ...cart.at("saved"), ...cart.at("gone")]
      .find((known) => known.sku === sku);
    if (known) this.#act(button.dataset.do ?? "", known);
  };

  /** @param {string} what @param {CartLine} line */
  #act(what, { sku, name, quantity, place }) {
    switch (what) {
      case "fewer":
        return this.#setQuantity(sku, name, quantity - 1);
      case "more":
        return this.#setQuantity(sku, name, quantity + 1);
      case "save":
        cart.saveForLater(sku);
        return announce(`${name} is saved for later.`);
      case "move":
        cart.moveToCart(sku);
        track("added_to_cart", sku);
        return announce(`${name} is in your cart.`);
      case "remove":
        cart.remove(sku);
        if (place !== "cart") return undefined;
        track("removed_from_cart", sku);
        return announce(`${name} is removed.`);
      default:
        return undefined;
    }
  }

  /** @param {Event} event */
  #typed = (event) => {
    const input = event.target;
    const line = input instanceof HTMLInputElement ? input.closest("[data-sku]") : null;
    if (!(input instanceof HTMLInputElement) || !(line instanceof HTMLElement)) return;
    const sku = line.dataset.sku ?? "";
    // It is taken, and what the cart makes of it is shown.
    delete input.dataset.shown;
    const typed = input.value;
    // An empty field is nobody's wish to remove anything.
    if (typed) this.#setQuantity(sku, input.getAttribute("aria-label") ?? sku, Number(typed));
    this.#show();
  };

  /** @param {string} sku @param {string} name @param {number} quantity */
  #setQuantity(sku, name, quantity) {
    cart.setQuantity(sku, quantity);
    if (quantity >= 1) return;
    track("removed_from_cart", sku);
    announce(`${name} is removed.`);
  }

  /** @param {string} name @returns {HTMLElement} */
  #part(name) {
    return /** @type {HTMLElement} */ (this.querySelector(`[data-part="${name}"]`));
  }
}

/** SKUs whose product was asked for. @type {Set<string>} */
const asked = new Set();

/** @param {HTMLElement} element @param {CartLine} line */
function showLine(element, line) {
  showWhat(element, line);
  const input = /** @type {HTMLInputElement} */ (element.querySelector("input"));
  input.setAttribute("aria-label", `Quantity of ${line.name}`);
  // What is being typed stays, whatever is heard of the stock meanwhile.
  const quantity = String(line.quantity);
  if (input !== document.activeElement || input.dataset.shown !== quantity) input.value = quantity;
  input.dataset.shown = quantity;
  label(element, "fewer", `One ${line.name} fewer`);
  label(element, "more", `One ${line.name} more`);
  const total = line.price && times(line.price, line.quantity);
  setText(of(element, ".line-total"), price(total));
  const note = of(element, ".availability");
  note.dataset.availability = line.reducedFrom ? "low_stock" : "in_stock";
  if (line.reducedFrom) {
    setText(note, `Only ${line.quantity} left: reduced from ${line.reducedFrom}`);
  } else if (line.priceBefore) {
    note.dataset.availability = "low_stock";
    setText(note, `The price was ${price(line.priceBefore)} when you added it`);
  } else {
    setText(note, stockCheck.words.get(line.sku)?.status === "ok" ? "In stock" : "");
  }
}

/** @param {HTMLElement} element @param {CartLine} line */
function showSaved(element, line) {
  showWhat(element, line);
  label(element, "move", `Move to cart: ${line.name}`);
  const word = stockCheck.words.get(line.sku)?.status;
  const isOut = word === "out_of_stock" || word === "unknown";
  const note = of(element, ".availability");
  note.dataset.availability = isOut ? "out_of_stock" : "in_stock";
  setText(note, isOut ? "Sorry, out of stock" : word ? "In stock" : "");
  const move = /** @type {HTMLButtonElement} */ (of(element, '[data-do="move"]'));
  move.disabled = isOut;
}

/** @param {HTMLElement} element @param {CartLine} line */
function showGone(element, line) {
  const words = line.reason === "unknown"
    ? `Sorry, ${line.name} is not sold here any more. It has left your cart.`
    : `Sorry, out of stock: ${line.name} has left your cart.`;
  setText(of(element, "p"), words);
  element.setAttribute("aria-label", line.name);
  of(element, '[data-do="save"]').hidden = line.reason === "unknown";
  label(element, "save", `Save for later: ${line.name}`);
  label(element, "remove", `Dismiss: ${line.name}`);
}

/** @param {HTMLElement} element @param {CartLine} line */
function showWhat(element, line) {
  const image = /** @type {HTMLImageElement} */ (of(element, "img"));
  if (line.image && image.getAttribute("src") !== line.image) image.src = line.image;
  image.classList.toggle("no-picture", !line.image);
  const link = /** @type {HTMLAnchorElement} */ (of(element, "a"));
  setText(link, line.name);
  link.href = `/products/${encodeURIComponent(line.sku)}`;
  setText(of(element, ".price"), price(line.price));
  label(element, "remove", `Remove ${line.name}`);
  const save = element.querySelector('[data-do="save"]');
  save?.setAttribute("aria-label", `Save for later: ${line.name}`);
}

/** Takes a line off the page; who stood on it stands on the heading. */
function leave(/** @type {HTMLElement} */ element, /** @type {HTMLElement} */ cartElement) {
  const hadFocus = element.contains(document.activeElement);
  element.remove();
  if (!hadFocus) return;
  const next = cartElement.querySelector("[data-sku] a")
    ?? cartElement.querySelector('[data-part="empty"] a');
  const heading = document.querySelector("h1");
  if (next instanceof HTMLElement && next.checkVisibility()) next.focus();
  else if (heading) {
    heading.tabIndex = -1;
    heading.focus();
  }
}

/** @param {string} id @returns {HTMLElement} */
function fromTemplate(id) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  const made = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
  return /** @type {HTMLElement} */ (made.firstElementChild);
}

/** @param {HTMLElement} element @param {string} selector @returns {HTMLElement} */
function of(element, selector) {
  return /** @type {HTMLElement} */ (element.querySelector(selector));
}

/** @param {HTMLElement} element @param {string} what @param {string} text */
function label(element, what, text) {
  element.querySelector(`[data-do="${what}"]`)?.setAttribute("aria-label", text);
}

/** @param {Element} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

customElements.define("shopping-cart", ShoppingCart);
