// <voice-timeline>: a recording drawn in time, played from where one clicks.
//
// `data-shown` is JSON: duration_s, emotions [{name, color, ink}], peaks [[low, high], ...] in
// percent; and where there are any: attention [times the average, ...], track [[8 percent] or null,
// ...], segments [{start_s, end_s, label, ...}], lines [{name, color, values}], asks: whether a
// visitor may say that somebody spoke where nobody was heard, trims: or choose a part to be judged,
// part_from_s: where in the sound it begins, if it is a part itself.
import { clock } from "./microphone.js";
import { pick, played } from "./source.js";
import { letters, t } from "./text.js";
import { Trim } from "./trim.js";

const WAVE = 64, TRACK = 90, STRIP = 26, AXIS = 20, OVERVIEW = 36; // heights in px
const LEAST_S = 0.3, PART_S = 5; // of what may be speech, from where it stands
const TICKS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

class VoiceTimeline extends HTMLElement {
  static observedAttributes = ["data-shown"];

  // Gradio changes an element into the next one, and takes out what it did not put there.
  attributeChangedCallback() { queueMicrotask(() => this.build()); }

  connectedCallback() {
    this.keeper = new MutationObserver(() => this.querySelector(".time") ?? this.build());
    this.keeper.observe(this, { childList: true });
  }

  build() {
    if (!this.isConnected) return;
    this.audio?.pause();
    this.watcher?.disconnect();
    this.shown = JSON.parse(this.dataset.shown);
    const { duration_s, segments, asks, trims, part_from_s } = this.shown;
    this.offset_s = part_from_s ?? 0;
    this.from_s = 0;
    this.to_s = duration_s;
    this.innerHTML = `
      ${segments ? '<canvas class="overview" aria-hidden="true"></canvas>' : ""}
      <canvas class="time" role="img"></canvas>
      <div class="transport">
        <button type="button" class="play">${t("Play")}</button>
        <input type="range" min="0" max="${duration_s}" step="0.01" value="0" aria-label="${t("Position")}">
        <span class="clock" aria-hidden="true"></span>
        ${segments ? `<span class="zoom"><button type="button" data-zoom="0.5" aria-label="${t("Zoom in")}">+</button>
          <button type="button" data-zoom="2" aria-label="${t("Zoom out")}">−</button></span>` : ""}
        ${asks ? `<button type="button" class="small speech">${t("This was speech")}</button>` : ""}
      </div>
      <p class="problem" role="alert"></p>`;
    this.canvas = this.querySelector(".time");
    this.canvas.setAttribute("aria-label", this.dataset.told);
    this.range = this.querySelector("input");
    this.button = this.querySelector(".play");
    const audio = this.audio = new Audio();
    this.audio.preload = "auto";
    const sound = this.dataset.sound || played(this.dataset.source);
    if (sound) this.audio.src = sound;
    audio.addEventListener("error", () => audio === this.audio && this.refuse());
    for (const event of ["play", "pause", "ended"]) {
      this.audio.addEventListener(event, () => {
        this.button.textContent = t(audio.paused ? "Play" : "Pause");
        if (audio === this.audio && !audio.paused) this.follow(audio);
      });
    }
    this.button.addEventListener("click", () => this.toggle());
    this.range.addEventListener("input", () => this.move(Number(this.range.value)));
    this.canvas.addEventListener("click", (event) => {
      if (this.trim?.took()) return;
      const share = event.offsetX / this.canvas.clientWidth;
      this.move(this.from_s + share * (this.to_s - this.from_s));
      this.play();
    });
    this.querySelector(".overview")?.addEventListener("click", (event) => {
      const width_s = this.to_s - this.from_s;
      const at_s = (event.offsetX / event.target.clientWidth) * duration_s;
      this.look(at_s - width_s / 2, at_s + width_s / 2);
    });
    for (const zoom of this.querySelectorAll("[data-zoom]")) {
      zoom.addEventListener("click", () => this.zoom(Number(zoom.dataset.zoom)));
    }
    this.trim = trims && duration_s > 1 ? new Trim(this) : null;
    this.speech = this.querySelector(".speech");
    this.speech?.addEventListener("click", () => pick(this.dataset.source, this.gap()));
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(this.canvas);
    this.move(0);
  }

  disconnectedCallback() {
    this.audio?.pause();
    this.watcher?.disconnect();
    this.keeper.disconnect();
  }

  // --- playing

  get at_s() { return Number(this.range.value); }

  toggle() { this.audio.paused ? this.play() : this.audio.pause(); }

  play(until_s = null) {
    this.until_s = until_s ?? (this.shown.part_from_s === undefined ? null : this.shown.duration_s);
    if (!this.audio.src) return this.refuse();
    const is_over = this.at_s >= this.shown.duration_s - 0.02;
    this.audio.currentTime = this.offset_s + (is_over ? 0 : this.at_s);
    this.audio.play().catch(() => this.audio.error && this.refuse());
  }

