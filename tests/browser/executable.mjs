// Which browser the tests drive.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";

// The shell is Chromium without its own windows and menus, which take as long as the pages.
const candidates = [
  "/usr/bin/chromium-headless-shell", "/usr/bin/chromium", "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

export const executablePath = candidates.find(existsSync);
assert.ok(executablePath, `no browser at ${candidates.join(", ")}: install Chromium`);
