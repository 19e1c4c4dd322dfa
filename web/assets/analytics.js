// What shoppers do before they pay, for this shop alone: no name, no third party, and nothing at
// all from those who ask not to be followed.

import { uuid } from "./api.js";

/** @typedef {"product_viewed" | "added_to_cart" | "removed_from_cart" | "checkout_opened"} Kind */

/** As many as one report takes. */
const MOST = 50;
/** How many are kept while the browser takes no report. */
const MOST_WAITING = 500;
/** @type {{kind: Kind, sku?: string, at: string}[]} */
let waiting = [];
let session = "";

const asksNotToBeFollowed = () =>
  navigator.doNotTrack === "1"
  || /** @type {{globalPrivacyControl?: boolean}} */ (navigator).globalPrivacyControl === true;

/** @param {Kind} kind @param {string} [sku] */
export function track(kind, sku) {
  if (asksNotToBeFollowed()) return;
  waiting.push({ kind, ...(sku ? { sku } : {}), at: new Date().toISOString() });
  waiting = waiting.slice(-MOST_WAITING);
  if (waiting.length >= MOST) send();
}

/** What the browser does not take now goes with the next report. The shop counts an event once,
 * and one that it refuses does not hurt the others: nothing has to be sent again. */
function send() {
  while (waiting.length > 0) {
    const events = waiting.slice(0, MOST);
    // A text goes as text/plain.
    const body = JSON.stringify({ session_id: sessionId(), events });
    if (!navigator.sendBeacon("/v1/analytics", body)) return;
    waiting = waiting.slice(MOST);
  }
}

/** Of this tab, until it is closed. */
function sessionId() {
  try {
    session ||= sessionStorage.getItem("holdfast.session") ?? "";
    session ||= uuid();
    sessionStorage.setItem("holdfast.session", session);
  } catch {
    session ||= uuid();
  }
  return session;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) send();
});
window.addEventListener("pagehide", send);
