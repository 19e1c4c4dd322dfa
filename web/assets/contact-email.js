// The field for the shopper's email address. It goes with the request that holds the goods, so that
// it can be changed before, and is only shown from then on.

import { cart } from "./cart.js";
import { givenEmail, keepEmail } from "./contact.js";
import { currentOrder, onOrderChange, sameLines } from "./order-record.js";

const WHAT_FOR = "So that the shop can reach you about this order.";
const GIVEN = "Goes with the order that is held for you.";
const WRONG = "This is no email address. Correct it, or leave the field empty.";

class ContactEmail extends HTMLElement {
  connectedCallback() {
    this.#input.addEventListener("input", this.#typed);
    cart.addEventListener("change", this.show);
    window.addEventListener("pageshow", this.show);
    onOrderChange(this.show);
    this.show();
  }

  disconnectedCallback() {
    cart.removeEventListener("change", this.show);
    window.removeEventListener("pageshow", this.show);
  }

  /** As the order is now, if one is under way. */
  show = () => {
    const order = currentOrder();
    const goesOn = order?.state === "open"
      && (cart.orderLines.length === 0 || sameLines(order.lines, cart.orderLines));
    const input = this.#input;
    input.readOnly = goesOn;
    this.hidden = goesOn && !order.email;
    const email = (goesOn ? order.email : givenEmail()) ?? "";
    // Not what the shopper is typing.
    if (goesOn || email !== "" || input !== document.activeElement) this.#set(email);
    if (!this.#isWrong) this.#say(goesOn ? GIVEN : WHAT_FOR);
  };

  /** Whether it can be sent, or there is nothing to send. Else the field says so. */
  check() {
    const isFine = this.#input.readOnly || this.#input.checkValidity();
    this.#mark(!isFine);
    if (!isFine) this.#input.focus();
    return isFine;
  }

  #typed = () => {
    const input = this.#input;
    const isFine = input.checkValidity();
    keepEmail(isFine ? input.value : null);
    // Nobody is told off while typing.
    if (isFine) this.#mark(false);
  };

  get #isWrong() {
    return this.#input.getAttribute("aria-invalid") === "true";
  }

  /** @param {boolean} isWrong */
  #mark(isWrong) {
    this.#input.setAttribute("aria-invalid", String(isWrong));
    if (!this.#input.readOnly) this.#say(isWrong ? WRONG : WHAT_FOR);
  }

  /** @param {string} email */
  #set(email) {
    if (this.#isWrong && email === "") return;
    if (this.#input.value !== email) this.#input.value = email;
  }

  /** @param {string} text */
  #say(text) {
    const note = this.querySelector("p");
    if (note && note.textContent !== text) note.textContent = text;
  }

  get #input() {
    return /** @type {HTMLInputElement} */ (this.querySelector("input"));
  }
}

customElements.define("contact-email", ContactEmail);
