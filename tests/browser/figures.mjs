// What the storefront costs a shopper, for `cargo xtask bench`: one JSON object on stdout.
//
// A page of the shop is held against a bare static page of the same text and picture, in turns, on
// a slow phone with a slow network, as Lighthouse has them.

import { createServer } from "node:http";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";

import { executablePath } from "./executable.mjs";

const shop = process.env.SHOP_URL;
const path = `/products/${process.env.SHOP_SKU}`;
const rounds = Number(process.env.ROUNDS ?? 7);
const SLOW_4G = {
  offline: false, latency: 562.5, downloadThroughput: 1_474_560 / 8, uploadThroughput: 675_000 / 8,
};
const SLOWER_CPU = 4;

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const bare = await barePage();

const times = { shop: [], bare: [] };
let shift = 0;
for (let round = 0; round < rounds; round += 1) {
  for (const [name, address] of [["shop", shop + path], ["bare", bare.address]]) {
    const seen = await firstVisit(address);
    times[name].push(seen.lcp);
    if (name === "shop") shift = Math.max(shift, seen.shift);
  }
}
const { cold, warm } = await bytes();
console.log(JSON.stringify({
  lcp_shop_ms: median(times.shop), lcp_bare_ms: median(times.bare), layout_shift: shift,
  cold_bytes: cold, warm_bytes: warm, add_to_cart_p95_ms: await addToCart(),
}));
await browser.close();
bare.server.close();

/** The text and the picture of the product's page, and nothing else. */
async function barePage() {
  const page = await browser.newPage();
  await page.goto(shop + path);
  const { text, image } = await page.evaluate(() => ({
    text: document.querySelector("article").innerText, image: document.querySelector("article img")?.src,
  }));
  await page.close();
  const picture = gzipSync(Buffer.from(await (await fetch(image)).arrayBuffer()));
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const html = gzipSync(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport"
    content="width=device-width"><title>Bare</title><link rel="icon" href="data:,">
    <img src="/picture.svg" width="600" height="600" alt=""><p>${escaped}</p>`);
  const server = createServer((request, answer) => {
    const isPicture = request.url === "/picture.svg";
    answer.setHeader("content-type", isPicture ? "image/svg+xml" : "text/html; charset=utf-8");
    answer.setHeader("content-encoding", "gzip");
    answer.end(isPicture ? picture : html);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { server, address: `http://127.0.0.1:${server.address().port}/` };
}

/** Somebody's first visit, on a phone: when the largest thing was painted, and what moved. */
async function firstVisit(address) {
  const context = await browser.newContext({ viewport: { width: 412, height: 823 } });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", SLOW_4G);
  await session.send("Emulation.setCPUThrottlingRate", { rate: SLOWER_CPU });
  await page.addInitScript(() => {
    window.seen = { lcp: 0, shift: 0 };
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.seen.lcp = entry.startTime;
    }).observe({ type: "largest-contentful-paint", buffered: true });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.seen.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto(address, { waitUntil: "networkidle" });
  const seen = await page.evaluate(() => window.seen);
  await context.close();
  return seen;
}

/** Bytes on the network, at the first visit and at the next. */
async function bytes() {
  const context = await browser.newContext();
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  let sum = 0;
  session.on("Network.loadingFinished", (event) => { sum += event.encodedDataLength; });
  const visit = async () => {
    sum = 0;
    await page.goto(shop + path, { waitUntil: "networkidle" });
    return sum;
  };
  const cold = await visit();
  await page.goto("about:blank");
  const warm = await visit();
  await context.close();
  return { cold, warm };
}

/** From the click to the frame that shows it, while every request hangs. */
async function addToCart() {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(shop + path, { waitUntil: "networkidle" });
  await page.route("**/*", () => {});
  const took = await page.evaluate(async () => {
    const button = document.querySelector("add-to-cart button");
    const all = [];
    for (let units = 1; units <= 60; units += 1) {
      const began = performance.now();
      button.click();
      await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
      const isShown = document.querySelector("cart-link .count").textContent === String(units);
      all.push(isShown ? performance.now() - began : Infinity);
    }
    return all;
  });
  await context.close();
  return took.sort((a, b) => a - b)[Math.floor(took.length * 0.95)];
}

function median(figures) {
  return [...figures].sort((a, b) => a - b)[Math.floor(figures.length / 2)];
}
