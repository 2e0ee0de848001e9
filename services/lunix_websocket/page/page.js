// The page of lunix: one connection to /bus, a mirror for each domain that has a list, and four views.
// All that comes from the bus is hostile: it becomes text (textContent) and nothing else.
"use strict";
(() => {

// --- small tools ------------------------------------------------------------------------------------------------

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
// Controls and bidi overrides in names would turn a row around; isolation in the style sheet does the rest.
const UNSAFE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const safe = (value) => String(value).replace(UNSAFE, "\ufffd");

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") node.addEventListener("click", value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children) if (child !== null) node.append(child instanceof Node ? child : safe(child));
  return node;
}

function say(node, text) {
  const clean = safe(text);
  if (node.textContent !== clean) node.textContent = clean;
}

// Keep children in step with items, by key, without touching those that stay: focus and selection survive.
function sync(parent, items, key, make, update) {
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let at = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let node = old.get(name);
    if (node) old.delete(name);
    else {
      node = make(item);
      node.dataset.key = name;
    }
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
    update(node, item);
  }
  for (const node of old.values()) node.remove();
}

const bytes = (n) => {
  if (typeof n !== "number") return "";
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  for (; n >= 1000 && unit < units.length - 1; unit++) n /= 1000;
  return `${n < 10 && unit ? n.toFixed(1) : Math.round(n)} ${units[unit]}`;
};
const plural = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;
const clock = (date) => date.toTimeString().slice(0, 8) + "." + String(date.getMilliseconds()).padStart(3, "0");
const hue = (text) => [...text].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 360, 7);
const byName = new Intl.Collator(undefined, { numeric: true }).compare;

// One redraw a frame, however many events come; a hidden tab draws nothing until it is looked at.
const dirty = new Set();
let scheduled = false;
function redraw(draw) {
  dirty.add(draw);
  if (scheduled || document.hidden) return;
  scheduled = true;
  requestAnimationFrame(flushDraws);
}
function flushDraws() {
  scheduled = false;
  const all = [...dirty];
  dirty.clear();
  for (const draw of all) draw();
}

// --- the connection ---------------------------------------------------------------------------------------------

class Bus {
  constructor() {
    this.subscriptions = new Map();   // filter → set of {message, here}
    this.waiting = new Map();         // id → {resolve, reject}
    this.next = 1;
    this.delay = 500;
    this.token = null;
    this.onhello = this.onstate = this.onrefused = this.ondropped = () => {};
  }

  connect(token) {
    this.token = token;
    clearTimeout(this.timer);
    if (this.socket) this.socket.onclose = null, this.socket.close();
    this.live = false;
    const socket = this.socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/bus");
    socket.onopen = () => socket.send(JSON.stringify({ op: "auth", token }));
    socket.onmessage = (event) => this.take(JSON.parse(event.data));
    socket.onclose = (event) => this.closed(event);
    this.onstate("wait", "connecting");
  }

  closed(event) {
    this.live = false;
    for (const { reject } of this.waiting.values()) reject(new Error("the connection broke"));
    this.waiting.clear();
    if (event.code === 1008) return this.onrefused(event.reason || "refused");
    this.onstate("wait", "reconnecting");
    this.timer = setTimeout(() => this.connect(this.token), this.delay * (0.5 + Math.random() / 2));
    this.delay = Math.min(this.delay * 2, 10000);
  }

  hurry() {
    if (this.token && !this.live && this.socket?.readyState === WebSocket.CLOSED && this.timer) this.connect(this.token);
  }

  take(frame) {
    if (!frame.op) {
      for (const one of this.subscriptions.get(frame.filter) ?? []) one.message(frame);
    } else if (frame.op === "hello") {
      this.live = true;
      this.delay = 500;
      for (const filter of this.subscriptions.keys()) this.send({ op: "subscribe", topic: filter });
      this.onhello(frame);
    } else if (frame.op === "subscribed") {
      for (const one of this.subscriptions.get(frame.topic) ?? []) one.here();
    } else if (frame.op === "dropped") {
      for (const set of this.subscriptions.values()) for (const one of set) one.here();
      this.ondropped(frame.count);
    } else if (frame.id !== undefined && this.waiting.has(frame.id)) {
      const { resolve, reject } = this.waiting.get(frame.id);
      this.waiting.delete(frame.id);
      if (frame.op === "error") reject(Object.assign(new Error(frame.error.message), { code: frame.error.code }));
      else resolve(frame.payload);
    } else if (frame.op === "error") {
      for (const one of this.subscriptions.get(frame.topic) ?? []) one.refused?.(frame.error);
    }
  }

  send(frame) {
    if (this.live) this.socket.send(JSON.stringify(frame));
  }

  subscribe(filter, listener) {
    const known = this.subscriptions.get(filter);
    if (known) known.add(listener), this.live && listener.here();
    else {
      this.subscriptions.set(filter, new Set([listener]));
      this.send({ op: "subscribe", topic: filter });
    }
    return () => {
      const set = this.subscriptions.get(filter);
      if (!set?.delete(listener) || set.size) return;
      this.subscriptions.delete(filter);
      this.send({ op: "unsubscribe", topic: filter });
    };
  }

