// <voice-live>: a voice as it is spoken, over /live; nothing of it is stored.
import { clock, integers, listen, Take } from "./microphone.js";
import { number, t } from "./text.js";

const SHOWN_S = 60; // of the past, as stacked probabilities
const ANNOUNCED_MS = 5000; // at most so often a screen reader is told
const HEIGHT = 120;
const WAITING = 256 * 1024; // bytes that may wait to be sent: more is a connection that is lost
const KEPT_S = 600; // of sound, for "stop and keep"

class VoiceLive extends HTMLElement {
  connectedCallback() {
    if (this.canvas) return;
    this.emotions = JSON.parse(this.dataset.emotions);
    const bars = this.emotions.map(({ name, emoji, color }) => `<tr><th scope="row">
      <span aria-hidden="true">${emoji}</span> ${t(name)}</th><td class="bar"><span class="rail" aria-hidden="true">
      <span style="width:0;background:${color}"></span></span><span class="share"></span></td></tr>`);
    this.innerHTML = `<div class="choices">
        <button type="button" class="choice" data-do="start"><span aria-hidden="true" class="dot"></span>
          <span class="text">${t("Start")}</span></button>
        <button type="button" class="choice" data-do="keep" disabled>${t("Stop and keep for Long")}</button></div>
      ${this.innerHTML}
      <p class="problem" role="alert"></p>
      <p class="now"><span class="phase">${t("Not listening")}</span> <span class="clock" aria-hidden="true"></span></p>
      <p class="sounds" aria-hidden="true">&nbsp;</p>
      <p class="told" role="status"></p>
      <table class="bars"><caption>${t("Probability of each expression, the last three seconds of speech")}</caption>
        <tbody>${bars.join("")}</tbody></table>
      <h3>${t("The last minute")}</h3>
      <canvas role="img" aria-label="${t("Probability of each expression over the last minute; the table above has the latest")}"></canvas>`;
    this.canvas = this.querySelector("canvas");
    this.addEventListener("click", (event) => {
      const what = event.target.closest("[data-do]")?.dataset.do;
      if (what === "start") this.session ? this.stop() : this.start();
      if (what === "keep") this.stop(true);
    });
    window.addEventListener("part", () => {
      if (this.session && document.documentElement.dataset.part !== "live") this.stop();
    });
    window.addEventListener("pagehide", () => this.session?.socket.close());
  }

  async start() {
    if (this.is_starting) return;
    this.is_starting = true;
    this.problem("");
    this.phase(t("Asking for the microphone …"));
    this.past = [];
    const session = { take: new Take(), n: 0, rate_hz: 0, is_over: false };
    try {
      const hear = (block) => this.hear(session, block);
      session.microphone = await listen(hear, () => this.lose(session, t("The microphone is gone.")));
      session.rate_hz = session.microphone.rate_hz;
      session.socket = await this.connect(session);
    } catch (error) {
      session.microphone?.stop();
      this.phase(t("Not listening"));
      this.problem(error.message);
      this.is_starting = false;
      return;
    }
    this.session = session;
    this.is_starting = false;
    this.toggle(true);
    this.phase(t("Listening"));
    this.draw();
  }

  connect(session) {
    const address = new URL("../live", import.meta.url);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    return new Promise((resolve, reject) => {
      const refused = t("The server takes no live voice now: please try again in a moment.");
      const patience = setTimeout(() => { socket.close(); reject(new Error(refused)); }, 10000);
      socket.onopen = () => socket.send(JSON.stringify({ rate_hz: session.rate_hz, format: "s16le" }));
      socket.onclose = () => { reject(new Error(refused)); this.lose(session, t("The connection is lost.")); };
      socket.onmessage = ({ data }) => {
        const event = JSON.parse(data);
        if (event.type === "failed") reject(new Error(t(event.error.message)));
        if (event.type === "ready") { clearTimeout(patience); resolve(socket); }
        this.take(session, event);
      };
    });
  }

  hear(session, block) {
    session.n += block.length;
    const samples = integers(block);
    if (session.take.n < KEPT_S * session.rate_hz) session.take.push(samples);
    const socket = session.socket;
    if (socket?.readyState !== WebSocket.OPEN || session.is_over) return;
    if (socket.bufferedAmount > WAITING) return this.lose(session, t("The connection is too slow."));
    session.began_ms ??= performance.now() - (1000 * block.length) / session.rate_hz;
    socket.send(samples.buffer);
    this.querySelector(".now .clock").textContent = clock(session.n / session.rate_hz);
  }

  take(session, event) {
    if (event.type === "listening") {
      this.phase(t("Listening: nobody speaks"));
      this.remember(event.time_s, null);
    } else if (event.type === "utterance start") {
      this.phase(t("Speaking"));
    } else if (event.type === "measurement") {
      this.show(session, event);
    } else if (event.type === "failed") {
      this.lose(session, t(event.error.message));
    } else if (event.type === "ended") {
      session.ended?.();
      if (!session.is_over) this.lose(session, t(ENDS[event.reason] ?? "The server ended it."));
    }
    if (event.dropped_s > 0) {
      const seconds = number(event.dropped_s, 1);
      this.problem(t("{seconds} s were not heard: too much at once.", { seconds }));
    }
  }

