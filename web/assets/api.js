// Requests to the shop's API.

/**
 * @typedef {import("./money.js").Money} Money
 * @typedef {{sku: string, requested: number, available: number, unit_price: Money | null,
 *   status: "ok" | "reduced" | "out_of_stock" | "unknown"}} CheckedLine
 * @typedef {{sku: string, quantity: number}} OrderLine
 * @typedef {{sku: string, name: string, quantity: number, unit_price: Money,
 *   line_total: Money}} PricedLine
 * @typedef {{order_id: string, state: string, version: number, lines: PricedLine[], total: Money,
 *   hold: {expires_at: string, remaining_seconds: number} | null,
 *   payment: {state: string, attempts: number, decline_code: string | null,
 *     next_action: {redirect_url: string} | null},
 *   refunded: Money, server_time: string, created_at: string}} Checkout
 * @typedef {{status: number, body: any, problem: string | null, retryAfter: number | null}} Answer
 */

/** How long an answer may take before it counts as lost, in milliseconds. */
const PATIENCE = 15_000;

/**
 * One request. Rejects when there is no answer; a refusal is an answer.
 * @param {string} method
 * @param {string} path
 * @param {{body?: unknown, secret?: string | null, signal?: AbortSignal, etag?: string}} [options]
 * @returns {Promise<Answer & {etag: string | null}>}
 */
export async function call(method, path, { body, secret, signal, etag } = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (secret) headers.authorization = `Bearer ${secret}`;
  if (etag) headers["if-none-match"] = etag;
  const lost = AbortSignal.timeout(PATIENCE);
  const answer = await fetch(path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: signal ? AbortSignal.any([signal, lost]) : lost,
    cache: "no-store",
  });
  const text = await answer.text();
  const read = text === "" ? null : JSON.parse(text);
  const retryAfter = Number(answer.headers.get("retry-after"));
  return {
    status: answer.status,
    body: read,
    problem: answer.ok ? null : String(read?.type ?? "").split("/").pop() ?? null,
    retryAfter: retryAfter > 0 ? retryAfter : null,
    etag: answer.headers.get("etag"),
  };
}

/**
 * The same request, again and again until it is answered by more than 'come back later'; null when
 * it was called off.
 * @param {() => Promise<Answer & {etag: string | null}>} request
 * @param {{signal: AbortSignal, waiting?: (attempt: number) => void}} options
 */
export async function untilAnswered(request, { signal, waiting }) {
  for (let attempt = 0; ; attempt += 1) {
    let retryAfter = null;
    try {
      const answer = await request();
      const comesLater = answer.status >= 500 || answer.problem === "still-reserving";
      if (!comesLater) return answer;
      retryAfter = answer.retryAfter;
    } catch {
      // Lost on its way there or back: the same request is safe to repeat.
    }
    if (signal.aborted) return null;
    waiting?.(attempt);
    await pause(Math.max(backoff(attempt), (retryAfter ?? 0) * 1_000), signal);
    if (signal.aborted) return null;
  }
}

/** Milliseconds until the next try: doubling from one second to thirty, and not all at once. */
export function backoff(/** @type {number} */ attempt) {
  const longest = Math.min(30_000, 1_000 * 2 ** attempt);
  return longest / 2 + (longest / 2) * Math.random();
}

/** @param {number} milliseconds @param {AbortSignal} signal */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve(undefined);
    };
    const timer = setTimeout(done, milliseconds);
    // Being back is a reason to ask at once.
    window.addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}

/** A UUID, on plain http as well. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** A secret of 192 bits, in characters that need no escaping anywhere. */
export function secret() {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}
