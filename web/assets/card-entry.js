// The provider's own form for cards, in a frame of the provider's. The card's number stays there;
// what comes out is the name of a payment method.

/** How long the provider's script may take before the shopper is offered to try again. */
const LOADS_WITHIN_MS = 10_000;

/** @type {Promise<any> | null} */
let loading = null;
/** Where browsers ask for it: a policy that lets through one address. @type {any} */
let policy = null;

/** @param {string} url */
function load(url) {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const trusted = /** @type {any} */ (window).trustedTypes;
    policy ??= trusted?.createPolicy("holdfast-card-script", { createScriptURL: () => url });
    /** @type {any} */ (script).src = policy ? policy.createScriptURL(url) : url;
    script.addEventListener("load", () => resolve(/** @type {any} */ (window).Stripe));
    script.addEventListener("error", () => reject(new Error("the provider's script is not there")));
    setTimeout(() => reject(new Error("the provider's script does not come")), LOADS_WITHIN_MS);
    document.head.append(script);
  });
  loading.catch(() => { loading = null; });
  return loading;
}

/** As the card's form is to look in this page. */
function style() {
  const page = getComputedStyle(document.documentElement);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return {
    base: {
      color: dark ? "#e8ece7" : "#1e2622",
      fontFamily: page.getPropertyValue("--sans").trim(),
      fontSize: "16px",
      "::placeholder": { color: dark ? "#a9b3ac" : "#56605a" },
    },
    invalid: { color: dark ? "#f4a09a" : "#9b2c2c" },
  };
}

class CardEntry extends HTMLElement {
  /** @type {any} */
  #stripe = null;
  /** @type {any} */
  #card = null;

  connectedCallback() {
    this.querySelector("button")?.addEventListener("click", () => this.show());
  }

  /** Loads the form, unless it is there. */
  async show() {
    if (this.#card) return;
    this.#part("retry").hidden = true;
    this.#say("");
    this.#part("loading").hidden = false;
    try {
      const Stripe = await load(this.getAttribute("script") ?? "");
      if (this.#card) return;
      this.#stripe = Stripe(this.getAttribute("key"));
      await this.#mount(this.#stripe.elements());
    } catch {
      this.#card = null;
      this.#say("The card form can't be loaded just now. Your items stay held meanwhile.");
      this.#part("retry").hidden = false;
    }
    this.#part("loading").hidden = true;
  }

  /** @param {any} elements */
  #mount(elements) {
    const card = elements.create("card", { hidePostalCode: true, disableLink: true, style: style() });
    this.#card = card;
    const frame = this.#part("frame");
    card.on("focus", () => frame.setAttribute("data-focus", ""));
    card.on("blur", () => frame.removeAttribute("data-focus"));
    card.on("change", (/** @type {any} */ change) => this.#say(change.error?.message ?? ""));
    const ready = new Promise((resolve, reject) => {
      card.on("ready", resolve);
      card.on("loaderror", reject);
      setTimeout(() => reject(new Error("the card form does not come")), LOADS_WITHIN_MS);
    });
    card.mount(frame);
    matchMedia("(prefers-color-scheme: dark)")
      .addEventListener("change", () => card.update({ style: style() }));
    return ready;
  }

  /**
   * A payment method of what was entered; null when there is none yet, and then the form says why.
   * @returns {Promise<string | null>}
   */
  async paymentMethod() {
    if (!this.#card) {
      await this.show();
      return null;
    }
    this.#say("");
    const { paymentMethod, error } = await this.#stripe.createPaymentMethod({ type: "card", card: this.#card });
    if (error) {
      this.#say(error.message ?? "The card could not be read.");
      this.#card.focus();
      return null;
    }
    return paymentMethod.id;
  }

  /** For the next card. */
  clear() {
    this.#card?.clear();
  }

  /** @param {string} text */
  #say(text) {
    const trouble = this.#part("trouble");
    trouble.hidden = text === "";
    trouble.textContent = text;
  }

  /** @param {string} name @returns {HTMLElement} */
  #part(name) {
    return /** @type {HTMLElement} */ (this.querySelector(`[data-part="${name}"]`));
  }
}

customElements.define("card-entry", CardEntry);
