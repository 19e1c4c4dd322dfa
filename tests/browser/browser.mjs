// A real browser, and what must not happen in it whatever a page shows.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const candidates = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const quiet = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/** The address of the shop under test. */
export const shop = process.env.SHOP_URL ?? assert.fail("SHOP_URL: run `cargo xtask test`");

/** Starts the machine's Chromium. */
export function launch() {
  const executablePath = candidates.find(existsSync);
  assert.ok(executablePath, `no browser at ${candidates.join(", ")}: install Chromium`);
  return chromium.launch({ executablePath, args: quiet });
}

/**
 * Opens a page that may reach only `origins`; `page.troubles` gathers errors of scripts, refused
 * resources and requests to anywhere else.
 */
export async function open(browser, options = {}) {
  const { origins = [new URL(shop).origin], ...rest } = options;
  const context = await browser.newContext(rest);
  const page = await context.newPage();
  page.troubles = [];
  page.on("pageerror", (error) => page.troubles.push(`script: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") page.troubles.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith("http") && !origins.includes(origin)) {
      page.troubles.push(`request to ${request.url()}`);
    }
  });
  return page;
}