  refuse() {
    this.querySelector(".problem").textContent =
      t("This browser cannot play the file; it was heard here all the same.");
    this.button.disabled = true;
  }

  move(at_s) {
    at_s = Math.max(0, Math.min(this.shown.duration_s, at_s));
    this.range.value = at_s;
    const heard_s = this.offset_s + at_s;
    if (this.audio.src && Math.abs(this.audio.currentTime - heard_s) > 0.05) this.audio.currentTime = heard_s;
    this.tell();
    if (at_s < this.from_s || at_s > this.to_s) {
      const width_s = this.to_s - this.from_s;
      this.look(at_s - width_s / 4, at_s + (3 * width_s) / 4);
    }
    this.draw();
  }

  follow(audio) {
    if (audio !== this.audio || audio.paused || !this.isConnected) return;
    const at_s = this.audio.currentTime - this.offset_s;
    if (this.until_s !== null && at_s >= this.until_s) this.audio.pause();
    this.range.value = at_s;
    if (this.at_s > this.to_s) this.move(this.at_s);
    this.tell();
    this.draw();
    requestAnimationFrame(() => this.follow(audio));
  }

  tell() {
    const [at, end] = [clock(this.at_s), clock(this.shown.duration_s)];
    this.querySelector(".clock").textContent = `${at} / ${end}`;
    this.range.setAttribute("aria-valuetext", t("{at} of {end}", { at, end }));
    if (this.speech) this.speech.disabled = !this.gap();
  }

  // From where it stands, a stretch in which nobody was heard; null where somebody was.
  gap() {
    const { segments, duration_s } = this.shown, at_s = this.at_s;
    if (segments.some(({ start_s, end_s }) => start_s <= at_s && at_s < end_s)) return null;
    const ends = segments.map(({ end_s }) => end_s).filter((end_s) => end_s <= at_s);
    const starts = segments.map(({ start_s }) => start_s).filter((start_s) => start_s > at_s);
    const last_s = Math.min(duration_s, ...starts);
    const start_s = Math.max(0, ...ends, Math.min(at_s, last_s - LEAST_S));
    return last_s - start_s < LEAST_S ? null : { start_s, end_s: Math.min(last_s, start_s + PART_S) };
  }

  // --- what is seen of it

  look(from_s, to_s) {
    const { duration_s } = this.shown;
    const width_s = Math.min(duration_s, to_s - from_s);
    this.from_s = Math.max(0, Math.min(duration_s - width_s, from_s));
    this.to_s = this.from_s + width_s;
    this.draw();
  }

  zoom(factor) {
    const width_s = Math.max(2, (this.to_s - this.from_s) * factor);
    this.look(this.at_s - width_s / 2, this.at_s + width_s / 2);
  }

  draw() {
    if (this.is_due) return;
    this.is_due = true;
    requestAnimationFrame(() => { this.is_due = false; this.paint(); });
  }

  paint() {
    const { track, segments, lines } = this.shown;
    const height = WAVE + (track ? TRACK : 0) + (segments ? STRIP : 0) + (lines ? WAVE : 0) + AXIS;
    const pen = fit(this.canvas, height);
    if (!pen) return;
    const x = (s) => ((s - this.from_s) / (this.to_s - this.from_s)) * this.canvas.clientWidth;
    const style = getComputedStyle(this);
    const colors = { ink: style.color, faint: "rgba(128, 128, 128, 0.3)" };
    let top = 0;
    if (track) { this.probabilities(pen, x, top); top += TRACK; }
    if (segments) { this.labels(pen, x, top); top += STRIP; }
    if (lines) { this.curves(pen, x, top, colors); top += WAVE; }
    this.wave(pen, x, top, colors);
    this.axis(pen, x, top + WAVE, colors);
    pen.fillStyle = style.color;
    pen.fillRect(x(this.at_s) - 1, 0, 2, top + WAVE);
    this.trim?.paint(pen, x, top + WAVE);
    this.survey(colors);
  }

  wave(pen, x, top, colors) {
    const { peaks, duration_s, attention } = this.shown;
    const middle = top + WAVE / 2;
    if (attention) {
      const most = Math.max(2, ...attention);
      attention.forEach((value, i) => {
        const left = x((i / attention.length) * duration_s);
        const right = x(((i + 1) / attention.length) * duration_s);
        pen.fillStyle = `rgba(139, 92, 246, ${(0.75 * value) / most})`;
        pen.fillRect(left, top, right - left + 0.5, WAVE);
      });
    }
    pen.fillStyle = colors.ink;
    peaks.forEach(([low, high], i) => {
      const left = x((i / peaks.length) * duration_s);
      const right = x(((i + 1) / peaks.length) * duration_s);
      if (right < 0 || left > this.canvas.clientWidth) return;
      const tall = Math.max(1, ((high - low) / 200) * WAVE);
      pen.fillRect(left, middle - (high / 200) * WAVE, Math.max(1, right - left), tall);
    });
  }

