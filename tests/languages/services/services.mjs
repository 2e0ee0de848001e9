// What `nats micro ls`, `info` and `stats` ask, and `nats req` and `nats sub`, by NATS's own client for JavaScript.
import { readFileSync } from "node:fs";
import { connect, nkeyAuthenticator, RequestStrategy } from "nats";

const authenticator = nkeyAuthenticator(readFileSync(process.env.NATS_NKEY));
const bus = await connect({ servers: process.env.NATS_URL, authenticator });
const until = (count) => bus.services.client({ strategy: RequestStrategy.Count, maxMessages: count, maxWait: 20000 });
const services = until(Number(process.argv[2]));
const all = async (answers) => {
  const found = [];
  for await (const one of await answers) found.push(one);
  return found;
};
const toasts = bus.subscribe("toast.shown", { max: 1 });
const answer = await bus.request("toast.in", "tea", { timeout: 20000 });
let shown;
for await (const message of toasts) shown = message.json().summary;
const found = {
  ping: await all(services.ping()),
  info: await all(services.info()),
  stats: await all(services.stats()),
  one: await all(until(1).info("toast")),
  id: answer.json().id,
  shown,
};
console.log(JSON.stringify(found));
await bus.close();
