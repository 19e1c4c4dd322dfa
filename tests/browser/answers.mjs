// Orders in states that pass too quickly, or come too seldom, to be looked at: the page is given
// them as the shop's answers.

const EURO = (amount) => ({ amount, currency: "EUR" });

/** A checkout as the API describes it. */
export function checkout(changes = {}) {
  const now = Date.now();
  const at = (milliseconds) => new Date(now + milliseconds).toISOString();
  return {
    order_id: "5f0a4f7e-6f3c-4a0e-9c61-2f6f3f0c1d11", state: "awaiting_payment", version: 2,
    lines: [{
      sku: "mug-black", name: "Black mug", quantity: 2,
      unit_price: EURO(1_200), line_total: EURO(2_400),
    }],
    total: EURO(2_400),
    hold: { expires_at: at(287_000), remaining_seconds: 287 },
    payment: { state: "none", attempts: 0, decline_code: null, next_action: null },
    refunded: EURO(0), refund_pending: EURO(0),
    server_time: at(0), created_at: at(-13_000), updated_at: at(-13_000),
    ...changes,
  };
}

export const refunded = (amount) => ({ refunded: EURO(amount) });

/** Whatever order the page asks for, this is what it is told. */
export async function tell(page, { status = 200, ...answer }) {
  await page.route((url) => url.pathname.endsWith("/events"), (route) => route.fulfill({ status: 503 }));
  await page.route((url) => /^\/v1\/checkouts\/[^/]+$/.test(url.pathname), (route) => {
    const order_id = new URL(route.request().url()).pathname.split("/").pop();
    const json = status < 400 ? { ...answer, order_id } : answer;
    return route.fulfill({ status, json });
  });
}
