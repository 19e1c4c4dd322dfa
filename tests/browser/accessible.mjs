// What axe finds on a page, in its frames too.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Nothing serious is wrong with the page for anybody, as it is now. */
export async function isAccessible(page, what) {
  for (const frame of page.frames()) {
    await frame.evaluate(axe);
    const found = await frame.evaluate(async () => {
      const { violations } = await globalThis.axe.run(document, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        // Frames are looked at one by one, and the heading is that of the page around them.
        iframes: false,
        rules: { "page-has-heading-one": { enabled: globalThis.parent === globalThis } },
      });
      return violations.map(({ id, impact, nodes }) =>
        `${impact} ${id}: ${nodes.map((node) => `${node.target} (${node.failureSummary})`).join("; ")}`);
    });
    assert.deepEqual(found, [], `${what}, ${frame.url()}`);
  }
}

/** It can be read without scrolling sideways. */
export async function fits(page, what) {
  const overflow = await page.evaluate(() =>
    document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(overflow <= 0, `${what} scrolls ${overflow} px sideways`);
}
