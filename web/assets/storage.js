// Where things are kept in this browser. In localStorage; when that is full or switched off, in the
// tab: sessionStorage, else the window's name, which lasts from page to page of one tab.

/** @typedef {{read(): string | null, write(text: string): void, remove(): void}} Place */

const PREFIX = "holdfast.";
/** What can't be put anywhere, for as long as the page lives. @type {Map<string, string>} */
const memory = new Map();

/** @param {"localStorage" | "sessionStorage"} name @param {string} key @returns {Place} */
function storage(name, key) {
  return {
    read: () => window[name].getItem(PREFIX + key),
    write: (text) => window[name].setItem(PREFIX + key, text),
    remove: () => window[name].removeItem(PREFIX + key),
  };
}

/** @param {string} key @returns {Place} */
function windowName(key) {
  const all = () => {
    try {
      const read = JSON.parse(window.name);
      return read !== null && typeof read === "object" && !Array.isArray(read) ? read : {};
    } catch {
      return {};
    }
  };
  return {
    read: () => {
      const text = all()[PREFIX + key];
      return typeof text === "string" ? text : null;
    },
    write: (text) => {
      window.name = JSON.stringify({ ...all(), [PREFIX + key]: text });
    },
    remove: () => {
      const kept = all();
      if (!(PREFIX + key in kept)) return;
      delete kept[PREFIX + key];
      window.name = JSON.stringify(kept);
    },
  };
}

/** One value, kept as well as this browser lets us. */
export class Kept {
  #key;
  /** @type {Place} */
  #shared;
  /** @type {Place[]} */
  #tab;
  /** Whether other tabs, and the next visit, will find it. */
  isShared = true;

  /**
   * @param {string} key
   * @param {{secret?: boolean}} [options] a secret is not written into the window's name, which
   *   other sites could come to read
   */
  constructor(key, { secret = false } = {}) {
    this.#key = key;
    this.#shared = storage("localStorage", key);
    this.#tab = [storage("sessionStorage", key), ...(secret ? [] : [windowName(key)])];
    const isReadable = quietly(() => (this.#shared.read(), true)) ?? false;
    // What could be shared is kept nowhere else.
    const isInTab = this.#tab.some((place) => quietly(() => place.read()) !== null);
    this.isShared = isReadable && !isInTab;
  }

  /** What is kept, wherever it is; more than one when a place could not be written any more. */
  read() {
    const found = [this.#shared, ...this.#tab].map((place) => quietly(() => place.read()));
    found.push(memory.get(this.#key) ?? null);
    return found.filter((text) => typeof text === "string");
  }

  /** @param {string} text */
  write(text) {
    this.isShared = quietly(() => (this.#shared.write(text), true)) ?? false;
    if (this.isShared) {
      this.#forgetInTab();
      return;
    }
    const kept = this.#tab.some((place) => quietly(() => (place.write(text), true)));
    if (!kept) memory.set(this.#key, text);
  }

  remove() {
    quietly(() => this.#shared.remove());
    this.#forgetInTab();
  }

  /** Calls back when another tab has written. @param {(text: string | null) => void} heard */
  onChange(heard) {
    window.addEventListener("storage", (event) => {
      if (event.key === PREFIX + this.#key) heard(event.newValue);
      // Everything was cleared.
      if (event.key === null) heard(null);
    });
  }

  #forgetInTab() {
    for (const place of this.#tab) quietly(() => place.remove());
    memory.delete(this.#key);
  }
}

/** @template T @param {() => T} act @returns {T | null} */
function quietly(act) {
  try {
    return act();
  } catch {
    return null;
  }
}
