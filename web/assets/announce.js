// Says things to those who listen to the page instead of looking at it.

class ShopAnnouncer extends HTMLElement {
  connectedCallback() {
    document.addEventListener("shop-announce", this.#say);
  }

  disconnectedCallback() {
    document.removeEventListener("shop-announce", this.#say);
  }

  /** @param {Event} event */
  #say = (event) => {
    const region = this.querySelector("p");
    if (!region) return;
    const text = /** @type {CustomEvent<string>} */ (event).detail;
    // The same words again are said again only when the region was empty in between.
    region.textContent = "";
    setTimeout(() => { region.textContent = text; }, 50);
  };
}

customElements.define("shop-announcer", ShopAnnouncer);

/** @param {string} text */
export function announce(text) {
  document.dispatchEvent(new CustomEvent("shop-announce", { detail: text }));
}
