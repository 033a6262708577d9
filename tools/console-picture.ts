/**
 * Draws docs/console.svg: starts Lambent, makes a round with the AWS CLI, and draws what the terminal really showed.
 * Paths of this machine are shortened, long lines cut.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zipOf } from "../test/support/deploy.ts";
import { startLambent } from "../test/support/start-lambent.ts";

const COLUMNS = 108;
const FONT_SIZE = 13;
const CHARACTER_WIDTH = 7.83;
const LINE_HEIGHT = 19;
const PADDING = 18;
const ENDPOINT = "http://127.0.0.1:4566";
const HANDLER = "export const handler = async (event) => 'hello ' + event.name;\n";

type Line = { readonly text: string; readonly kind: "typed" | "shown" };

const COMMANDS = [
  "aws lambda create-function --function-name hello --runtime nodejs24.x --handler index.handler \\",
  "    --role arn:aws:iam::000000000000:role/any --zip-file fileb://hello.zip \\",
  "    --query '[FunctionArn,State]' --output text",
  "aws lambda wait function-active-v2 --function-name hello",
  `aws lambda invoke --function-name hello --payload '{"name":"world"}' --log-type Tail \\`,
  "    --query LogResult --output text out.json | base64 --decode; cat out.json",
];

/** Joins lines that end in a backslash to one command. */
function joined(lines: readonly string[]): { typed: string[]; command: string }[] {
  const commands: { typed: string[]; command: string }[] = [];
  let continues = false;
  for (const line of lines) {
    if (continues) commands.at(-1)?.typed.push(line);
    else commands.push({ typed: [line], command: "" });
    continues = line.endsWith("\\");
  }
  return commands.map(({ typed }) => ({ typed, command: typed.join("\n") }));
}

async function capture(): Promise<Line[]> {
  const directory = mkdtempSync(join(tmpdir(), "lambent-picture-"));
  const lambent = await startLambent();
  const readable = (text: string): string =>
    text
      .replaceAll(lambent.dataDirectory, ".lambent")
      .replaceAll(lambent.endpoint, ENDPOINT)
      .replaceAll("\t", "  ");
  try {
    writeFileSync(join(directory, "hello.zip"), await zipOf({ "index.mjs": HANDLER }));
    const lines: Line[] = [{ text: "npm start", kind: "typed" }];
    for (const text of lambent.banner) lines.push({ text: readable(text), kind: "shown" });
    lines.push({ text: "", kind: "shown" });
    const environment = {
      ...process.env,
      AWS_ENDPOINT_URL: lambent.endpoint,
      AWS_ACCESS_KEY_ID: "any",
      AWS_SECRET_ACCESS_KEY: "any",
      AWS_DEFAULT_REGION: "us-east-1",
    };
    for (const { typed, command } of joined(COMMANDS)) {
      const options = { cwd: directory, env: environment, encoding: "utf8", shell: "/bin/bash" } as const;
      const output = execFileSync(command, options);
      for (const [index, text] of typed.entries())
        lines.push({ text, kind: index === 0 ? "typed" : "shown" });
      for (const text of output.trimEnd().split("\n"))
        if (text !== "") lines.push({ text: readable(text), kind: "shown" });
    }
    return lines;
  } finally {
    await lambent.stop();
    rmSync(directory, { recursive: true });
  }
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function draw(lines: readonly Line[]): string {
  const width = Math.ceil(COLUMNS * CHARACTER_WIDTH + 2 * PADDING);
  const height = lines.length * LINE_HEIGHT + 2 * PADDING;
  const rows = lines.map(({ text, kind }, index) => {
    const cut = text.length > COLUMNS - 2 ? `${text.slice(0, COLUMNS - 3)}…` : text;
    const prompt = kind === "typed" ? '<tspan fill="#7ee787">$ </tspan>' : "";
    const fill = kind === "typed" ? "#ffffff" : text.startsWith("ready ") ? "#7ee787" : "#c9d1d9";
    const y = PADDING + (index + 1) * LINE_HEIGHT - 5;
    return `  <text x="${PADDING}" y="${y}" fill="${fill}" xml:space="preserve">${prompt}${escaped(cut)}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-size="${FONT_SIZE}"`,
    '  font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" role="img">',
    "  <title>Lambent starts, and a function is deployed and invoked with the AWS CLI</title>",
    `  <rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>`,
    ...rows,
    "</svg>",
    "",
  ].join("\n");
}

writeFileSync(join(import.meta.dirname, "..", "docs", "console.svg"), draw(await capture()));
