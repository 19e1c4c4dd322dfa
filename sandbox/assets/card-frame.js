// The form for a card, in a frame of the sandbox's. The page around it hears whether the form is
// complete and gets the payment method that comes of it, and never the number.
"use strict";

const form = document.querySelector("form");
const fields = {
  number: document.getElementById("number"),
  expiry: document.getElementById("expiry"),
  cvc: document.getElementById("cvc"),
};
/** The page around the frame, once it has said hello. @type {MessagePort | null} */
let port = null;

const digits = (text) => text.replace(/\D/g, "");

const BRANDS = [
  ["visa", /^4/], ["amex", /^3[47]/], ["mastercard", /^(5[1-5]|2[2-7])/], ["discover", /^6(011|5)/],
];
const brandOf = (number) => BRANDS.find(([, start]) => start.test(number))?.[0] ?? "unknown";

/** What is wrong with a field: null for nothing, and for one that nobody has come to. */
const checks = {
  number(text) {
    const number = digits(text);
    const length = brandOf(number) === "amex" ? 15 : 16;
    if (number.length < length) return trouble("incomplete_number", "Your card number is incomplete.");
    return isLuhn(number) ? null : trouble("invalid_number", "Your card number is invalid.");
  },
  expiry(text) {
    const [month, year] = monthAndYear(text);
    if (!month || year === null) return trouble("incomplete_expiry", "Your card's expiration date is incomplete.");
    if (month > 12) return trouble("invalid_expiry_month", "Your card's expiration month is invalid.");
    const now = new Date();
    const isPast = year < now.getFullYear() || (year === now.getFullYear() && month <= now.getMonth());
    return isPast ? trouble("invalid_expiry_year_past", "Your card's expiration year is in the past.") : null;
  },
  cvc(text) {
    const length = brandOf(digits(fields.number.value)) === "amex" ? 4 : 3;
    return digits(text).length < length ? trouble("incomplete_cvc", "Your card's security code is incomplete.") : null;
  },
};

function trouble(code, message) {
  return { type: "validation_error", code, message };
}

