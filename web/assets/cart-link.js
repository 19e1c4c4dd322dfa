// The way to the cart, with how much is in it.

import { cart } from "./cart.js";

class CartLink extends HTMLElement {
  connectedCallback() {
    cart.addEventListener("change", this.#show);
    this.#show();
  }

  disconnectedCallback() {
    cart.removeEventListener("change", this.#show);
  }

  #show = () => {
    const [link, count] = [this.querySelector("a"), this.querySelector("span")];
    if (!link || !count) return;
    const units = cart.count;
    count.hidden = units === 0;
    count.textContent = String(units);
    link.setAttribute("aria-label", units === 0 ? "Cart, empty" : `Cart, ${units} ${units === 1 ? "item" : "items"}`);
  };
}

customElements.define("cart-link", CartLink);
