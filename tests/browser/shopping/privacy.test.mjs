// What the shop's pages may do, and what they report.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, open, openIn, sandbox, shop } from "../browser.mjs";
import { payments, product } from "../operator.mjs";
import { add, goToTheTill, isPaid, pay } from "../shopper.mjs";

/** What beacons carry. They leave with their page, where no route sees them: the tab notes them. */
async function beacons(page) {
  await page.addInitScript(() => {
    const send = navigator.sendBeacon.bind(navigator);
    navigator.sendBeacon = (address, text) => {
      const sent = JSON.parse(sessionStorage.getItem("sent") ?? "[]");
      sessionStorage.setItem("sent", JSON.stringify([...sent, JSON.parse(text)]));
      return send(address, text);
    };
  });
  return () => page.evaluate(() => JSON.parse(sessionStorage.getItem("sent") ?? "[]"));
}

test("the way to the till is reported in batches when pages are left", async () => {
  const mug = await product();
  const page = await open();
  const sent = await beacons(page);
  await add(page, mug);
  assert.deepEqual(await sent(), [], "nothing is sent while the page is looked at");
  await goToTheTill(page);
  await page.goto("/cart");
  await page.getByRole("button", { name: `Remove ${mug.name}` }).click();
  await page.goto("/");
  const reports = await sent();
  const kinds = reports.flatMap((report) => report.events.map((event) => event.kind));
  assert.deepEqual(kinds, ["product_viewed", "added_to_cart", "checkout_opened", "removed_from_cart"]);
  assert.equal(reports[0].events.length, 2, "what happened on one page is one report");
  for (const report of reports) {
    const answer = await fetch(`${shop}/v1/analytics`, {
      method: "POST", headers: { "content-type": "text/plain" }, body: JSON.stringify(report),
    });
    assert.equal(answer.status, 204, await answer.text());
  }
  assert.equal(new Set(reports.map((report) => report.session_id)).size, 1);
});

for (const [signal, set] of [
  ["Do Not Track", () => Object.defineProperty(navigator, "doNotTrack", { value: "1" })],
  ["Global Privacy Control", () => Object.defineProperty(navigator, "globalPrivacyControl", { value: true })],
]) {
  test(`who sends ${signal} is not reported`, async () => {
    const mug = await product();
    const page = await open();
    const sent = await beacons(page);
    await page.addInitScript(set);
    await add(page, mug);
    await page.goto("/cart");
    await page.goto("/");
    assert.deepEqual(await sent(), []);
  });
}

test("every page has a strict policy of its own", async () => {
  const mug = await product();
  for (const path of ["/", `/products/${mug.sku}`, "/cart", "/checkout", `/orders/${crypto.randomUUID()}`, "/problems"]) {
    const { headers } = await fetch(shop + path);
    const policy = headers.get("content-security-policy");
    assert.ok(policy.startsWith("default-src 'none'"), `${path}: ${policy}`);
    assert.ok(!policy.includes("unsafe"), `${path}: ${policy}`);
    for (const rule of ["frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'", "require-trusted-types-for 'script'"]) {
      assert.ok(policy.includes(rule), `${path} lacks ${rule}`);
    }
    assert.match(headers.get("permissions-policy"), /camera=\(\).*geolocation=\(\)/);
    assert.equal(policy.includes(sandbox), path === "/checkout", `the provider on ${path}`);
  }
});

test("an inline script does not run, and a string does not become one", async () => {
  const page = await open();
  await page.goto("/");
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    try {
      script.textContent = "window.ran = true";
      document.head.append(script);
    } catch {
      // Trusted Types refuse the text.
    }
    return [window.ran === true, (() => {
      try {
        document.body.insertAdjacentHTML("beforeend", "<b>");
        return true;
      } catch {
        return false;
      }
    })()];
  });
  assert.deepEqual(ran, [false, false]);
});

test("no other site may show the shop in a frame", async () => {
  const page = await open();
  await page.goto(sandbox);
  const shown = await page.evaluate((shop) => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.src = shop;
    frame.addEventListener("load", () => {
      try {
        // The browser's own error page is as closed to us as the shop would be.
        resolve(frame.contentWindow.length);
      } catch (error) {
        resolve(String(error));
      }
    });
    document.body.append(frame);
  }), shop);
  assert.equal(shown, 0);
  const refused = page.frames().some((frame) => frame.url().startsWith("chrome-error:"));
  assert.ok(refused, page.frames().map((frame) => frame.url()).join(" "));
});

test("no other site's page presses the buttons of the sandbox", async () => {
  const mug = await product();
  const page = await open();
  await add(page, mug);
  await goToTheTill(page);
  await pay(page);
  const order = await isPaid(page);
  const [{ payment_intent: id }] = await payments(order);
  // Another port of this machine is the same site to browsers, and another origin.
  const foreign = await openIn(page.context());
  await foreign.goto(`${shop}/openapi.json`);
  await foreign.route(`${shop}/trap`, (route) => route.fulfill({
    contentType: "text/html",
    body: `<form method="post" action="${sandbox}/console/refund/${id}"><button>Win a prize</button></form>`,
  }));
  await foreign.goto(`${shop}/trap`);
  const answered = foreign.waitForResponse((answer) => answer.url().startsWith(sandbox));
  await foreign.getByRole("button", { name: "Win a prize" }).click();
  assert.equal((await answered).status(), 403);
  await foreign.getByText("This was sent by another site's page.").waitFor();
  assert.equal((await payments(order))[0].refunded, 0);

  await page.goto(sandbox);
  await page.getByRole("button", { name: `Refund ${id}` }).click();
  await eventually("the sandbox's own button works", async () => (await payments(order))[0].refunded === 1_200);
});

test("scripts are kept for good under names that change with them", async () => {
  const page = await open();
  const served = [];
  page.on("response", (answer) => {
    if (answer.url().includes("/assets/")) served.push(answer);
  });
  await page.goto("/cart", { waitUntil: "networkidle" });
  assert.ok(served.length >= 10);
  for (const answer of served) {
    assert.match(answer.url(), /\/assets\/[0-9a-f]{20}\/[\w-]+\.js$/);
    assert.equal(answer.headers()["cache-control"], "public, max-age=31536000, immutable");
  }
});