  request(topic, payload = {}) {
    if (!this.live) return Promise.reject(new Error("not connected"));
    const id = this.next++;
    this.send({ op: "request", id, topic, payload });
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }
}

// What `<domain>.list` says and the events after it: docs/explanation/losses.md has the rules.
class Mirror {
  constructor(bus, domain, changed) {
    Object.assign(this, { bus, name: domain.name, changed, items: new Map(), fresh: false, there: false });
    this.gone = new Set(domain.gone);
    this.passing = new Set(domain.passing);
    this.kept = [];
    this.end = bus.subscribe(`${domain.name}.>`, { message: (frame) => this.take(frame), here: () => this.list() });
  }

  async list() {
    const round = this.round = (this.round ?? 0) + 1;
    this.fresh = false;
    try {
      let page = await this.bus.request(`${this.name}.list`);
      const items = [...page.items];
      const { boot, seq } = page;
      while (page.cursor) items.push(...(page = await this.bus.request(`${this.name}.list`, { cursor: page.cursor })).items);
      if (round !== this.round) return;
      Object.assign(this, { boot, seq, last: new Map(), fresh: true, there: true });
      this.items = new Map(items.map((item) => [item.id, item]));
      const kept = this.kept.splice(0);
      for (const frame of kept) this.take(frame);
    } catch (error) {
      if (round !== this.round) return;
      this.there = false;   // its daemon does not run: the next event, or the next connection, asks again
    }
    this.changed(this, null);
  }

  take(frame) {
    const verb = frame.topic.slice(frame.topic.lastIndexOf(".") + 1);
    const headers = frame.headers ?? {};
    if (frame.topic === `${this.name}.lost`) return void this.list();
    if (!headers["Lunix-Boot"]) return;   // a request of somebody with this token, not an event
    if (!this.fresh) {
      this.kept.push(frame);
      if (this.kept.length > 5000) this.kept.shift();
      if (!this.there && this.round && this.kept.length === 1) this.list();
      return;
    }
    const seq = Number(headers["Lunix-Seq"]), prev = Number(headers["Lunix-Prev"] ?? NaN);
    const known = Math.max(this.last.get(frame.topic) ?? 0, this.seq);
    if (headers["Lunix-Boot"] !== this.boot) return headers["Lunix-Boot"] > this.boot ? void (this.kept.push(frame), this.list()) : undefined;
    if (seq <= known) return;
    if (!(prev <= known)) return void (this.kept.push(frame), this.list());
    this.last.set(frame.topic, seq);
    if (!this.passing.has(verb) && frame.payload && frame.payload.id !== undefined) {
      if (this.gone.has(verb)) this.items.delete(frame.payload.id);
      else this.items.set(frame.payload.id, frame.payload);
    }
    this.changed(this, frame);
  }
}

// --- state ------------------------------------------------------------------------------------------------------

const bus = new Bus();
const mirrors = new Map();
let allowed = new Set();
let told = { role: "", host: "" };
const can = (subject) => allowed.has(subject);
const items = (domain) => [...(mirrors.get(domain)?.items.values() ?? [])];

const TITLES = {
  network: "Network", bluetooth: "Bluetooth", power: "Power", mount: "Storage", login: "Logins", wm: "Windows", mqtt: "MQTT",
};
const NOT_CARDS = new Set(["toast", "init", "hardware", "process", "websocket", "log"]);

function changed(mirror, frame) {
  if (mirror.name === "toast") drawToasts();   // at once: a toast is for now
  if (mirror.name === "init") redraw(drawServices);
  if (mirror.name === "hardware") redraw(drawDevices);
  if (frame) noteRecent(frame);
  redraw(drawCards);
}

async function begin(hello) {
  told = hello;
  say($("host"), hello.host);
  showSignIn(false);
  bus.onstate("live", `live · ${hello.role}`);
  $("status").title = `token ${hello.token}, lunix ${hello.version}`;
  let found;
  try {
    const answer = await fetch("/subjects", { headers: { Authorization: `Bearer ${bus.token}` } });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    found = await answer.json();
  } catch (error) {
    return problem(`What there is on the bus cannot be told: ${error.message}`);
  }
  allowed = new Set(found.subjects.map((row) => row.subject));
  $("filters").replaceChildren(...found.domains.map((one) => el("option", { value: `${one.name}.>` })));
  for (const domain of found.domains) {
    if (can(`${domain.name}.list`) && !["process", "websocket"].includes(domain.name) && !mirrors.has(domain.name)) {
      mirrors.set(domain.name, new Mirror(bus, domain, changed));
    }
  }
  sample();
  listen();
  redraw(drawCards);
}

// --- toasts -----------------------------------------------------------------------------------------------------