  remember(time_s, shares) {
    this.past.push({ time_s, shares });
    while (this.past[0].time_s < time_s - SHOWN_S - 1) this.past.shift();
  }

  show(session, { time_s, label, probabilities, confidence }) {
    this.remember(time_s, label ? probabilities : null);
    if (!label) return this.phase(t("Listening: no speech heard"));
    const is_unsure = confidence < Number(this.dataset.fairly);
    this.phase(t(is_unsure ? "Speaking; the model is unsure" : "Speaking"));
    const { emoji } = this.emotions.find(({ name }) => name === label);
    const text = t(is_unsure ? "perhaps {emotion} {share} %" : "{emotion} {share} %",
      { emotion: t(label), share: Math.round(100 * confidence) });
    this.querySelector(".sounds").textContent = `${emoji} ${text}`;
    [...this.querySelectorAll("tbody tr")].forEach((row, i) => {
      const share = probabilities[this.emotions[i].name];
      row.querySelector(".rail span").style.width = `${100 * share}%`;
      row.querySelector(".share").textContent = `${Math.round(100 * share)} %`;
      row.classList.toggle("best", this.emotions[i].name === label);
    });
    const now = performance.now();
    if (now - (this.told_at ?? -ANNOUNCED_MS) >= ANNOUNCED_MS) {
      this.told_at = now;
      this.querySelector(".told").textContent = text;
    }
    const delay_ms = now - session.began_ms - 1000 * time_s; // since the sound was there
    this.dispatchEvent(new CustomEvent("drawn", { detail: { time_s, delay_ms } }));
  }

  async stop(is_kept = false) {
    const session = this.session;
    if (!session || session.is_over) return;
    const { microphone, socket } = session;
    await microphone.stop(); // the last part of a block counts, too
    session.is_over = true;
    if (socket.readyState === WebSocket.OPEN) {
      const ended = new Promise((resolve) => { session.ended = resolve; });
      socket.send(JSON.stringify({ type: "finish" }));
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 3000))]);
    }
    socket.close();
    this.end(t("Stopped"));
    if (!is_kept) return;
    const { open } = await import("./main.js");
    open("long");
    document.getElementById("long").take([session.take.wav(session.rate_hz, "live.wav")]);
  }

  lose(session, why) {
    if (session.is_over || session !== this.session) return;
    session.is_over = true;
    session.microphone.stop();
    session.socket.close();
    this.end(t("Connection lost"));
    this.problem(`${why} ${t("Press Start to go on.")}`);
  }

  end(phase) {
    this.session = null;
    this.toggle(false);
    this.phase(phase);
  }

  toggle(is_on) {
    const button = this.querySelector("[data-do=start]");
    button.classList.toggle("on", is_on);
    button.querySelector(".text").textContent = t(is_on ? "Stop" : "Start");
    this.querySelector("[data-do=keep]").disabled = !is_on;
  }

  phase(text) { this.querySelector(".phase").textContent = text; }

  problem(text) { this.querySelector(".problem").textContent = text; }

  draw() {
    const width = this.canvas.clientWidth, scale = window.devicePixelRatio || 1;
    if (width) {
      this.canvas.style.height = `${HEIGHT}px`;
      if (this.canvas.width !== Math.round(width * scale)) {
        this.canvas.width = Math.round(width * scale);
        this.canvas.height = HEIGHT * scale;
      }
      const pen = this.canvas.getContext("2d");
      pen.setTransform(scale, 0, 0, scale, 0, 0);
      pen.clearRect(0, 0, width, HEIGHT);
      const now_s = this.session ? this.session.n / this.session.rate_hz : 0;
      const from_s = Math.max(0, now_s - SHOWN_S);
      this.past.forEach(({ time_s, shares }, i) => {
        const until_s = this.past[i + 1]?.time_s ?? now_s;
        const left = ((time_s - from_s) / SHOWN_S) * width;
        const wide = ((Math.min(until_s, time_s + 1) - time_s) / SHOWN_S) * width + 0.5;
        if (!shares) { pen.fillStyle = "rgba(128, 128, 128, 0.2)"; pen.fillRect(left, 0, wide, HEIGHT); return; }
        let y = 0;
        for (const { name, color } of this.emotions) {
          pen.fillStyle = color;
          pen.fillRect(left, y, wide, shares[name] * HEIGHT + 0.5);
          y += shares[name] * HEIGHT;
        }
      });
    }
    if (this.session) setTimeout(() => requestAnimationFrame(() => this.draw()), 100);
  }
}

const ENDS = {
  idle: "Nothing came from the microphone for half a minute.",
  too_long: "A live voice is heard for an hour at most.",
  server_stops: "The server is being restarted.",
};

customElements.define("voice-live", VoiceLive);
