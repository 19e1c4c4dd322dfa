// Figures that are kept fresh while somebody looks: each has its place in the answer of `from`.

const EVERY_MS = 3_000;

class LiveFigures extends HTMLElement {
  #timer = 0;

  connectedCallback() {
    document.addEventListener("visibilitychange", this.#again);
    this.#again();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#again);
    clearTimeout(this.#timer);
  }

  #again = () => {
    clearTimeout(this.#timer);
    if (!document.hidden) this.#timer = setTimeout(() => this.#look(), EVERY_MS);
  };

  async #look() {
    try {
      const answer = await fetch(this.getAttribute("from") ?? "", { cache: "no-store" });
      if (answer.status === 401) {
        location.reload();
        return;
      }
      if (answer.ok) this.#show(await answer.json());
      this.toggleAttribute("stale", !answer.ok);
    } catch {
      // Nothing new is known; what is shown stays, and says that it may be old.
      this.toggleAttribute("stale", true);
    }
    this.#again();
  }

  /** @param {any} told */
  #show(told) {
    for (const figure of this.querySelectorAll("[data-figure]")) {
      const path = (figure.getAttribute("data-figure") ?? "").split(".");
      const value = path.reduce((at, name) => at?.[name], told);
      const shown = String(value ?? 0);
      if (figure.textContent !== shown) figure.textContent = shown;
    }
  }
}

customElements.define("live-figures", LiveFigures);