new ResizeObserver(([box]) => document.body.style.setProperty("--toasts", `${box.target.offsetHeight}px`)).observe($("toasts"));

function drawToasts() {
  const shown = items("toast").filter((toast) => toast.shown !== false);
  sync($("toasts"), [...shown, ...problems], (one) => one.id, makeToast, updateToast);
  document.title = `${shown.length ? `(${shown.length}) ` : ""}${told.host ? `${safe(told.host)} · ` : ""}lunix`;
}

function makeToast(toast) {
  const title = el("h2"), body = el("p", { class: "body" }), actions = el("div", { class: "actions" });
  const close = el("button", { class: "close", type: "button", onclick: () => closeToast(toast.id) }, "×");
  const node = el("article", { class: "toast" }, el("header", {}, title, close), body, actions);
  node.parts = { title, body, actions, close };
  return node;
}

function updateToast(node, toast) {
  const { title, body, actions, close } = node.parts;
  node.dataset.urgency = toast.urgency ?? "normal";
  node.classList.toggle("problem", toast.problem === true);
  say(title, toast.summary);
  say(body, toast.body ?? "");
  body.hidden = !toast.body;
  close.setAttribute("aria-label", `Close: ${safe(toast.summary)}`);
  close.hidden = !toast.problem && !can("toast.close");
  // What another notification server shows is answered there.
  sync(actions, can("toast.close") && !toast.by_another ? toast.actions ?? [] : [], (action) => action.key,
    (action) => el("button", { type: "button", onclick: () => closeToast(toast.id, action.key) }),
    (button, action) => say(button, action.label));
}

async function closeToast(id, action) {
  const own = problems.findIndex((one) => one.id === id);
  if (own >= 0) return void (problems.splice(own, 1), drawToasts());
  try {
    await bus.request("toast.close", action === undefined ? { id } : { id, action });
  } catch (error) {
    if (error.code !== 404) problem(`The toast stays: ${error.message}`);
  }
}

const problems = [];
function problem(text) {
  const id = `problem-${Math.random()}`;
  problems.push({ id, problem: true, urgency: "critical", summary: text });
  drawToasts();
  setTimeout(() => closeToast(id), 8000);
}

// --- services ---------------------------------------------------------------------------------------------------

const TONES = { up: "ok", done: "ok", failed: "bad", backoff: "bad", starting: "warn", stopping: "warn", killing: "warn", waiting: "warn" };
const usage = new Map();   // name → {cpu: [%], memory: [bytes], last: µs, at: ms}
const SAMPLES = 45, EVERY_MS = 2000;
const ALL = "";

// Only while somebody looks: usage is a figure, not an event.
async function sample() {
  clearTimeout(sample.timer);
  if (!bus.live || document.hidden || !can("init.usage") || !mirrors.get("init")?.there) {
    sample.timer = setTimeout(sample, EVERY_MS);
    return;
  }
  const seen = ["overview", "services"].includes(view);
  if (seen) {
    try {
      const answer = await bus.request("init.usage");
      const at = performance.now();
      for (const one of answer.items) note(one.name, one, at);
      note(ALL, answer.total, at);
      const names = new Set([ALL, ...answer.items.map((one) => one.name)]);
      for (const name of usage.keys()) if (!names.has(name)) usage.delete(name);
      redraw(drawServices);
      redraw(drawCards);
    } catch { /* the service is gone for now, and its state tells so */ }
  }
  clearTimeout(sample.timer);
  sample.timer = setTimeout(sample, EVERY_MS);
}

function note(name, one, at) {
  const known = usage.get(name) ?? { cpu: [], memory: [] };
  if (typeof one.cpu_us === "number") {
    if (known.at !== undefined && one.cpu_us >= known.last) push(known.cpu, (one.cpu_us - known.last) / (at - known.at) / 10);
    known.last = one.cpu_us;
    known.at = at;
  }
  if (typeof one.memory_bytes === "number") push(known.memory, one.memory_bytes);
  usage.set(name, known);
}
function push(list, value) {
  list.push(value);
  if (list.length > SAMPLES) list.shift();
}

function makeMeter(kind, label) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `spark ${kind}`);
  svg.setAttribute("viewBox", "0 0 100 26");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const area = document.createElementNS(SVG, "polygon"), line = document.createElementNS(SVG, "polyline");
  const ground = document.createElementNS(SVG, "line");
  for (const [name, value] of [["x1", 0], ["x2", 100], ["y1", 25.5], ["y2", 25.5]]) ground.setAttribute(name, value);
  svg.append(ground, area, line);
  const figure = el("span", { class: "figure" });
  const node = el("div", { class: `meter ${kind}`, role: "img", "aria-label": label }, svg, figure);
  node.parts = { area, line, figure, label };
  return node;
}

