// <voice-source>: record, choose or drop a sound; then wait for what is said of it.
import { clock, listen, wav } from "./microphone.js";
import { cancel, send, why_refused } from "./uploads.js";

const sounds = new Map(); // what a browser can play of each source's last sound
const CANCEL_AFTER_MS = 2000;
const MOST_MB = 400; // in one upload
const LOUDEST_DB = 60; // the meter's range below full scale

export const played = (name) => sounds.get(name);

class VoiceSource extends HTMLElement {
  connectedCallback() {
    if (this.buttons) return;
    const { record, multiple, folder } = this.dataset;
    this.most_mb = Number(this.dataset.megabytes);
    this.most_s = Number(this.dataset.seconds);
    const choose = this.dataset.choose;
    this.insertAdjacentHTML("afterbegin", `<div class="choices">
      ${record === undefined ? "" : `<button type="button" class="choice" data-do="record">
        <span aria-hidden="true" class="dot"></span><span class="text">Record</span></button>`}
      <button type="button" class="choice" data-do="choose">${choose}</button>
      ${folder === undefined ? ""
        : '<button type="button" class="choice" data-do="folder">Choose a folder</button>'}
      </div>
      <input type="file" hidden tabindex="-1" aria-hidden="true" ${multiple === undefined ? "" : "multiple"}>`);
    this.insertAdjacentHTML("beforeend", `
      <div class="level" hidden><span class="track"><span class="bar"></span></span>
        <span class="clock" aria-hidden="true">0:00</span></div>
      <p class="problem" role="alert"></p>
      <p class="state"><span role="status"></span>
        <button type="button" class="small" data-do="cancel" hidden>Cancel</button></p>`);
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
    this.say("Asking for the microphone …");
    const blocks = [];
    let n = 0, rate_hz = 48000;
    const bar = this.querySelector(".bar"), time = this.querySelector(".clock");
    const hear = (block) => {
      blocks.push(block);
      n += block.length;
      const mean = block.reduce((sum, x) => sum + x * x, 0) / block.length;
      const level = 1 + (10 * Math.log10(mean + 1e-12)) / LOUDEST_DB;
      bar.style.width = `${100 * Math.max(0, Math.min(1, level))}%`;
      time.textContent = `${clock(n / rate_hz)} of ${clock(this.most_s)}`;
      if (n / rate_hz >= this.most_s) this.stop();
    };
    try {
      const microphone = await listen(hear, () => this.stop());
      rate_hz = microphone.rate_hz;
      this.recording = { microphone, blocks };
    } catch (error) {
      this.say("");
      return this.problem(error.message);
    }
    this.querySelector(".level").hidden = false;
    this.toggle("Stop");
    this.say("Recording.");
  }

  async stop() {
    const { microphone, blocks } = this.recording;
    if (this.is_stopping) return;
    this.is_stopping = true;
    await microphone.stop();
    this.recording = null;
    this.is_stopping = false;
    this.querySelector(".level").hidden = true;
    this.toggle("Record");
    this.say("");
    if (!blocks.length) return this.problem("The microphone gave no sound: please try again.");
    this.take([wav(blocks, microphone.rate_hz, "recording.wav")]);
  }

  toggle(text) {
    const button = this.querySelector("[data-do=record]");
    button.querySelector(".text").textContent = text;
    button.classList.toggle("on", text === "Stop");
  }

  // --- sending and waiting

  take(files) {
    this.problem("");
    if (this.input.webkitdirectory) files = files.filter((file) => this.is_sound(file));
    if (!files.length) return this.problem("There is no sound file in it.");
    let note = "";
    if (this.dataset.multiple === undefined && files.length > 1) {
      note = (`One file at a time here: ${files[0].name} is judged, ${files.length - 1} more `
        + "are not. For many files there is the part “Many”.");
    }
    const taken = this.dataset.multiple === undefined ? files.slice(0, 1) : files;
    const large = taken.find((file) => file.size > this.most_mb * 2 ** 20);
    if (large) {
      return this.problem(`${large.name} has ${Math.ceil(large.size / 2 ** 20)} MB; at most `
        + `${this.most_mb} MB are taken. ${this.dataset.advice ?? ""}`);
    }
    if (taken.length > Number(this.dataset.files ?? 1)) {
      return this.problem(`These are ${taken.length} files; at most ${this.dataset.files} are taken `
        + "at a time. The command line takes any number.");
    }
    const all_mb = taken.reduce((sum, file) => sum + file.size, 0) / 2 ** 20;
    if (all_mb > MOST_MB) {
      return this.problem(`Together they have ${Math.ceil(all_mb)} MB; at most ${MOST_MB} MB are `
        + "taken at a time.");
    }
    const empty = taken.find((file) => !file.size);
    if (empty && taken.length === 1) return this.problem(`${empty.name} is empty.`);
    this.keep(taken);
    this.is_new = true;
    this.wait("Sending …");
    this.problem(note);
    send(this.dataset.to, taken);
  }

  is_sound({ name }) {
    const suffix = name.slice(name.lastIndexOf(".")).toLowerCase();
    return !name.startsWith(".") && this.dataset.folder.split(" ").includes(suffix);
  }

  keep(files) {
    this.play(URL.createObjectURL(files[0]));
    this.files = files;
    this.dispatchEvent(new CustomEvent("taken", { detail: files }));
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
    this.wait("Listening …");
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
    if (state === "sent") return this.say("Listening …");
    if (state === "cancelled") return this.done(null, "Cancelled.");
    this.unanswered(why
      || "The file did not reach the server: please check the connection and try again.");
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
    if (!focus) return;
    focus.focus({ preventScroll: true });
    const { top, bottom } = focus.getBoundingClientRect();
    if (top < 0 || bottom > 0.7 * innerHeight) focus.scrollIntoView({ block: "center" });
  }

  cancel() {
    if (!cancel()) document.getElementById(this.dataset.cancel)?.click();
    this.done();
    this.say("Cancelled.");
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
  // The same sound is judged anew, which leaves the focus where it is.
  again: (id, sound) => sound && source(id).wait("Listening …"),
  use: (id, name) => source(id).use(String(new URL(`../examples/${name}`, import.meta.url))),
  failed(id) {
    source(id).unanswered(
      why_refused() || "The server did not answer: please try again in a moment.",
    );
  },
};
