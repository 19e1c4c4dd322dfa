import js from "@eslint/js";

const inBrowsers = [
  "AbortController", "AbortSignal", "Blob", "CSS", "CustomEvent", "DocumentFragment", "Element",
  "Event", "EventSource", "EventTarget", "FormData", "HTMLAnchorElement", "HTMLButtonElement",
  "HTMLElement", "HTMLFormElement", "HTMLImageElement", "HTMLInputElement", "HTMLSelectElement",
  "HTMLTemplateElement",
  "KeyboardEvent", "MessageChannel", "MouseEvent", "MutationObserver", "PerformanceObserver",
  "ResizeObserver", "Storage", "DOMException", "URL", "URLSearchParams", "btoa", "clearInterval",
  "clearTimeout", "console", "crypto", "customElements", "document", "fetch", "getComputedStyle",
  "history", "localStorage", "location", "matchMedia", "navigator", "performance",
  "queueMicrotask", "requestAnimationFrame", "sessionStorage", "setInterval", "setTimeout",
  "window",
];
const inNode = ["Buffer", "process"];
const readable = (names) => Object.fromEntries(names.map((name) => [name, "readonly"]));

const rules = {
  ...js.configs.recommended.rules,
  eqeqeq: "error",
  "no-implicit-globals": "off",
  "no-param-reassign": "error",
  "no-shadow": "off",
  "no-var": "error",
  "object-shorthand": "error",
  "prefer-const": "error",
};

export default [
  { ignores: ["**/node_modules/**"] },
  {
    files: ["**/web/assets/*.js", "**/*.mjs"],
    languageOptions: { globals: readable([...inBrowsers, ...inNode]), sourceType: "module" },
    rules,
  },
  {
    // Loaded as Stripe's own is: a script, not a module.
    files: ["**/sandbox/assets/*.js"],
    languageOptions: { globals: readable(inBrowsers), sourceType: "script" },
    rules,
  },
];
