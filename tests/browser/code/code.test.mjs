// The storefront's code: its types, its lints.

import { spawnSync } from "node:child_process";
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL("..", import.meta.url));
const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Runs a tool that came with the packages, over the whole project. */
function finds(tool, ...args) {
  const ran = spawnSync(`${here}/node_modules/.bin/${tool}`, args, { cwd: root, encoding: "utf8" });
  assert.equal(ran.status, 0, `${ran.stdout}${ran.stderr}${ran.error ?? ""}`);
}

test("the types that the scripts declare hold", () => {
  finds("tsc", "--noEmit", "--project", "tests/browser");
});

test("eslint finds nothing in the scripts", () => {
  finds("eslint", "--config", "tests/browser/eslint.config.mjs", "--max-warnings", "0",
    "web/assets", "sandbox/assets", "tests/browser");
});

test("stylelint finds nothing in the styles", () => {
  finds("stylelint", "--config", "tests/browser/stylelint.config.mjs",
    "web/styles/*.css", "sandbox/assets/*.css");
});
