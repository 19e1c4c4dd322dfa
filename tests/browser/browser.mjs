// A real browser, and what must not happen in it whatever a page shows.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, afterEach, before } from "node:test";
import { chromium } from "playwright-core";

import { executablePath } from "./executable.mjs";

const quiet = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/** The address of the shop under test, and of the payment sandbox that it uses. */
export const shop = process.env.SHOP_URL ?? assert.fail("SHOP_URL: run `cargo xtask test`");
export const sandbox = process.env.SANDBOX_URL ?? assert.fail("SANDBOX_URL: run `cargo xtask test`");

/** @type {import("playwright-core").Browser} */
let browser;
/** Pages of the test that runs. */
let pages = [];

before(async () => {
  browser = await chromium.launch({ executablePath, args: quiet });
});
after(() => browser.close());

afterEach(async (context) => {
  const failed = pages.filter((page) => !page.isClosed());
  // Kept for whoever looks into a failure; a test that passes takes its pictures away.
  if (process.env.SCREENSHOTS && !context.passed) await keepPictures(context.name, failed);
  await Promise.all(browser.contexts().map((context) => context.close()));
  pages = [];
});

async function keepPictures(name, failed) {
  mkdirSync(process.env.SCREENSHOTS, { recursive: true });
  for (const [index, page] of failed.entries()) {
    const path = `${process.env.SCREENSHOTS}/${name.replace(/\W+/g, "-")}-${index}.png`;
    await page.screenshot({ path, fullPage: true }).catch(() => {});
  }
}

/** A browser of its own: its storage, its cookies. */
export function newBrowser(options = {}) {
  return browser.newContext({ baseURL: shop, ...options });
}

/**
 * Opens a page; `page.troubles` gathers errors of scripts, breaches of the page's own policy and
 * requests to anywhere but the shop, its operators' listener and its payment provider.
 */
export async function open(options = {}) {
  return openIn(await newBrowser(options));
}

/** Opens a further tab of a browser. */
export async function openIn(context) {
  const page = await context.newPage();
  pages.push(page);
  // A busy machine is slow, and fails no test for it.
  page.setDefaultTimeout(25_000);
  page.troubles = [];
  page.on("pageerror", (error) => page.troubles.push(`script: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    // What the network does is each test's own affair.
    if (message.type() === "error" && !text.startsWith("Failed to load resource")) {
      page.troubles.push(`console: ${text}`);
    }
  });
  const origins = [shop, sandbox, process.env.OPERATOR_URL ?? shop].map((url) => new URL(url).origin);
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith("http") && !origins.includes(origin)) {
      page.troubles.push(`request to ${request.url()}`);
    }
  });
  return page;
}

/** Waits until `ask` answers something true. */
export async function eventually(what, ask, milliseconds = 25_000) {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() < deadline, `not within ${milliseconds} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
