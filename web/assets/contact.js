// The shopper's email address, if they give one. Kept in this tab only, until an order is bought;
// what an order was asked for with is kept with the order.

const KEY = "holdfast.email";
/** Where the tab keeps nothing. */
let remembered = "";

/** @returns {string | null} */
export function givenEmail() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return remembered || null;
  }
}

/** Null forgets it. @param {string | null} email */
export function keepEmail(email) {
  remembered = email ?? "";
  try {
    if (email) sessionStorage.setItem(KEY, email);
    else sessionStorage.removeItem(KEY);
  } catch {
    // For as long as the page lives.
  }
}
