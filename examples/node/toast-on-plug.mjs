// A toast for each device that appears. Before: npm install nats; eval "$(lunix env --role user)"
import { readFileSync } from "node:fs";
import { connect, nkeyAuthenticator } from "nats";

const authenticator = nkeyAuthenticator(readFileSync(process.env.NATS_NKEY));
const bus = await connect({ servers: process.env.NATS_URL, authenticator });
for await (const event of bus.subscribe("hardware.*.add")) bus.publish("toast.in", `here is ${event.json().name}`);
