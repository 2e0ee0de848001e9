// Six automations. Before: npm install @nats-io/transport-node; eval "$(lunix env --role admin)"
import { readFileSync } from "node:fs";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";

const authenticator = nkeyAuthenticator(readFileSync(process.env.NATS_NKEY));
const bus = await connect({ servers: process.env.NATS_URL, authenticator });
// What fails once, such as an answer that does not come, is told and ends nothing.
const on = (subject, act) =>
  bus.subscribe(subject, { callback: (_error, event) => Promise.resolve(event).then(act).catch(console.error) });

on("hardware.usb.add", () => bus.publish("toast.in", "a USB stick was plugged in!"));
on("hardware.usb.remove", () => bus.publish("toast.in", "a USB stick was removed!"));
on("hardware.usb.add", (event) => {
  bus.publish("mount.mount", JSON.stringify({ device: event.json().id, where: "/myplace" }));
});
on("bluetooth.connected", (event) => {
  if (event.json().icon === "phone") bus.publish("wm.exec", "x-terminal-emulator");
});
on("mqtt.temperature0", async (reading) => {
  if (reading.json() < 18 && (await bus.request("ps.calibre", "", { timeout: 5000 })).json().running) {
    bus.publish("toast.in", `only ${reading.json()} °C`);
  }
});
on("mqtt.doorbell", () => bus.publish("toast.in", "somebody is at the door"));
