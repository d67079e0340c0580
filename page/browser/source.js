// <voice-source>: record, choose or drop a sound; then wait for what is said of it.
import { is_longer, length } from "./length.js";
import { clock, integers, listen, Take } from "./microphone.js";
import { t } from "./text.js";
import { cancel, send, why_refused } from "./uploads.js";

const sounds = new Map(); // what a browser can play of each source's last sound
const CANCEL_AFTER_MS = 2000;
const MOST_MB = 400; // in one upload
const LOUDEST_DB = 60; // the meter's range below full scale

export const played = (name) => sounds.get(name);

// Tell Python which part of the last sound is meant: to ask what is heard in it, or to judge it alone.
export function pick(id, part, what = "pick") {
  window.voice.picked[id] = part;
  document.getElementById(`${id}-${what}`).click();
}

class VoiceSource extends HTMLElement {
  connectedCallback() {
    if (this.buttons) return;
    const { record, multiple, folder } = this.dataset;
    this.most_mb = Number(this.dataset.megabytes);
    this.most_s = Number(this.dataset.seconds);
    const choose = this.dataset.choose;
    this.insertAdjacentHTML("afterbegin", `<div class="choices">
      ${record === undefined ? "" : `<button type="button" class="choice" data-do="record">
        <span aria-hidden="true" class="dot"></span><span class="text">${t("Record")}</span></button>`}
      <button type="button" class="choice" data-do="choose">${choose}</button>
      ${folder === undefined ? ""
        : `<button type="button" class="choice" data-do="folder">${t("Choose a folder")}</button>`}
      </div>
      <input type="file" hidden tabindex="-1" aria-hidden="true" ${multiple === undefined ? "" : "multiple"}>`);
    this.insertAdjacentHTML("beforeend", `
      <div class="level" hidden><span class="track"><span class="bar"></span></span>
        <span class="clock" aria-hidden="true">0:00</span></div>
      <p class="problem" role="alert"></p>
      <p class="state"><span role="status"></span>
        <button type="button" class="small" data-do="cancel" hidden>${t("Cancel")}</button></p>`);
    this.buttons = this.querySelector(".choices");
    this.input = this.querySelector("input");
    this.addEventListener("click", (event) => this.act(event.target.closest("[data-do]")?.dataset.do));
    this.input.addEventListener("change", () => {
      if (!this.input.files.length) return;
      this.take([...this.input.files]);
      this.input.value = ""; // so that the same file may be chosen again
    });
    window.addEventListener("sending", ({ detail }) => this.sending(detail));
    this.drops();
  }

  act(what) {
    if (what === "record") this.recording ? this.stop() : this.record();
    if (what === "choose" || what === "folder") {
      this.input.webkitdirectory = what === "folder";
      this.input.click();
    }
    if (what === "cancel") this.cancel();
  }

