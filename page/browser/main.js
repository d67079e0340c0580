// What the page does in the browser beside Gradio: its parts, and the elements of its own.
import "./live.js";
import "./source.js";
import "./table.js";
import { t } from "./text.js";
import "./timeline.js";

const PARTS = [...document.querySelectorAll(".parts a")].map((link) => link.dataset.part);

function show(part) {
  document.documentElement.dataset.part = part;
  for (const link of document.querySelectorAll(".parts a")) {
    if (link.dataset.part !== part) link.removeAttribute("aria-current");
    else {
      link.setAttribute("aria-current", "page");
      const strip = link.closest("ul");
      strip.scrollLeft = link.offsetLeft - strip.offsetLeft - (strip.clientWidth - link.clientWidth) / 2;
    }
  }
  window.dispatchEvent(new Event("part"));
}

// Other modules call it, too: "stop and keep" opens Long.
export function open(part, focus = true) {
  const address = new URL(location);
  address.searchParams.set("tab", part);
  history.pushState(null, "", address);
  show(part);
  if (focus) document.querySelector(`.parts a[data-part=${part}]`)?.focus();
}

function asked() {
  const part = new URLSearchParams(location.search).get("tab");
  return PARTS.includes(part) ? part : PARTS[0];
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-part]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(link.dataset.part, link.closest(".parts") !== null);
});
window.addEventListener("popstate", () => show(asked()));
show(asked());

// ?example=NAME is judged at once.
const example = new URLSearchParams(location.search).get("example");
if (example) {
  const button = document.getElementById(`example-${example}`);
  button?.click();
}

// Gradio leaves out what a screen reader needs: whether a panel is open, and what a group is called.
function mend() {
  for (const opener of document.querySelectorAll("button.label-wrap")) {
    const is_open = String(opener.classList.contains("open"));
    if (opener.getAttribute("aria-expanded") !== is_open) {
      opener.setAttribute("aria-expanded", is_open);
    }
  }
  for (const group of document.querySelectorAll("fieldset:not([aria-label])")) {
    const name = group.querySelector("[data-testid=block-info]")?.textContent?.trim();
    if (name) group.setAttribute("aria-label", name);
  }
  for (const plot of document.querySelectorAll(".js-plotly-plot:not([role])")) {
    const label = plot.closest(".block")?.querySelector("label")?.textContent?.trim();
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", t("{chart}: the same is told in words beside it", { chart: label || t("Chart") }));
  }
}
let is_due = false;
new MutationObserver(() => {
  if (is_due) return;
  is_due = true;
  requestAnimationFrame(() => { is_due = false; mend(); });
}).observe(document.body, { childList: true, subtree: true, attributeFilter: ["class"] });
mend();

document.documentElement.classList.add("built");

// The program on About asks the server that shows it.
for (const text of document.querySelectorAll("[data-address]")) {
  const address = String(new URL("..", import.meta.url)).replace(/\/$/, "");
  text.textContent = text.textContent.replaceAll("{address}", address);
}