  probabilities(pen, x, top) {
    const { track, emotions, duration_s } = this.shown;
    const step_s = duration_s / track.length;
    track.forEach((shares, i) => {
      const left = x(i * step_s), right = x((i + 1) * step_s);
      if (right < 0 || left > this.canvas.clientWidth) return;
      let y = top;
      if (!shares) { pen.fillStyle = "rgba(128, 128, 128, 0.15)"; pen.fillRect(left, top, right - left + 0.5, TRACK); return; }
      shares.forEach((share, k) => {
        const tall = (share / 100) * TRACK;
        pen.fillStyle = emotions[k].color;
        pen.fillRect(left, y, right - left + 0.5, tall);
        y += tall;
      });
    });
  }

  labels(pen, x, top) {
    const { segments, emotions } = this.shown;
    pen.font = "600 13px system-ui, sans-serif";
    pen.textAlign = "center";
    for (const { start_s, end_s, label } of segments) {
      const emotion = emotions.find(({ name }) => name === label);
      const [left, right] = [x(start_s), x(end_s)];
      pen.fillStyle = emotion?.color ?? "rgba(128, 128, 128, 0.3)";
      pen.fillRect(left, top + 2, Math.max(1, right - left - 1), STRIP - 4);
      if (!emotion || right - left < 16) continue;
      pen.fillStyle = emotion.ink;
      const text = right - left > 70 ? t(emotion.name) : letters(emotion.name);
      pen.fillText(text, (left + right) / 2, top + STRIP / 2 + 5);
    }
  }

  curves(pen, x, top, colors) {
    const { lines, duration_s } = this.shown;
    const most = Math.max(2, ...lines.flatMap(({ values }) => values));
    pen.strokeStyle = colors.faint;
    const even = top + WAVE * (1 - 1 / most);
    pen.strokeRect(0, even, this.canvas.clientWidth, 0);
    for (const { values, color, dash } of lines) {
      pen.strokeStyle = color;
      pen.setLineDash(dash ?? []);
      pen.lineWidth = 2;
      pen.beginPath();
      values.forEach((value, i) => pen.lineTo(
        x(((i + 0.5) / values.length) * duration_s), top + WAVE * (1 - value / most)));
      pen.stroke();
    }
    pen.setLineDash([]);
    pen.lineWidth = 1;
  }

  axis(pen, x, top, colors) {
    const width = this.canvas.clientWidth;
    const step_s = TICKS_S.find((s) => (s / (this.to_s - this.from_s)) * width >= 70) ?? 3600;
    pen.fillStyle = colors.ink;
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "left";
    for (let i = Math.ceil(this.from_s / step_s); i * step_s <= this.to_s; i++) {
      const left = x(i * step_s);
      pen.fillRect(left, top, 1, 4);
      const text = step_s < 1 ? `0:0${(i * step_s).toFixed(1)}`.slice(0, 6) : clock(i * step_s + 1e-6);
      if (left + 30 < width) pen.fillText(text, left + 3, top + 15);
    }
  }

  survey(colors) {
    const canvas = this.querySelector(".overview");
    const pen = canvas && fit(canvas, OVERVIEW);
    if (!pen) return;
    const { peaks, segments, emotions, duration_s } = this.shown;
    const width = canvas.clientWidth;
    const x = (s) => (s / duration_s) * width;
    pen.fillStyle = colors.faint;
    peaks.forEach(([low, high], i) => pen.fillRect(
      (i / peaks.length) * width, (OVERVIEW - 8) * (0.5 - high / 200), Math.max(1, width / peaks.length),
      Math.max(1, (OVERVIEW - 8) * (high - low) / 200)));
    for (const { start_s, end_s, label } of segments) {
      pen.fillStyle = emotions.find(({ name }) => name === label)?.color ?? colors.faint;
      pen.fillRect(x(start_s), OVERVIEW - 8, Math.max(1, x(end_s) - x(start_s)), 8);
    }
    pen.strokeStyle = colors.ink;
    pen.lineWidth = 2;
    pen.strokeRect(x(this.from_s) + 1, 1, Math.max(2, x(this.to_s) - x(this.from_s) - 2), OVERVIEW - 2);
  }
}

// A canvas as sharp as the screen, emptied; null where it is not seen.
function fit(canvas, height) {
  const width = canvas.clientWidth, scale = window.devicePixelRatio || 1;
  if (!width) return null;
  canvas.style.height = `${height}px`;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  return pen;
}

customElements.define("voice-timeline", VoiceTimeline);
