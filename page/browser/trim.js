// A part of a clip, to be judged alone: two fields, and two handles on the picture.
import { pick } from "./source.js";
import { t } from "./text.js";

const LEAST_S = 0.3; // that is judged
const REACH = 12; // px from a handle at which it is taken

export class Trim {
  constructor(timeline) {
    const { duration_s, part_from_s } = timeline.shown;
    this.timeline = timeline;
    this.from_s = 0;
    this.to_s = duration_s;
    const field = (name, text, value) => `<label>${text} <input type="number" name="${name}" min="0"
      max="${duration_s.toFixed(2)}" step="0.1" value="${value.toFixed(2)}"></label>`;
    timeline.insertAdjacentHTML("beforeend", `<div class="trim">
      ${field("from", t("From, in seconds"), 0)} ${field("to", t("To, in seconds"), duration_s)}
      <button type="button" class="small" data-do="part">${t("Judge this part")}</button>
      ${part_from_s === undefined ? ""
        : `<button type="button" class="small" data-do="all">${t("Judge all of it again")}</button>`}
      </div>`);
    const row = timeline.querySelector(".trim");
    this.fields = { from: row.querySelector("[name=from]"), to: row.querySelector("[name=to]") };
    this.button = row.querySelector("[data-do=part]");
    row.addEventListener("change", () => this.set(Number(this.fields.from.value), Number(this.fields.to.value)));
    row.addEventListener("click", ({ target }) => {
      const what = target.closest("[data-do]")?.dataset.do;
      if (!what) return;
      window.voice.again(timeline.dataset.source, true);
      pick(timeline.dataset.source, what === "all" ? {} : { start_s: this.from_s, end_s: this.to_s }, "trim");
    });
    timeline.canvas.addEventListener("pointerdown", (event) => this.take(event));
    this.set(0, duration_s);
  }

  // The nearest of the possible parts; the fields say what it is.
  set(from_s, to_s) {
    const { duration_s } = this.timeline.shown;
    this.from_s = Math.max(0, Math.min(duration_s - LEAST_S, from_s || 0));
    this.to_s = Math.max(this.from_s + LEAST_S, Math.min(duration_s, to_s || duration_s));
    this.fields.from.value = this.from_s.toFixed(2);
    this.fields.to.value = this.to_s.toFixed(2);
    this.button.disabled = this.from_s === 0 && this.to_s === duration_s;
    this.timeline.draw();
  }

  take(event) {
    const { canvas, shown: { duration_s } } = this.timeline;
    const x = (s) => (s / duration_s) * canvas.clientWidth;
    const away = { from: Math.abs(event.offsetX - x(this.from_s)), to: Math.abs(event.offsetX - x(this.to_s)) };
    const which = away.from < away.to ? "from" : "to";
    if (away[which] > REACH) return;
    this.is_taken = true; // the click that follows plays nothing
    canvas.setPointerCapture(event.pointerId);
    const move = ({ offsetX }) => {
      const at_s = (offsetX / canvas.clientWidth) * duration_s;
      if (which === "from") this.set(Math.min(at_s, this.to_s - LEAST_S), this.to_s);
      else this.set(this.from_s, Math.max(at_s, this.from_s + LEAST_S));
    };
    canvas.addEventListener("pointermove", move);
    canvas.addEventListener("lostpointercapture", () => canvas.removeEventListener("pointermove", move), { once: true });
  }

  // Whether a click was the end of moving a handle.
  took() {
    const is_taken = this.is_taken;
    this.is_taken = false;
    return is_taken;
  }

  paint(pen, x, height) {
    pen.fillStyle = "rgba(128, 128, 128, 0.45)";
    pen.fillRect(0, 0, x(this.from_s), height);
    pen.fillRect(x(this.to_s), 0, x(this.timeline.shown.duration_s) - x(this.to_s), height);
    pen.fillStyle = "#7c3aed";
    for (const at of [Math.max(2, x(this.from_s)), Math.min(x(this.timeline.shown.duration_s) - 2, x(this.to_s))]) {
      pen.fillRect(at - 2, 0, 4, height);
      pen.fillRect(at - 5, height / 2 - 9, 10, 18);
    }
  }
}
