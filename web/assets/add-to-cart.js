// Puts a product into the cart, at once. The form works before this script does: it opens the cart
// with what is to be added in its address.

import { track } from "./analytics.js";
import { announce } from "./announce.js";
import { cart } from "./cart.js";

class AddToCart extends HTMLElement {
  connectedCallback() {
    this.querySelector("form")?.addEventListener("submit", this.#add);
    document.addEventListener("stock", this.#stock);
    const sku = this.getAttribute("sku");
    if (sku) track("product_viewed", sku);
  }

  disconnectedCallback() {
    document.removeEventListener("stock", this.#stock);
  }

  /** @param {SubmitEvent} event */
  #add = (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const quantity = Math.max(1, Number(new FormData(form).get("quantity")) || 1);
    const product = this.#product;
    const added = cart.add(product, quantity);
    const text = added
      ? `${quantity} × ${product.name} added to your cart.`
      : "Your cart is full: it takes 50 different goods.";
    const note = this.querySelector(".added");
    const words = note?.querySelector("span");
    if (note instanceof HTMLElement && words) {
      words.textContent = text;
      note.hidden = false;
    }
    announce(text);
    if (added) track("added_to_cart", product.sku);
  };

  /** @param {Event} event */
  #stock = (event) => {
    const product = /** @type {CustomEvent<import("./stock-note.js").Product>} */ (event).detail;
    if (product.sku !== this.getAttribute("sku")) return;
    this.setAttribute("amount", String(product.price.amount));
    const button = this.querySelector("button");
    if (button) button.disabled = product.availability === "out_of_stock";
  };

  /** @returns {import("./cart.js").Product} */
  get #product() {
    const text = (/** @type {string} */ name) => this.getAttribute(name) ?? "";
    const price = { amount: Number(text("amount")), currency: text("currency") };
    return { sku: text("sku"), name: text("name"), image: text("image"), price };
  }
}

customElements.define("add-to-cart", AddToCart);