function updateMeter(node, values, text, floor, room = 1.15) {
  const { area, line, figure, label } = node.parts;
  node.classList.toggle("none", !values.length);
  say(figure, text || "–");
  node.setAttribute("aria-label", `${label} ${text || "unknown"}`);
  const top = Math.max(floor, ...values) * room;
  const points = values.map((value, at) => `${(100 - (values.length - 1 - at) * (100 / (SAMPLES - 1))).toFixed(1)},${(25 - (value / top) * 24).toFixed(1)}`);
  line.setAttribute("points", points.join(" "));
  const left = points.length ? points[0].split(",")[0] : "0";
  area.setAttribute("points", points.length > 1 ? `${left},26 ${points.join(" ")} 100,26` : "");
}

const percent = (values) => (values.length ? `${values.at(-1) < 9.95 ? values.at(-1).toFixed(1) : Math.round(values.at(-1))} %` : "");

function drawServices() {
  const all = items("init").sort((a, b) => byName(a.id, b.id));
  const bad = all.filter((one) => TONES[one.state] === "bad");
  const up = all.filter((one) => one.state === "up").length;
  say($("services-sum"), `${up} of ${all.length} up${bad.length ? `, ${bad.length} failing` : ""}`);
  const count = $("count-services");
  say(count, bad.length || all.length || "");
  count.toggleAttribute("data-bad", bad.length > 0);
  if (view !== "services") return;
  sync($("service-list"), all, (one) => one.id, makeService, updateService);
}

function makeService(service) {
  const name = el("span", { class: "name" }), why = el("span", { class: "note" }), chip = el("span", { class: "chip" });
  const cpu = makeMeter("cpu", "processor"), memory = makeMeter("memory", "memory"), verbs = el("div", { class: "verbs" });
  const node = el("li", {}, el("div", { class: "what" }, name, why), chip, el("div", { class: "meters" }, cpu, memory), verbs);
  node.parts = { name, why, chip, cpu, memory, verbs };
  return node;
}

function updateService(node, service) {
  const { name, why, chip, cpu, memory, verbs } = node.parts;
  say(name, service.id);
  const exit = service.last_exit && TONES[service.state] === "bad" ? exitText(service.last_exit) : "";
  say(why, exit || service.why || service.status || service.description || (service.pid ? `pid ${service.pid}` : ""));
  say(chip, service.state);
  chip.dataset.tone = TONES[service.state] ?? "";
  const used = usage.get(service.id) ?? { cpu: [], memory: [] };
  updateMeter(cpu, used.cpu, percent(used.cpu), 5);
  updateMeter(memory, used.memory, bytes(used.memory.at(-1)), 1, 1.6);
  const running = service.pid || ["up", "starting", "backoff", "waiting"].includes(service.state);
  const wanted = running ? ["restart", "stop"] : ["start"];
  sync(verbs, wanted.filter((verb) => can(`init.${verb}`)), (verb) => verb, (verb) => makeVerb(verb, service.id), () => {});
}

const exitText = (exit) => exit.message || [exit.cause, exit.signal ?? (exit.code !== undefined ? `code ${exit.code}` : "")].filter(Boolean).join(", ");

function makeVerb(verb, id) {
  const word = verb[0].toUpperCase() + verb.slice(1);
  const button = el("button", { type: "button", "aria-label": `${word} ${safe(id)}` }, word);
  let armed = 0;
  const disarm = () => {
    clearTimeout(armed);
    armed = 0;
    button.classList.remove("danger");
    button.textContent = word;
  };
  button.addEventListener("blur", disarm);
  button.addEventListener("click", async () => {
    if (verb !== "start" && !armed) {   // once more within some seconds, instead of a question in the way
      button.classList.add("danger");
      button.textContent = `${word}?`;
      armed = setTimeout(disarm, 4000);
      return;
    }
    disarm();
    button.disabled = true;
    try {
      await bus.request(`init.${verb}`, { name: id });
    } catch (error) {
      problem(`${id}: ${error.message}`);
    }
    button.disabled = false;
  });
  return button;
}

// --- devices ----------------------------------------------------------------------------------------------------

const FIRST = ["usb", "block", "net", "input", "sound", "video4linux", "drm", "power_supply", "bluetooth", "tty", "pci"];
const HIDDEN_NAMES = new Set(["usb_interface"]);
const rank = (name) => (FIRST.indexOf(name) + 1 || 99);
const freshDevices = new Set();

