// What the tests of the page ask in it.

// The moment at which a text stands among the toasts.
function seen(text) {
  const toasts = document.querySelector("#toasts");
  return new Promise((resolve) => {
    const test = () => toasts.textContent.includes(text) && resolve(Date.now());
    new MutationObserver(test).observe(toasts, { subtree: true, childList: true, characterData: true });
  });
}

function toastWith(text) {
  return [...document.querySelectorAll(".toast")].find((one) => one.textContent.includes(text));
}

function typed(where, text) {
  document.querySelector(where).value = text;
  document.querySelector(where).dispatchEvent(new Event("input"));
}

// Texts with less contrast than WCAG 2.2 AA asks for.
function poorContrasts() {
  const parse = (text) => {
    const found = text.match(/[\d.]+/g).map(Number);
    return found.length > 3 ? found : [...found, 1];
  };
  const linear = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour[3] > 0.9) return colour;
    }
    return [255, 255, 255, 1];
  };
  const poor = [];
  for (const node of document.querySelectorAll("body *")) {
    const says = [...node.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
    if (!says || !node.checkVisibility() || node.closest(".skip")) continue;
    const [a, b] = [luminance(parse(getComputedStyle(node).color)), luminance(ground(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${node.className || node.tagName} ${node.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return poor;
}

// Controls that a screen reader has no name for.
function nameless() {
  return [...document.querySelectorAll("button, input, a")]
    .filter((one) => one.checkVisibility() && !one.textContent.trim())
    .filter((one) => !one.getAttribute("aria-label") && !one.labels?.length)
    .map((one) => one.outerHTML);
}
