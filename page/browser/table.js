// <voice-table>: utterances to play in the timeline of `data-for`, filtered by emotion and confidence.
import { open } from "./main.js";
import { pick } from "./source.js";
import { t } from "./text.js";

class VoiceTable extends HTMLElement {
  connectedCallback() {
    this.keeper = new MutationObserver(() => this.querySelector(".filter") ?? this.build());
    this.keeper.observe(this, { childList: true });
    this.addEventListener("click", (event) => this.act(event));
    this.build();
  }

  build() {
    const rows = [...this.querySelectorAll("tbody tr")];
    const labels = [...new Set(rows.map((row) => row.dataset.label))].filter(Boolean).sort();
    const options = labels.map((label) => `<option value="${label}">${t(label)}</option>`).join("");
    this.insertAdjacentHTML("afterbegin", `<div class="filter">
      <label>${t("Sort by")} <select name="sort"><option value="number">${t("order")}</option>
        ${rows[0]?.dataset.name ? `<option value="name">${t("name")}</option>` : ""}
        <option value="label">${t("what it sounds like")}</option>
        <option value="sure">${t("how sure")}</option></select></label>
      <label>${t("Sounds")} <select name="label"><option value="">${t("like anything")}</option>${options}</select></label>
      <label>${t("At least this sure")} <input type="range" min="0" max="90" step="10" value="0">
        <output>0 %</output></label> <span class="count" role="status"></span></div>`);
    this.querySelector(".filter").addEventListener("input", () => { this.sort(); this.filter(); });
    this.filter();
  }

  filter() {
    const label = this.querySelector("[name=label]").value;
    const least = Number(this.querySelector(".filter input").value);
    this.querySelector("output").textContent = `${least} %`;
    const rows = [...this.querySelectorAll("tbody tr")];
    for (const row of rows) {
      row.hidden = (label && row.dataset.label !== label) || 100 * Number(row.dataset.sure) < least;
    }
    const shown = rows.filter((row) => !row.hidden).length;
    this.querySelector(".count").textContent = t("{n} of {of}", { n: shown, of: rows.length });
  }

  act({ target }) {
    const button = target.closest("button"), row = button?.closest("tr");
    if (!button) return;
    if (button.dataset.open) {
      const file = document.getElementById(this.dataset.for).files[Number(button.dataset.open)];
      open("clip", false);
      return document.getElementById("clip").take([file]);
    }
    if (button.dataset.ask !== undefined) {
      return pick(this.dataset.for, { number: Number(row.dataset.number) });
    }
    if (!row?.dataset.start) return;
    const timeline = document.querySelector(`voice-timeline[data-source=${this.dataset.for}]`);
    timeline.move(Number(row.dataset.start));
    timeline.play(Number(row.dataset.end));
  }

  sort() {
    const key = this.querySelector("[name=sort]")?.value;
    if (!key) return;
    const value = ({ dataset }) => (key === "name" || key === "label" ? dataset[key] : Number(dataset[key]));
    const body = this.querySelector("tbody");
    body.append(...[...body.rows].sort((a, b) => (value(a) > value(b)) - (value(a) < value(b))));
  }
}

customElements.define("voice-table", VoiceTable);
