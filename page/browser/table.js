// <voice-table>: utterances to play in the timeline of `data-for`, filtered by emotion and confidence.

class VoiceTable extends HTMLElement {
  connectedCallback() {
    this.keeper = new MutationObserver(() => this.querySelector(".filter") ?? this.build());
    this.keeper.observe(this, { childList: true });
    this.addEventListener("click", (event) => this.play(event.target.closest("tr[data-start]"), event));
    this.build();
  }

  build() {
    const rows = [...this.querySelectorAll("tbody tr")];
    const labels = [...new Set(rows.map((row) => row.dataset.label))].filter(Boolean).sort();
    const options = labels.map((label) => `<option>${label}</option>`).join("");
    this.insertAdjacentHTML("afterbegin", `<div class="filter">
      <label>Sounds <select><option value="">like anything</option>${options}</select></label>
      <label>At least this sure <input type="range" min="0" max="90" step="10" value="0">
        <output>0 %</output></label> <span class="count" role="status"></span></div>`);
    this.querySelector(".filter").addEventListener("input", () => this.filter());
    this.filter();
  }

  filter() {
    const label = this.querySelector("select").value;
    const least = Number(this.querySelector(".filter input").value);
    this.querySelector("output").textContent = `${least} %`;
    const rows = [...this.querySelectorAll("tbody tr")];
    for (const row of rows) {
      row.hidden = (label && row.dataset.label !== label) || 100 * Number(row.dataset.sure) < least;
    }
    const shown = rows.filter((row) => !row.hidden).length;
    this.querySelector(".count").textContent = `${shown} of ${rows.length}`;
  }

  play(row, event) {
    if (!row || !event.target.closest("button")) return;
    const timeline = document.querySelector(`voice-timeline[data-source=${this.dataset.for}]`);
    timeline.move(Number(row.dataset.start));
    timeline.play(Number(row.dataset.end));
  }
}

customElements.define("voice-table", VoiceTable);