function isLuhn(number) {
  const sum = [...number].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 1 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

/** `[month, year]`, with null for what is not there yet. */
function monthAndYear(text) {
  const all = digits(text);
  const month = all.length >= 2 ? Number(all.slice(0, 2)) : 0;
  const year = all.length === 4 ? 2000 + Number(all.slice(2)) : null;
  return [month, year];
}

/** Digits as they stand on a card. */
const shapes = {
  number(text) {
    const number = digits(text);
    const groups = brandOf(number) === "amex" ? /^(\d{0,4})(\d{0,6})(\d{0,5})/ : /^(\d{0,4})(\d{0,4})(\d{0,4})(\d{0,4})/;
    return number.match(groups).slice(1).filter(Boolean).join(" ");
  },
  expiry(text) {
    let all = digits(text).slice(0, 4);
    if (/^[2-9]/.test(all)) all = `0${all}`.slice(0, 4);
    return all.length > 2 ? `${all.slice(0, 2)} / ${all.slice(2)}` : all;
  },
  cvc: (text) => digits(text).slice(0, 4),
};

function firstTrouble(names = Object.keys(fields)) {
  for (const name of names) {
    const found = checks[name](fields[name].value);
    if (found) return { name, error: found };
  }
  return null;
}

/** Shows in the fields which of them is wrong; of the form as a whole when it is asked for. */
function mark(names) {
  for (const name of names) {
    const isWrong = checks[name](fields[name].value) !== null;
    fields[name].setAttribute("aria-invalid", String(isWrong));
  }
}

function tellChange(error) {
  const texts = Object.values(fields).map((field) => field.value);
  port?.postMessage({
    kind: "change",
    detail: {
      empty: texts.every((text) => text === ""),
      complete: firstTrouble() === null,
      brand: brandOf(digits(fields.number.value)),
      error: error ?? undefined,
      value: { type: "card" },
    },
  });
}

for (const [name, field] of Object.entries(fields)) {
  field.addEventListener("input", () => {
    const shaped = shapes[name](field.value);
    const isAtEnd = field.selectionStart === field.value.length;
    // Who corrects something in the middle is not thrown to the end.
    if (isAtEnd && !field.value.endsWith(" / ") && field.value !== shaped) field.value = shaped;
    field.removeAttribute("aria-invalid");
    tellChange(null);
    const isDone = isAtEnd && checks[name](field.value) === null;
    if (isDone && name === "number") fields.expiry.focus();
    if (isDone && name === "expiry") fields.cvc.focus();
  });
  field.addEventListener("focus", () => port?.postMessage({ kind: "focus" }));
  field.addEventListener("blur", () => {
    port?.postMessage({ kind: "blur" });
    if (field.value === "") return;
    mark([name]);
    tellChange(checks[name](field.value));
  });
}

form.addEventListener("submit", (event) => event.preventDefault());

const acts = {
  focus: () => fields.number.focus(),
  blur: () => document.activeElement?.blur(),
  clear() {
    for (const field of Object.values(fields)) {
      field.value = "";
      field.removeAttribute("aria-invalid");
    }
    tellChange(null);
  },
  update: (options) => dress(options),
  validate: () => ({ error: validated() }),
  createPaymentMethod,
};

function validated() {
  const found = firstTrouble();
  if (!found) return undefined;
  mark(Object.keys(fields));
  fields[found.name].focus();
  tellChange(found.error);
  return found.error;
}

/** Asks the sandbox's API for a payment method, as Stripe.js asks Stripe's. */
async function createPaymentMethod({ key, billing_details: billing = {}, metadata = {} }) {
  const error = validated();
  if (error) return { error };
  const [month, year] = monthAndYear(fields.expiry.value);
  const body = new URLSearchParams({
    type: "card",
    "card[number]": digits(fields.number.value),
    "card[exp_month]": String(month),
    "card[exp_year]": String(year),
    "card[cvc]": fields.cvc.value,
  });
  for (const name of ["email", "name", "phone"]) {
    if (billing?.[name]) body.set(`billing_details[${name}]`, billing[name]);
  }
  for (const [name, value] of Object.entries(metadata ?? {})) body.set(`metadata[${name}]`, value);
  try {
    const answer = await fetch("/v1/payment_methods", {
      method: "POST", headers: { authorization: `Bearer ${key}` }, body,
    });
    const read = await answer.json();
    return answer.ok ? { paymentMethod: read } : { error: read.error };
  } catch {
    return {
      error: {
        type: "api_connection_error",
        message: "An error occurred with our connection to the payment provider. Please try again.",
      },
    };
  }
}

/** The page around says how the form is to look, in Stripe's terms. */
function dress({ style = {}, appearance = {} } = {}) {
  const { base = {}, invalid = {} } = style;
  const variables = appearance.variables ?? {};
  const page = document.documentElement.style;
  const set = (name, value) => {
    if (typeof value === "string") page.setProperty(name, value);
  };
  set("--color", base.color ?? variables.colorText);
  set("--font", base.fontFamily ?? variables.fontFamily);
  set("--size", base.fontSize ?? variables.fontSizeBase);
  set("--placeholder", base["::placeholder"]?.color ?? variables.colorTextPlaceholder);
  set("--invalid", invalid.color ?? variables.colorDanger);
}

async function hear({ data }) {
  const { what, call, detail } = data;
  const answer = await acts[what]?.(detail);
  if (call !== undefined) port.postMessage({ kind: "answer", call, ...answer });
}

window.addEventListener("message", ({ data, source, ports }) => {
  // The page around, once: it brings the port on which everything else goes.
  if (source !== window.parent || port || ports.length !== 1) return;
  [port] = ports;
  dress(data.options);
  port.onmessage = hear;
  new ResizeObserver(() => {
    port.postMessage({ kind: "height", height: Math.ceil(form.getBoundingClientRect().height) });
  }).observe(form);
  port.postMessage({ kind: "ready" });
});