  drops() {
    const is_mine = (event) => this.offsetParent && event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragover", (event) => {
      if (!is_mine(event)) return;
      event.preventDefault();
      this.classList.add("over");
    });
    for (const end of ["dragleave", "drop"]) {
      document.addEventListener(end, () => this.classList.remove("over"));
    }
    document.addEventListener("drop", async (event) => {
      if (!is_mine(event)) return;
      event.preventDefault();
      const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
      const files = [...event.dataTransfer.files];
      const is_folder = entries.some((entry) => entry?.isDirectory);
      this.input.webkitdirectory = is_folder;
      this.take(is_folder ? await below(entries) : files);
    });
  }

  // --- recording

  async record() {
    this.problem("");
    this.say(t("Asking for the microphone …"));
    const take = new Take();
    let rate_hz = 48000;
    const bar = this.querySelector(".bar"), time = this.querySelector(".clock");
    const hear = (block) => {
      take.push(integers(block));
      const mean = block.reduce((sum, x) => sum + x * x, 0) / block.length;
      const level = 1 + (10 * Math.log10(mean + 1e-12)) / LOUDEST_DB;
      bar.style.width = `${100 * Math.max(0, Math.min(1, level))}%`;
      time.textContent = t("{at} of {end}", { at: clock(take.n / rate_hz), end: clock(this.most_s) });
      if (take.n / rate_hz >= this.most_s) this.stop();
    };
    try {
      const microphone = await listen(hear, () => this.stop());
      rate_hz = microphone.rate_hz;
      this.recording = { microphone, take };
    } catch (error) {
      this.say("");
      return this.problem(error.message);
    }
    this.querySelector(".level").hidden = false;
    this.toggle(true);
    this.say(t("Recording."));
  }

  async stop() {
    const { microphone, take } = this.recording;
    if (this.is_stopping) return;
    this.is_stopping = true;
    await microphone.stop();
    this.recording = null;
    this.is_stopping = false;
    this.querySelector(".level").hidden = true;
    this.toggle(false);
    this.say("");
    if (!take.n) return this.problem(t("The microphone gave no sound: please try again."));
    this.take([take.wav(microphone.rate_hz, "recording.wav")]);
  }

  toggle(is_on) {
    const button = this.querySelector("[data-do=record]");
    button.querySelector(".text").textContent = t(is_on ? "Stop" : "Record");
    button.classList.toggle("on", is_on);
  }

  // --- sending and waiting

  async take(files) {
    const turn = this.turn = (this.turn ?? 0) + 1;
    this.problem("");
    if (this.input.webkitdirectory) files = files.filter((file) => this.is_sound(file));
    if (!files.length) return this.problem(t("There is no sound file in it."));
    let note = "";
    if (this.dataset.multiple === undefined && files.length > 1) {
      note = t("One file at a time here: {name} is judged, {n} more are not. For many files there "
        + "is the part “Many”.", { name: files[0].name, n: files.length - 1 });
    }
    const taken = this.dataset.multiple === undefined ? files.slice(0, 1) : files;
    const large = taken.find((file) => file.size > this.most_mb * 2 ** 20);
    if (large) {
      const values = { name: large.name, n: Math.ceil(large.size / 2 ** 20), most: this.most_mb };
      return this.problem(`${t("{name} has {n} MB; at most {most} MB are taken.", values)} `
        + (this.dataset.advice ?? ""));
    }
    if (taken.length > Number(this.dataset.files ?? 1)) {
      return this.problem(t("These are {n} files; at most {most} are taken at a time. The command "
        + "line takes any number.", { n: taken.length, most: this.dataset.files }));
    }
    const all_mb = taken.reduce((sum, file) => sum + file.size, 0) / 2 ** 20;
    if (all_mb > MOST_MB) {
      return this.problem(t("Together they have {n} MB; at most {most} MB are taken at a time.",
        { n: Math.ceil(all_mb), most: MOST_MB }));
    }
    const empty = taken.find((file) => !file.size);
    if (empty && taken.length === 1) return this.problem(t("{name} is empty.", empty));
    this.say(t("Sending …"));
    const sound = URL.createObjectURL(taken[0]);
    const length_s = taken.length === 1 ? await length(sound) : NaN;
    const is_long = await is_longer(taken[0], length_s, this.most_s);
    if (is_long || turn !== this.turn) URL.revokeObjectURL(sound);
    if (turn !== this.turn) return; // another was chosen meanwhile
    if (is_long) {
      this.say("");
      const values = { name: taken[0].name, lasts: clock(length_s), most: clock(this.most_s) };
      return this.problem(`${t("{name} lasts {lasts}; at most {most} are taken.", values)} `
        + (this.dataset.advice ?? ""));
    }
    this.play(sound);
    this.files = taken;
    this.is_new = true;
    this.takes = this.dataset.times ? this.estimate(length_s) : "";
    this.wait(t("Sending …") + this.takes);
    this.problem(note);
    send(this.dataset.to, taken);
  }

  // How long judging takes, told before it begins; nothing where it is not known how long a sound is.
  estimate(length_s) {
    if (!Number.isFinite(length_s)) return "";
    return ` ${t("To judge {length} of sound takes {time}.", {
      length: clock(length_s),
      time: about(length_s / Number(this.dataset.times)),
    })}`;
  }

  is_sound({ name }) {
    const suffix = name.slice(name.lastIndexOf(".")).toLowerCase();
    return !name.startsWith(".") && this.dataset.folder.split(" ").includes(suffix);
  }

  // What the next answer is of; the last sound is kept until there is one.
  play(address) {
    this.former = sounds.get(this.id);
    sounds.set(this.id, address);
  }

  // A sound that the server has already.
  use(address) {
    this.play(address);
    this.is_new = true;
    this.wait(t("Listening …"));
  }

  wait(text) {
    this.is_waiting = true;
    this.problem("");
    this.say(text);
    this.shown = this.told();
    this.answers().forEach((part) => part.classList.add("old"));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.canceller.hidden = !this.is_waiting; }, CANCEL_AFTER_MS);
  }

  sending({ state, why }) {
    if (!this.is_waiting) return;
    if (state === "sent") return this.say(t("Listening …") + (this.takes ?? ""));
    if (state === "cancelled") return this.done(null, t("Cancelled."));
    this.unanswered(why
      || t("The file did not reach the server: please check the connection and try again."));
  }

  // Why there is no answer. That of another sound does not stay as if it were this one's.
  unanswered(why) {
    this.done();
    this.problem(why);
    if (!this.is_new) return;
    this.is_new = false;
    if (this.told() === this.shown) this.answers().forEach((part) => part.classList.add("gone"));
    URL.revokeObjectURL(sounds.get(this.id));
    sounds.set(this.id, this.former);
  }

  // The answer is there; `focus` is what a visitor goes on reading from.
  done(focus, text = "") {
    this.is_waiting = false;
    clearTimeout(this.timer);
    this.canceller.hidden = true;
    this.say(text);
    this.answers().forEach((part) => part.classList.remove("old", "gone"));
    const measured = document.querySelector(`.answer-of-${this.id} [data-times]`);
    if (measured) this.dataset.times = measured.dataset.times;
    if (!focus) return;
    focus.focus({ preventScroll: true });
    const { top, bottom } = focus.getBoundingClientRect();
    if (top < 0 || bottom > 0.7 * innerHeight) focus.scrollIntoView({ block: "center" });
  }

  cancel() {
    if (!cancel()) document.getElementById(this.dataset.cancel)?.click();
    this.done();
    this.say(t("Cancelled."));
    this.querySelector(".choice").focus();
  }

  answers() { return [...document.querySelectorAll(`.answer-of-${this.id}`)]; }

  // What the answer says; Gradio's own signs beside it change with every question.
  told() {
    const texts = this.answers().flatMap((part) => [...part.querySelectorAll("voice-answer, voice-table")]);
    return texts.map((part) => part.textContent).join();
  }

  get canceller() { return this.querySelector("[data-do=cancel]"); }

  say(text) { this.querySelector("[role=status]").textContent = text; }

  problem(text) { this.querySelector(".problem").textContent = text; }
}

