// A daemon of one's own: the kitchen timer of ../python/own_daemon.py.
// Before: npm install nats; eval "$(lunix env --role tea)"
import { randomBytes } from "node:crypto";
import { closeSync, readFileSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { connect, headers, nkeyAuthenticator } from "nats";

const MINUTES = 3;
const bus = await connect({
  servers: process.env.NATS_URL,
  authenticator: nkeyAuthenticator(readFileSync(process.env.NATS_NKEY)),
  inboxPrefix: "_INBOX.tea", // nobody else hears the answers to what it asks
  maxReconnectAttempts: -1,
  waitOnFirstConnect: true,
});

// An id of this run, ordered in time; the number of the last event; and of the last one on each subject.
const boot = (BigInt(Date.now()) * 1000000n).toString(16).padStart(16, "0") + randomBytes(2).toString("hex");
const last = new Map();
let seq = 0;

function emit(subject, payload) {
  const numbers = headers();
  seq += 1;
  const told = {
    Host: hostname(), Source: "tea", Boot: boot, Seq: seq, Prev: last.get(subject) ?? 0, Time: new Date().toISOString(),
  };
  for (const [name, value] of Object.entries(told)) numbers.set(`Lunix-${name}`, String(value));
  last.set(subject, seq);
  bus.publish(subject, JSON.stringify(payload), { headers: numbers });
}

// One word of a subject, whatever the name: each byte that is no letter, digit, _ or - is %XX.
function token(name) {
  const byte = (one) => `%${one.toString(16).toUpperCase().padStart(2, "0")}`;
  const escaped = [...Buffer.from(name)].map((one) => {
    const letter = String.fromCharCode(one);
    return /[A-Za-z0-9_-]/.test(letter) ? letter : byte(one);
  });
  return escaped.join("") || "%";
}

function pot(message) {
  const text = message.string();
  const asked = text.startsWith("{") ? JSON.parse(text) : { sort: text };
  const { sort, minutes = MINUTES } = asked;
  if (typeof sort !== "string" || sort.length < 1 || sort.length > 40) throw new Error("sort: 1 to 40 characters");
  if (typeof minutes !== "number" || !(minutes > 0 && minutes <= 60)) throw new Error("minutes: more than 0, at most 60");
  return { sort, minutes };
}

function brew(error, message) {
  if (error) return;
  try {
    const made = pot(message);
    setTimeout(() => emit(`tea.${token(made.sort)}.ready`, made), made.minutes * 60000);
    message.respond(JSON.stringify(made));
  } catch (wrong) {
    const body = { error: { code: 400, message: wrong.message } };
    message.respondError(400, wrong.message, JSON.stringify(body));
  }
}

const service = await bus.services.add({ name: "tea", version: "0.1.0", description: "A kitchen timer.", queue: "" });
service.addEndpoint("tea-brew", { subject: "tea.brew", handler: brew });
await bus.flush();

// Ready: subscribed. A supervisor that asked for it is told by a line end on its descriptor.
const at = process.argv.indexOf("--ready-fd");
if (at > 0) {
  const descriptor = Number(process.argv[at + 1]);
  writeSync(descriptor, "\n");
  closeSync(descriptor);
}
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, async () => {
    await bus.drain();
    process.exit(0);
  });
}
