// Stripe.js, as much of it as a shop needs to take cards (Stripe, "Stripe.js reference"): elements
// are frames of the sandbox's own origin, and what is typed into them never leaves it.
"use strict";

(() => {
  const origin = new URL(document.currentScript.src).origin;
  const FIRST_HEIGHT = "24px";

  /** An element: a frame, and a port to talk to it. */
  class Element_ {
    #type;
    #options;
    #frame = null;
    #port = null;
    #waiting = [];
    #answers = new Map();
    #listeners = new Map();
    #calls = 0;
    #isReady = false;

    constructor(type, options) {
      this.#type = type;
      this.#options = options;
    }

    mount(where) {
      const place = typeof where === "string" ? document.querySelector(where) : where;
      if (!place) throw integrationError("The selector you specified applies to no DOM elements that are currently on the page.");
      this.unmount();
      place.classList.add("StripeElement", "StripeElement--empty");
      const frame = document.createElement("iframe");
      frame.title = "Secure card payment input frame";
      frame.name = `__privateStripeFrame${Math.floor(Math.random() * 1e6)}`;
      frame.allow = "payment *";
      Object.assign(frame.style, {
        // As its page's own, or browsers paint it white where the shop is dark.
        border: "0", colorScheme: "light only", display: "block", height: FIRST_HEIGHT, margin: "0", padding: "0", width: "100%",
      });
      frame.addEventListener("load", () => this.#connect());
      frame.addEventListener("error", () => this.#tell("loaderror", { error: { type: "api_connection_error" } }));
      frame.src = `${origin}/v3/card-frame?type=${encodeURIComponent(this.#type)}`;
      place.replaceChildren(frame);
      this.#frame = frame;
    }

    #connect() {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }) => this.#hear(data);
      // Only a page of the sandbox's gets the port: a frame that failed to load is another origin.
      this.#frame.contentWindow.postMessage({ element: this.#type, options: plain(this.#options) }, origin, [port2]);
      this.#port = port1;
    }

    #hear(message) {
      switch (message.kind) {
        case "answer":
          this.#answers.get(message.call)?.(message);
          this.#answers.delete(message.call);
          return;
        case "height":
          this.#frame.style.height = `${message.height}px`;
          return;
        case "ready":
          this.#isReady = true;
          for (const waiting of this.#waiting.splice(0)) this.#port.postMessage(waiting);
          break;
        case "change":
          this.#mark("StripeElement--empty", message.detail.empty);
          this.#mark("StripeElement--complete", message.detail.complete);
          this.#mark("StripeElement--invalid", Boolean(message.detail.error));
          break;
        case "focus":
        case "blur":
          this.#mark("StripeElement--focus", message.kind === "focus");
          break;
        default:
      }
      this.#tell(message.kind, message.detail ?? {});
    }

    #mark(name, isSet) {
      this.#frame.parentElement?.classList.toggle(name, isSet);
    }

    #tell(kind, detail) {
      const event = { elementType: this.#type, ...detail };
      for (const listener of [...(this.#listeners.get(kind) ?? [])]) listener(event);
    }

    #send(message) {
      if (this.#isReady) this.#port.postMessage(message);
      else this.#waiting.push(message);
    }

    /** Asks the frame for something; for this script alone. */
    ask_(what, detail) {
      if (!this.#frame) return Promise.reject(integrationError("We could not retrieve data from the specified Element. Please make sure the Element you are attempting to use is still mounted."));
      const call = (this.#calls += 1);
      return new Promise((resolve) => {
        this.#answers.set(call, resolve);
        this.#send({ what, call, detail: plain(detail) });
      });
    }

    on(kind, listener) {
      this.#listeners.set(kind, [...(this.#listeners.get(kind) ?? []), listener]);
      if (kind === "ready" && this.#isReady) queueMicrotask(() => listener({ elementType: this.#type }));
      return this;
    }

    once(kind, listener) {
      const one = (event) => {
        this.off(kind, one);
        listener(event);
      };
      return this.on(kind, one);
    }

    off(kind, listener) {
      const kept = (this.#listeners.get(kind) ?? []).filter((known) => listener && known !== listener);
      this.#listeners.set(kind, kept);
      return this;
    }

    update(options) {
      this.#options = { ...this.#options, ...options };
      this.#send({ what: "update", detail: plain(this.#options) });
    }

    focus() { this.#send({ what: "focus" }); }
    blur() { this.#send({ what: "blur" }); }
    clear() { this.#send({ what: "clear" }); }

    unmount() {
      this.#frame?.remove();
      this.#frame = null;
      this.#port?.close();
      this.#port = null;
      this.#isReady = false;
    }

    destroy() {
      this.unmount();
      this.#listeners.clear();
    }
  }

  class Elements {
    #options;
    #made = new Map();

    constructor(options = {}) {
      this.#options = options;
    }

    create(type, options = {}) {
      if (type !== "card" && type !== "payment") {
        throw integrationError(`A valid Element name must be provided. Valid Elements are:\n  card, payment; you passed: ${type}.`);
      }
      if (this.#made.has(type)) throw integrationError(`Can only create one Element of type ${type}.`);
      const element = new Element_(type, { appearance: this.#options.appearance, ...options });
      this.#made.set(type, element);
      return element;
    }

    getElement(type) {
      return this.#made.get(type) ?? null;
    }

    update(options) {
      this.#options = { ...this.#options, ...options };
    }

    async submit() {
      const [element] = this.#made.values();
      if (!element) throw integrationError("Please create an Element first.");
      const { error } = await element.ask_("validate");
      return error ? { error } : { selectedPaymentMethod: "card" };
    }

    /** The element that holds the card; for this script alone. */
    get card_() {
      return this.#made.get("payment") ?? this.#made.get("card");
    }
  }

  function Stripe(key) {
    if (typeof key !== "string" || key === "") {
      throw integrationError("Please call Stripe() with your publishable key. You used an empty string.");
    }
    if (key.startsWith("sk_")) {
      throw integrationError("You should not use your secret key with Stripe.js. Please pass a publishable key instead.");
    }
    return {
      elements: (options) => new Elements(options),

      /** `({type, card, billing_details})`, `({elements, params})` or `("card", element, data)`. */
      async createPaymentMethod(first, element, data) {
        const isOld = typeof first === "string";
        const card = isOld ? element : first.elements?.card_ ?? first.card;
        if (!(card instanceof Element_)) {
          throw integrationError("Invalid value for createPaymentMethod: card should be an Element.");
        }
        const about = isOld ? data : first.elements ? first.params : first;
        const { billing_details, metadata } = about ?? {};
        const answer = await card.ask_("createPaymentMethod", { key, billing_details, metadata });
        return answer.error ? { error: answer.error } : { paymentMethod: answer.paymentMethod };
      },
    };
  }

  /** What can be sent to a frame: no functions. */
  function plain(value) {
    return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
  }

  function integrationError(message) {
    const error = new Error(message);
    error.name = "IntegrationError";
    return error;
  }

  Stripe.version = "sandbox";
  window.Stripe = Stripe;
})();