function about(seconds) {
  if (seconds < 10) return t("a few seconds");
  if (seconds < 55) return t("about {n} s", { n: Math.ceil(seconds / 10) * 10 });
  const minutes = Math.max(1, Math.round(seconds / 60));
  if (minutes < 60) return t("about {n} min", { n: minutes });
  return t("about {h} h {n} min", { h: Math.floor(minutes / 60), n: minutes % 60 });
}

async function below(entries) {
  const found = [];
  for (const entry of entries.filter(Boolean)) {
    if (entry.isFile) found.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    else {
      const reader = entry.createReader();
      for (let some; (some = await new Promise((r, j) => reader.readEntries(r, j))).length;) {
        found.push(...await below(some));
      }
    }
  }
  return found;
}

customElements.define("voice-source", VoiceSource);

// <voice-answer>: an answer, or why there is none. That it is in the page ends the waiting. Gradio
// changes an element into the next one, so its number tells.
customElements.define("voice-answer", class extends HTMLElement {
  static observedAttributes = ["data-number"];

  attributeChangedCallback() {
    queueMicrotask(() => {
      if (!this.isConnected) return; // laid out apart, before it is put in its place
      const source = document.getElementById(this.dataset.source);
      const headline = this.querySelector(".answer");
      source.done(source.is_new ? headline : null, source.is_new ? "" : headline.textContent);
      if (source.is_new) URL.revokeObjectURL(source.former);
      source.is_new = false;
    });
  }
});

const source = (id) => document.getElementById(id);
window.voice = { // what Python's events call
  picked: {}, // the last part of each source that was meant
  // The same sound is judged anew, which leaves the focus where it is.
  again: (id, sound) => sound && source(id).wait(t("Listening …")),
  // The form for a part that was picked is open.
  asked(id) {
    const title = document.querySelector(`#${id}-part [tabindex]`);
    title?.focus({ preventScroll: true });
    title?.scrollIntoView({ block: "center" });
  },
  // What was chosen in it shows in the row.
  heard(id) {
    const chosen = document.querySelector(`#${id}-expression input:checked`)?.closest("label");
    const number = window.voice.picked[id]?.number;
    const row = document.querySelector(`voice-table[data-for=${id}] tr[data-number="${number}"]`);
    if (row && chosen) row.querySelector("[data-ask]").textContent = chosen.textContent.trim();
  },
  use: (id, name) => source(id).use(String(new URL(`../examples/${name}`, import.meta.url))),
  failed(id) {
    source(id).unanswered(
      why_refused() || t("The server did not answer: please try again in a moment."),
    );
  },
};
