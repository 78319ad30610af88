// Runs one Node.js script: `node harness.js FOLDER`, in a process of its own.
// FOLDER holds `script` and `input.json`; `outcome.json` is written there: {"result": ...} or {"error": "..."}.
"use strict";
const fs = require("node:fs");
const path = require("node:path");

const folder = process.argv[2];
const read = (name) => fs.readFileSync(path.join(folder, name), "utf8");

function finish(outcome) {
  fs.writeFileSync(path.join(folder, "outcome.json"), JSON.stringify(outcome));
  process.exit(0);
}

function fail(error) {
  finish({ error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
}

async function main() {
  const { context, params } = JSON.parse(read("input.json"));
  const load = new Function("require", `${read("script")}\n;return typeof run === "function" ? run : null;`);
  const run = load(require);
  if (run === null) throw new TypeError("the script defines no function run(context, params)");
  const result = await run(context, params);
  finish({ result: result === undefined ? null : result });
}

// The controller holds the other end of standard input and never writes to it: its end means the controller is gone.
process.stdin.on("end", () => process.exit(1)).resume();
process.on("uncaughtException", fail);
main().catch(fail);