function drawDevices() {
  const all = items("hardware");
  say($("count-devices"), all.length || "");
  if (view !== "devices") return;
  const words = $("device-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map();
  for (const device of all) {
    if (words.length ? !matches(words, JSON.stringify(device)) : HIDDEN_NAMES.has(device.subsystem)) continue;
    if (!groups.has(device.subsystem)) groups.set(device.subsystem, []);
    groups.get(device.subsystem).push(device);
  }
  const ordered = [...groups].sort(([a], [b]) => rank(a) - rank(b) || byName(a, b));
  sync($("device-list"), ordered, ([name]) => name, ([name]) => makeGroup(name), (node, [, devices]) => updateGroup(node, devices, words.length > 0));
}

function makeGroup(name) {
  const sum = el("span", { class: "sum" }), list = el("ul", { class: "rows" });
  const node = el("details", { class: "group", open: name === "usb" || name === "block" }, el("summary", {}, name, sum), list);
  node.parts = { sum, list };
  node.addEventListener("toggle", () => node.open && redraw(drawDevices));
  return node;
}

function updateGroup(node, devices, searching) {
  const { sum, list } = node.parts;
  say(sum, plural(devices.length, "device"));
  if (searching && !node.open) node.open = true;
  if (!node.open) return list.replaceChildren();   // closed ones cost nothing
  devices.sort((a, b) => (a.size_bytes === 0) - (b.size_bytes === 0) || byName(deviceName(a), deviceName(b)));
  sync(list, devices.slice(0, 400), (one) => one.id, makeRow, (row, device) => {
    updateRow(row, { title: deviceName(device), note: deviceNote(device), chip: device.driver });
    if (freshDevices.delete(device.id)) row.classList.add("fresh");
  });
}

const deviceName = (device) => device.product || device.model || device.fs_label || device.name || device.id;
function deviceNote(device) {
  const parts = [device.vendor, device.name !== deviceName(device) ? device.name : "", device.devnode, device.fs_type, device.size_bytes ? bytes(device.size_bytes) : ""];
  return parts.filter(Boolean).join(" · ");
}
const matches = (words, text) => {
  const low = text.toLowerCase();
  return words.every((word) => low.includes(word));
};

// --- the overview -----------------------------------------------------------------------------------------------

const recent = [];
function noteRecent(frame) {
  if (frame.topic.startsWith("hardware.") && frame.topic.endsWith(".add")) freshDevices.add(frame.payload?.id);
  recent.unshift({ frame, at: new Date() });
  if (recent.length > 8) recent.pop();
}

function drawCards() {
  if (view !== "overview") return;
  const cards = [];
  if (mirrors.get("init")?.there) cards.push({ id: "init", title: "Services", draw: drawServiceCard });
  for (const mirror of mirrors.values()) {
    if (NOT_CARDS.has(mirror.name) || !mirror.there || !mirror.items.size) continue;
    cards.push({ id: mirror.name, title: TITLES[mirror.name] ?? mirror.name, draw: mirror.name === "network" ? drawNetwork : drawDomain });
  }
  if (mirrors.get("hardware")?.there) cards.push({ id: "hardware", title: "Devices", draw: drawDeviceCard });
  cards.push({ id: "recent", title: "Lately", draw: drawRecent });
  sync($("cards"), cards, (card) => card.id, makeCard, (node, card) => card.draw(node.parts, card.id));
}

function makeCard(card) {
  const sum = el("span", { class: "sum" }), top = el("div"), list = el("ul", { class: "rows" }), foot = el("div");
  const heading = el("h2", { id: `card-${card.id}` }, card.title);
  const node = el("section", { class: "card", "aria-labelledby": heading.id }, el("header", {}, heading, sum), top, list, foot);
  node.parts = { sum, top, list, foot, node };
  return node;
}

function link(parts, href, text) {
  if (!parts.foot.firstChild) parts.foot.append(el("a", { class: "more", href }, text));
}

function drawServiceCard(parts) {
  const all = items("init").sort((a, b) => byName(a.id, b.id));
  const odd = all.filter((one) => !["up", "done", "down"].includes(one.state));
  say(parts.sum, `${all.filter((one) => one.state === "up").length} of ${all.length} up`);
  if (!parts.meters) {
    parts.meters = [makeMeter("cpu", "processor"), makeMeter("memory", "memory")];
    parts.top.append(...parts.meters);
  }
  const used = usage.get(ALL) ?? { cpu: [], memory: [] };
  updateMeter(parts.meters[0], used.cpu, percent(used.cpu) && `${percent(used.cpu)} cpu`, 10);
  updateMeter(parts.meters[1], used.memory, bytes(used.memory.at(-1)), 1, 1.6);
  sync(parts.list, odd.slice(0, 5), (one) => one.id, makeRow,
    (row, one) => updateRow(row, { title: one.id, note: (one.last_exit && exitText(one.last_exit)) || one.why, chip: one.state, tone: TONES[one.state] }));
  link(parts, "#services", "All services");
}

function drawDeviceCard(parts) {
  const all = items("hardware");
  say(parts.sum, String(all.length));
  const usb = all.filter((one) => one.subsystem === "usb" && (one.product || one.vendor));
  const disks = all.filter((one) => one.subsystem === "block" && one.fs_type);
  const shown = [...usb, ...disks].slice(0, 5);
  sync(parts.list, shown, (one) => one.id, makeRow, (row, one) => {
    updateRow(row, { title: deviceName(one), note: deviceNote(one), chip: one.subsystem });
    if (freshDevices.delete(one.id)) row.classList.add("fresh");
  });
  if (!shown.length && !parts.top.firstChild) parts.top.append(el("p", { class: "empty" }, "No USB device, no file system."));
  if (shown.length) parts.top.replaceChildren();
  link(parts, "#devices", "All devices");
}

function drawRecent(parts) {
  parts.node.classList.add("wide");
  parts.list.classList.add("tight");
  sync(parts.list, recent, (one) => `${one.frame.topic}${one.frame.headers?.["Lunix-Boot"]}${one.frame.headers?.["Lunix-Seq"]}`, makeRow,
    (row, one) => updateRow(row, { title: one.frame.topic, note: gist(one.frame), chip: clock(one.at).slice(0, 8) }));
  if (!parts.top.firstChild) parts.top.append(el("p", { class: "empty" }, "Quiet since you came."));
  parts.top.hidden = recent.length > 0;
  link(parts, "#events", "All events");
}

const STATES = {
  routable: "ok", online: "ok", connected: "ok", charging: "ok", full: "ok", open: "ok", discharging: "warn", degraded: "warn",
  dormant: "warn", low: "warn", critical: "bad", offline: "bad", failed: "bad",
};

function drawNetwork(parts) {
  const all = items("network");
  const links = all.filter((one) => one.kind === "link");
  if (!links.length) return drawDomain(parts, "network");
  const online = all.find((one) => one.kind === "online");
  say(parts.sum, online === undefined ? "" : online.online ? "online" : "offline");
  const order = (one) => ["routable", "degraded", "carrier", "enslaved", "dormant", "no-carrier", "off"].indexOf(one.state);
  links.sort((a, b) => (a.name === "lo") - (b.name === "lo") || order(a) - order(b) || byName(a.name, b.name));
  sync(parts.list, links.slice(0, 8), (one) => one.id, makeRow, (row, one) => {
    const addresses = all.filter((other) => other.kind === "address" && other.link === one.id && other.scope !== "link");
    const note = [one.wifi?.ssid, ...addresses.slice(0, 2).map((other) => other.address)].filter(Boolean).join(" · ");
    updateRow(row, { title: one.name, note: note || one.type, chip: one.state, tone: STATES[one.state] });
  });
  const gateways = all.filter((one) => one.kind === "default" && one.gateway).map((one) => one.gateway);
  if (!parts.route) parts.foot.append(parts.route = el("p", { class: "note" }));
  say(parts.route, gateways.length ? `by way of ${gateways.join(", ")}` : "no default route");
}

// Any domain with a list: names, states and levels are found by what fields are usually called.
function drawDomain(parts, domain) {
  const all = items(domain).filter((one) => domain !== "mount" || one.device || one.removable || one.where === "/");
  const ordered = all.sort((a, b) => (stateOf(b).tone === "ok") - (stateOf(a).tone === "ok") || byName(nameOf(a), nameOf(b)));
  say(parts.sum, String(all.length));
  sync(parts.list, ordered.slice(0, 8), (one) => one.id, makeRow, (row, one) => {
    const state = stateOf(one);
    updateRow(row, { title: nameOf(one), note: noteOf(one), chip: state.text, tone: state.tone, level: levelOf(one) });
  });
}

const pick = (item, names) => names.map((name) => item[name]).find((value) => typeof value === "string" && value);
const NAMES = ["alias", "product", "fs_label", "label", "model", "title", "summary", "user", "name", "where", "source", "address", "id"];
const nameOf = (item) => pick(item, NAMES) ?? String(item.id);
function noteOf(item) {
  const title = nameOf(item);
  const wanted = ["name", "vendor", "manufacturer", "app", "kind", "type", "where", "source", "fs_type", "service", "tty", "remote_host", "address", "technology"];
  return [...new Set(wanted.map((name) => item[name]))].filter((value) => typeof value === "string" && value && value !== title).slice(0, 3).join(" · ");
}
function stateOf(item) {
  const text = pick(item, ["state", "status"]);
  if (text) return { text, tone: STATES[text] ?? "" };
  for (const flag of ["connected", "online", "open", "read_only", "paired", "powered", "focused"]) {
    if (typeof item[flag] === "boolean") {
      if (item[flag]) return { text: flag.replace("_", " "), tone: flag === "read_only" ? "warn" : "ok" };
      if (["connected", "online"].includes(flag)) return { text: flag === "online" ? "offline" : `not ${flag}`, tone: "" };
    }
  }
  return { text: "", tone: "" };
}
const levelOf = (item) => ["percent", "capacity_percent", "battery_percent", "level_percent", "charge_percent"].map((name) => item[name]).find((value) => typeof value === "number");

function makeRow() {
  const title = el("span", { class: "name", dir: "auto" }), note = el("span", { class: "note", dir: "auto" }), chip = el("span", { class: "chip" });
  const bar = el("span"), level = el("span", { class: "level", role: "img" }, bar);
  const node = el("li", {}, el("div", { class: "what" }, title, note), level, chip);
  node.parts = { title, note, chip, level };
  return node;
}

function updateRow(node, { title, note, chip, tone, level }) {
  const parts = node.parts;
  say(parts.title, title ?? "");
  parts.title.title = safe(title ?? "");
  say(parts.note, note ?? "");
  parts.note.hidden = !note;
  const text = level === undefined ? chip ?? "" : `${Math.round(level)} %${chip ? ` ${chip}` : ""}`;
  say(parts.chip, text);
  parts.chip.hidden = !text;
  parts.chip.dataset.tone = tone ?? "";
  parts.level.hidden = level === undefined;
  if (level === undefined) return;
  parts.level.style.setProperty("--value", Math.max(0, Math.min(100, level)));
  parts.level.dataset.tone = level <= 10 ? "bad" : level <= 25 ? "warn" : "";
  parts.level.setAttribute("aria-label", `${Math.round(level)} percent`);
}

// --- events -----------------------------------------------------------------------------------------------------

const KEPT = 400;
const streamed = new Map();   // filter → what ends it
let stream = [], pausedAt = null, unseen = 0, words = [], pattern = null;

const isPattern = (text) => /^[^\s.>*]+(\.[^\s.>]+)*(\.>)?$/.test(text) && /[.]/.test(text) || text === ">";

function listen() {
  const text = $("filter").value.trim();
  pattern = isPattern(text) ? text.split(".") : null;
  words = pattern ? [] : text.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = new Set(view === "events" ? (pattern ? [text] : everyday()) : []);
  say($("filter-error"), "");
  for (const [filter, end] of streamed) if (!wanted.has(filter)) end(), streamed.delete(filter);
  for (const filter of wanted) {
    if (streamed.has(filter)) continue;
    streamed.set(filter, bus.subscribe(filter, {
      message: arrived, here: () => {}, refused: (error) => say($("filter-error"), `${filter}: ${error.message}`),
    }));
  }
  redraw(drawStream);
}

// Changes of states and what scripts tell each other; streams such as each process that ends would bury it all.
function everyday() {
  if ($("everything").checked) return [">"];
  return [...[...mirrors.keys()].map((name) => `${name}.>`), ...(can("toast.in") ? ["user.>"] : [])];
}

function takesIn(wide, literal) {
  if (wide.at(-1) === ">") return literal.length >= wide.length && takesIn(wide.slice(0, -1), literal.slice(0, wide.length - 1));
  return wide.length === literal.length && wide.every((token, at) => token === "*" || token === literal[at]);
}

function arrived(frame) {
  // What others with this token ask, and this page itself, is no event.
  if (!frame.headers?.["Lunix-Boot"] && !frame.topic.startsWith("user.")) return;
  stream.unshift({ frame, at: new Date(), id: ++arrived.count });
  if (stream.length > KEPT) stream.length = KEPT;
  if (pausedAt) {
    unseen++;
    redraw(drawPause);
  } else redraw(drawStream);
}
arrived.count = 0;

function drawPause() {
  const button = $("pause");
  button.setAttribute("aria-pressed", String(pausedAt !== null));
  say(button, pausedAt ? (unseen ? `Resume (${unseen})` : "Resume") : "Pause");
}

function pause(on = pausedAt === null) {
  pausedAt = on ? stream.slice() : null;
  unseen = 0;
  drawPause();
  redraw(drawStream);
}

function drawStream() {
  if (view !== "events") return;
  const shown = [];
  for (const one of pausedAt ?? stream) {
    if (!one.lost && pattern && !takesIn(pattern, one.frame.topic.split("."))) continue;
    if (one.lost || !words.length || matches(words, one.text ??= `${one.frame.topic} ${JSON.stringify(one.frame.payload)}`)) shown.push(one);
    if (shown.length === 250) break;
  }
  sync($("stream"), shown, (one) => one.id, makeEvent, () => {});
  say($("stream-empty"), words.length || pattern ? "Nothing like that has happened yet." : "Nothing has happened yet. Plug something in.");
}

function makeEvent(one) {
  if (one.lost) return el("li", { class: "gap" }, `${plural(one.lost, "event")} came faster than they could be shown`);
  const { topic, payload } = one.frame;
  const subject = el("span", { class: "subject" }, topic);
  subject.style.setProperty("--hue", hue(topic.split(".", 1)[0]));
  const button = el("button", { class: "event", type: "button", "aria-expanded": "false" },
    el("time", { datetime: one.at.toISOString() }, clock(one.at)), subject, el("span", { class: "gist", dir: "auto" }, gist(one.frame)));
  const node = el("li", {}, button);
  button.addEventListener("click", () => {
    const open = node.querySelector("pre");
    if (open) open.remove();
    else node.append(el("pre", { tabindex: "0" }, typeof payload === "string" ? payload : JSON.stringify(payload, null, 2)));
    button.setAttribute("aria-expanded", String(!open));
  });
  return node;
}

const TELLING = ["summary", "product", "name", "state", "action", "reason", "address", "value", "user", "subsystem", "where", "fs_label", "fs_type", "source", "text"];
function gist({ topic, payload }) {
  if (payload === null || typeof payload !== "object") return String(payload ?? "").slice(0, 200);
  const found = [];
  for (const name of TELLING) {
    const value = payload[name];
    if (value === undefined || value === null || value === "" || typeof value === "object") continue;
    if (found.length && topic.split(".").includes(String(value))) continue;   // said already
    if (!found.some((text) => text.endsWith(String(value)))) found.push(found.length ? `${name}=${value}` : String(value));
    if (found.length === 4) break;
  }
  return (found.length ? found.join("  ") : JSON.stringify(payload)).slice(0, 200);
}

// --- views, colours, sign-in ------------------------------------------------------------------------------------

const VIEWS = ["overview", "services", "devices", "events"];
let view = "overview";

function show() {
  const wanted = location.hash.slice(1);
  view = VIEWS.includes(wanted) ? wanted : "overview";
  const signedIn = $("sign-in").hidden;
  $("nav").hidden = !signedIn;
  for (const name of VIEWS) $(`view-${name}`).hidden = !signedIn || name !== view;
  for (const anchor of $("nav").children) anchor.dataset.view === view ? anchor.setAttribute("aria-current", "page") : anchor.removeAttribute("aria-current");
  if (!signedIn) return;
  if (show.last !== view) scrollTo(0, 0);
  show.last = view;
  listen();
  for (const draw of [drawCards, drawServices, drawDevices]) draw();
  if (view === "overview" || view === "services") sample();
}

function showSignIn(on, why = "") {
  if ($("sign-in").hidden === !on && !why) return void show();
  $("sign-in").hidden = !on;
  say($("sign-in-error"), why);
  show();
  if (on) $("token").focus();
}

function store(kind) {
  try {
    return window[kind];
  } catch {
    return null;   // a browser that keeps nothing
  }
}

function foundToken() {
  const match = /^#token=([A-Za-z0-9_-]+)$/.exec(location.hash);
  if (match) {
    store("sessionStorage")?.setItem("lunix.token", match[1]);
    history.replaceState(null, "", location.pathname);   // out of the address bar, of screenshots and of shared screens
    return match[1];
  }
  return store("sessionStorage")?.getItem("lunix.token") ?? store("localStorage")?.getItem("lunix.token");
}

const THEMES = ["system", "light", "dark"];
function theme(wanted) {
  const now = THEMES.includes(wanted) ? wanted : "system";
  if (now === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = now;
  $("theme").setAttribute("aria-label", `Colours: ${now === "system" ? "as the system has them" : now}`);
  $("theme").title = $("theme").getAttribute("aria-label");
  $("theme").textContent = { system: "◐", light: "○", dark: "●" }[now];
  return now;
}

bus.onhello = begin;
bus.onstate = (state, text) => {
  $("status").dataset.state = state;
  say($("status-text"), text);
};
bus.onrefused = (why) => {
  bus.token = null;
  for (const kind of ["sessionStorage", "localStorage"]) store(kind)?.removeItem("lunix.token");
  bus.onstate("bad", "not connected");
  showSignIn(true, `This token was refused: ${why}.`);
};
bus.ondropped = (count) => {
  stream.unshift({ lost: count, id: ++arrived.count, at: new Date() });
  redraw(drawStream);
};

$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = $("token").value.trim().replace(/^.*#token=/, "");
  $("token").value = "";
  store("sessionStorage")?.setItem("lunix.token", token);
  if ($("remember").checked) store("localStorage")?.setItem("lunix.token", token);
  bus.connect(token);
});
$("filter-form").addEventListener("submit", (event) => event.preventDefault());
$("filter").addEventListener("input", () => {
  clearTimeout(listen.timer);
  listen.timer = setTimeout(listen, 150);
});
$("everything").addEventListener("change", listen);
$("device-filter").addEventListener("input", () => redraw(drawDevices));
$("pause").addEventListener("click", () => pause());
$("clear").addEventListener("click", () => {
  stream = [];
  pause(false);
});
$("theme").addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme ?? "system") + 1) % 3];
  store("localStorage")?.setItem("lunix.theme", theme(next));
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !$("sign-in").hidden) return;
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === "Escape" && typing) event.target.blur();
  if (typing) return;
  if (event.key === "/" && (view === "events" || view === "devices")) {
    event.preventDefault();
    $(view === "events" ? "filter" : "device-filter").focus();
  } else if (event.key === "p" && view === "events") pause();
  else if (/^[1-4]$/.test(event.key)) location.hash = VIEWS[event.key - 1];
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  bus.hurry();
  flushDraws();
});
window.addEventListener("online", () => bus.hurry());
window.addEventListener("hashchange", () => {
  const match = /^#token=/.test(location.hash) && foundToken();
  if (match) bus.connect(match);
  else show();
});

theme(store("localStorage")?.getItem("lunix.theme"));
const token = foundToken();
if (token) bus.connect(token);
else showSignIn(true);

})();
