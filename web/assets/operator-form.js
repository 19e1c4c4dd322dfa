// A change by an operator: what the form asks for is sent to the API below /v1, once it is confirmed.

/**
 * What a form's fields say, as the API takes it. An empty field is left out. A field's name is its
 * place in the body, with dots; `data-type` says what it is when it is no text.
 * @param {HTMLFormElement} form
 */
function body(form) {
  /** @type {Record<string, any>} */
  const all = {};
  for (const field of form.elements) {
    if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement)) continue;
    if (!field.name || field.value === "" || !goesWithTheRest(form, field)) continue;
    const path = field.name.split(".");
    const last = path.pop() ?? "";
    let at = all;
    for (const name of path) at = at[name] ??= {};
    at[last] = read(field);
  }
  return all;
}

/**
 * Whether the field that it goes with is filled in, and the one that it goes without is not.
 * @param {HTMLFormElement} form @param {HTMLElement} field
 */
function goesWithTheRest(form, field) {
  /** @param {string} name */
  const isFilled = (name) => {
    const other = form.elements.namedItem(name);
    return other instanceof HTMLInputElement && other.value !== "";
  };
  const { with: companion, without } = field.dataset;
  return (!companion || isFilled(companion)) && (!without || !isFilled(without));
}

/** @param {HTMLInputElement | HTMLSelectElement} field */
function read(field) {
  switch (field.dataset.type) {
    case "integer": return Number(field.value);
    case "minor": return Math.round(Number(field.value) * 10 ** Number(field.dataset.digits ?? 2));
    case "flag": return field instanceof HTMLInputElement && field.checked;
    default: return field.value.trim();
  }
}

class OperatorForm extends HTMLElement {
  connectedCallback() {
    const form = this.querySelector("form");
    if (!form) return;
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#confirm(form);
    });
  }

  /** @param {HTMLFormElement} form */
  #confirm(form) {
    const dialog = document.createElement("dialog");
    const words = document.createElement("p");
    words.textContent = this.getAttribute("confirm") ?? "Do this?";
    words.id = "confirm-words";
    dialog.setAttribute("aria-labelledby", words.id);
    const answers = document.createElement("form");
    answers.method = "dialog";
    answers.append(button("Yes, do it", "yes"), button("No", "no"));
    dialog.append(words, answers);
    dialog.addEventListener("close", () => {
      const isSo = dialog.returnValue === "yes";
      dialog.remove();
      if (isSo) this.#send(form);
    });
    this.append(dialog);
    dialog.showModal();
  }

  /** @param {HTMLFormElement} form */
  async #send(form) {
    const submit = form.querySelector("button");
    if (submit) submit.disabled = true;
    this.#say("Under way …", false);
    try {
      const answer = await fetch(this.getAttribute("path") ?? "", {
        method: this.getAttribute("method") ?? "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body(form)),
        cache: "no-store",
      });
      const told = await answer.json();
      if (!answer.ok) throw new Error(`${told.title}: ${told.detail}`);
      // The page that is loaded anew has new ids for further changes.
      this.#say("Done.", false);
      location.reload();
    } catch (error) {
      this.#say(error instanceof Error ? error.message : String(error), true);
      if (submit) submit.disabled = false;
    }
  }

  /** @param {string} words @param {boolean} isTrouble */
  #say(words, isTrouble) {
    const place = this.querySelector("[data-part=said]");
    if (!(place instanceof HTMLElement)) return;
    place.textContent = words;
    place.hidden = false;
    place.className = isTrouble ? "notice gone" : "fine";
  }
}

/** @param {string} words @param {string} value */
function button(words, value) {
  const made = document.createElement("button");
  made.textContent = words;
  made.value = value;
  if (value === "no") made.className = "quiet";
  return made;
}

customElements.define("operator-form", OperatorForm);
