#!/usr/bin/env node
// Handlers that stay, in JavaScript for Node: copy serve, Park and Snooze, and write your own
// handlers; they may be async.
//
//     muster-worker --serve 'file.gzip=exec ./serve.js'
"use strict";

class Park extends Error {}   // it can never work: keep the job for somebody to look at
class Snooze extends Error {} // throw new Snooze("10s"): tried again later, at no cost

async function answerTo(job, handlers) {
  try {
    if (!Object.hasOwn(handlers, job.kind)) throw new Park(`no handler for ${job.kind}`);
    const result = await handlers[job.kind](job.args, job);
    return JSON.stringify({ id: job.id, ok: result === undefined ? null : result });
  } catch (error) {
    const message = String(error?.message ?? error);
    if (error instanceof Snooze) return JSON.stringify({ id: job.id, snooze: message });
    const park = { code: "Park", message };
    if (error instanceof Park) return JSON.stringify({ id: job.id, park });
    console.error(error);
    const code = String(error?.code || error?.name || "Error"); // "ENOENT", "TypeError"
    return JSON.stringify({ id: job.id, error: { code, message } });
  }
}

// Answers a line for each line, until there are no more jobs.
async function serve(handlers) {
  console.log = console.info = console.error; // to the job's log, not among the answers
  let text = "";
  for await (const chunk of process.stdin.setEncoding("utf8")) {
    text += chunk;
    for (let end; (end = text.indexOf("\n")) >= 0; text = text.slice(end + 1)) {
      process.stdout.write(`${await answerTo(JSON.parse(text.slice(0, end)), handlers)}\n`);
    }
  }
}

// ---- your handlers: what they return is the result ----

const fs = require("node:fs");
const { pipeline } = require("node:stream/promises");
const zlib = require("node:zlib");

// {"path"}: writes path.gz, and says how much that saved.
async function gzip({ path }, job) {
  if (path.endsWith(".gz")) throw new Park(`${path} is packed already`);
  console.log(`attempt ${job.attempt} at ${path}`);
  await pipeline(fs.createReadStream(path), zlib.createGzip(), fs.createWriteStream(`${path}.gz`));
  return { before: fs.statSync(path).size, after: fs.statSync(`${path}.gz`).size };
}

serve({ "file.gzip": gzip });
