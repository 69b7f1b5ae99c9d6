// Plants one breach of each rule and sees it refused: a rule that no longer
// works would otherwise look like a rule that nobody breaks.
import { fileURLToPath } from "node:url";
import { ESLint } from "eslint";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const eslint = new ESLint({ cwd: root });

async function rules(filePath: string, code: string): Promise<(string | null)[]> {
  const [result] = await eslint.lintText(code, { filePath: `${root}${filePath}` });
  return (result?.messages ?? []).map((message) => message.ruleId);
}

const svelte = (markup: string) => `<script lang="ts">\n  let text = "x";\n</script>\n\n${markup}\n`;

test.each([
  ["worker code that touches the page", "src/worker/driver.ts", "document.title = '';", "no-restricted-globals"],
  ["worker code that imports a model", "src/worker/driver.ts", "import '../models/app.svelte.ts';", "no-restricted-imports"],
  ["the bridge importing the worker", "src/bridge/client.ts", "import '../worker/driver.ts';", "no-restricted-imports"],
  ["a model importing a view", "src/models/keys.ts", "import '../features/shell/Root.svelte';", "no-restricted-imports"],
  ["a model importing the worker", "src/models/keys.ts", "import '../worker/driver.ts';", "no-restricted-imports"],
  [
    "a view importing the bridge",
    "src/features/shell/Root.svelte",
    '<script lang="ts">\n  import "../../bridge/client.ts";\n</script>\n',
    "no-restricted-imports",
  ],
  [
    "a primitive importing a model",
    "src/ui/Button.svelte",
    '<script lang="ts">\n  import "../models/keys.ts";\n</script>\n',
    "no-restricted-imports",
  ],
  ["crypto.subtle outside of the store", "src/worker/driver.ts", "void crypto.subtle;", "no-restricted-properties"],
  ["crypto.subtle taken apart", "src/models/keys.ts", "const { subtle } = crypto; void subtle;", "no-restricted-properties"],
  ["an HTML sink", "src/models/keys.ts", "document.body.innerHTML = 'x';", "no-restricted-properties"],
  ["raw HTML in a view", "src/ui/Button.svelte", svelte("{@html text}"), "svelte/no-at-html-tags"],
  ["an inline style", "src/ui/Button.svelte", svelte('<p style="color: red">{text}</p>'), "no-restricted-syntax"],
  ["a style directive", "src/ui/Button.svelte", svelte("<p style:color={text}>{text}</p>"), "no-restricted-syntax"],
  ["text beside the strings", "src/ui/Button.svelte", svelte("<p>Hello {text}</p>"), "no-restricted-syntax"],
  ["a label beside the strings", "src/ui/Button.svelte", svelte('<p aria-label="Hello">{text}</p>'), "no-restricted-syntax"],
])("%s is refused", async (_, path, code, rule) => expect(await rules(path, code)).toContain(rule), 30_000);

test("the store may use crypto.subtle, and a view its models", async () => {
  expect(await rules("src/worker/sealed_store.ts", "void crypto.subtle;")).not.toContain("no-restricted-properties");
  const view = '<script lang="ts">\n  import "../../models/keys.ts";\n  import "../../ui/base.css";\n</script>\n';
  expect(await rules("src/features/shell/Root.svelte", view)).not.toContain("no-restricted-imports");
}, 30_000);
