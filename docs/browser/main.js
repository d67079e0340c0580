// The page: a recording or a file, judged by the worker, and what is then said.
import { listened, rows, sentence } from "./answer.js";
import { clock, listen } from "./microphone.js";
import { LONGEST_S, RATE_HZ, read, recorded } from "./sound.js";

const [record, choose, file, state, problem, answer] = ["record", "choose", "file", "state", "problem", "answer"]
  .map((id) => document.getElementById(id));
let told; // what voice.json says; the buttons work before it is there
const telling = fetch("voice.json").then((found) => found.json()).then((found) => {
  told = found;
  document.getElementById("model").textContent = `${told.recipe}, revision ${told.revision}`;
  document.getElementById("size").textContent = ` (${Math.round(told.bytes / 1e6)} MB with what runs it)`;
});

let worker, number = 0, is_loaded = false;
const awaited = new Map();

function judged(samples) {
  worker ??= started();
  return new Promise((resolve, reject) => {
    awaited.set(++number, { resolve, reject });
    worker.postMessage({ number, samples }, [samples.buffer]);
  });
}

function started() {
  const fresh = new Worker("judge.js", { type: "module" });
  fresh.onmessage = ({ data }) => {
    const { resolve, reject } = awaited.get(data.number);
    awaited.delete(data.number);
    if (data.problem) reject(new Error(data.problem)); else resolve(data.answer);
  };
  fresh.onerror = () => {
    worker = undefined; // the next try starts another
    for (const { reject } of awaited.values()) {
      reject(new Error("The model cannot be run: a part of this page is missing, or the browser is too old."));
    }
    awaited.clear();
  };
  return fresh;
}

let turn = 0; // the last thing that was asked for; what comes later of others is not shown

async function answerFor(getSamples) {
  const mine = ++turn;
  problem.textContent = "";
  answer.hidden = true;
  state.textContent = is_loaded ? "Listening to it…" : "Fetching the model, once…";
  try {
    const samples = await getSamples();
    const duration_s = samples.length / RATE_HZ;
    await telling;
    const found = await judged(samples.slice());
    is_loaded = true;
    if (mine === turn) show(found, duration_s);
  } catch (error) {
    if (mine === turn) fail(error);
  }
}

function fail(error) {
  state.textContent = "";
  problem.textContent = error.message;
}

function show(found, duration_s) {
  const said = document.getElementById("said");
  said.textContent = sentence(found, told);
  answer.querySelector("table").hidden = !found.is_speech;
  answer.querySelector("tbody").replaceChildren(...(found.is_speech ? rows(found, told) : []));
  document.getElementById("listened").textContent = found.is_speech ? listened(found, duration_s) : "";
  document.getElementById("took").textContent = `${duration_s.toFixed(1)} s of sound, judged in `
    + `${(found.ms / 1000).toFixed(2)} s on this device.`;
  answer.hidden = false;
  state.textContent = "";
  said.focus();
}

// --- a file -----------------------------------------------------------------------------------

choose.addEventListener("click", () => file.click());
file.addEventListener("change", () => {
  const [chosen] = file.files;
  if (chosen) answerFor(() => read(chosen));
  file.value = ""; // the same may be chosen again
});
const main = document.querySelector("main");
addEventListener("dragover", (event) => { event.preventDefault(); main.classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) main.classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  main.classList.remove("over");
  const [dropped] = event.dataTransfer.files;
  if (dropped) answerFor(() => read(dropped));
  else fail(new Error("What was dropped is no file."));
});

// --- the microphone -----------------------------------------------------------------------------

let take; // while it records

record.addEventListener("click", () => (take ? stop() : start()));

async function start() {
  const mine = ++turn;
  problem.textContent = "";
  answer.hidden = true;
  state.textContent = "Waiting for the microphone…";
  record.disabled = true;
  const blocks = [];
  let n = 0;
  try {
    const microphone = await listen((block) => {
      blocks.push(block);
      n += block.length;
      const seconds = n / microphone.rate_hz;
      if (take) state.textContent = `Recording: ${clock(seconds)} of at most ${clock(LONGEST_S)}`;
      if (seconds >= LONGEST_S - 0.2) stop();
    }, stop);
    take = { blocks, microphone };
    record.textContent = "Stop";
    record.ariaPressed = "true";
  } catch (error) {
    if (mine === turn) fail(error);
  }
  record.disabled = false;
}

async function stop() {
  if (!take) return;
  const { blocks, microphone } = take;
  take = undefined;
  record.textContent = "Record";
  record.ariaPressed = "false";
  await microphone.stop();
  answerFor(() => recorded(blocks, microphone.rate_hz));
}
