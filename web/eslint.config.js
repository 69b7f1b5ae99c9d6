// The rooms of the code and what may not cross between them; README.md in this
// folder draws them. tools/lint_rules.test.ts plants a breach of each rule.
import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";

const HTML_SINKS = ["innerHTML", "outerHTML", "insertAdjacentHTML", "srcdoc", "setHTMLUnsafe"].map((property) => ({
  property,
  message: "No string becomes HTML here; render components.",
}));
const SUBTLE = {
  property: "subtle",
  message: "crypto.subtle is for worker/sealed_store.ts alone: the protocol's cryptography is in the Rust machine.",
};
const PAGE_GLOBALS = ["document", "window", "localStorage", "sessionStorage", "alert", "history"].map((name) => ({
  name,
  message: "Code of the worker must run without a page.",
}));

/** Forbids a room to import others. */
function apartFrom(rooms, message) {
  return {
    "no-restricted-imports": [
      "error",
      { patterns: [{ regex: `(^|/)(${rooms.join("|")})(/|$)`, message }] },
    ],
  };
}

const TEMPLATE_RULES = [
  {
    selector: ":not(SvelteStyleElement) > SvelteText[value=/[A-Za-z]/]",
    message: "Visible text comes from src/strings, through t().",
  },
  {
    selector:
      "SvelteAttribute[key.name=/^(aria-label|aria-description|aria-placeholder|title|placeholder|alt|label)$/] > SvelteLiteral[value=/[A-Za-z]/]",
    message: "Visible text comes from src/strings, through t().",
  },
  {
    selector: "SvelteAttribute[key.name='style'], SvelteStyleDirective",
    message: "The content security policy refuses inline styles; use a class.",
  },
];

export default ts.config(
  { ignores: ["dist/", "src/worker/wasm/", "src/bridge/generated/"] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "no-restricted-properties": ["error", ...HTML_SINKS, SUBTLE],
      "no-restricted-syntax": ["error", ...TEMPLATE_RULES],
      "no-eval": "error",
      eqeqeq: "error",
      "max-lines": ["error", { max: 400 }],
      "svelte/no-at-html-tags": "error",
      // Sets and maps that are not shown need not be reactive; those that are
      // shown are replaced as a whole.
      "svelte/prefer-svelte-reactivity": "off",
      // Links within the page go through the router model.
      "svelte/no-navigation-without-resolve": "off",
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: [".svelte"] } },
    rules: { "no-undef": "off" },
  },
  { files: ["**/*.ts"], rules: { "no-undef": "off" } },
  { files: ["tools/**", "*.config.*"], languageOptions: { globals: { ...globals.node } } },
  {
    files: ["src/worker/**"],
    rules: {
      "no-restricted-globals": ["error", ...PAGE_GLOBALS],
      ...apartFrom(["models", "features", "ui", "strings"], "worker/ knows the bridge's messages and nothing of the page."),
    },
  },
  {
    files: ["src/worker/sealed_store.ts", "src/worker/sealed_store.test.ts"],
    rules: { "no-restricted-properties": ["error", ...HTML_SINKS] },
  },
  {
    files: ["src/bridge/**"],
    rules: apartFrom(["worker", "models", "features", "ui"], "bridge/ is messages between the worker and the models."),
  },
  // The one place that names the worker, as an address.
  { files: ["src/bridge/connect.ts"], rules: { "no-restricted-imports": "off" } },
  {
    files: ["src/models/**"],
    rules: apartFrom(["worker", "features", "ui"], "Models reach the worker through the bridge, and know no view."),
  },
  {
    files: ["src/features/**"],
    rules: apartFrom(["bridge", "worker"], "Views speak to models, never to the bridge or the worker."),
  },
  {
    files: ["src/ui/**"],
    rules: apartFrom(["bridge", "worker", "models", "features"], "ui/ is primitives that any view may use."),
  },
);
