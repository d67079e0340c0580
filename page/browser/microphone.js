// The microphone: samples as they are, without the browser's own gain control.
import { t } from "./text.js";

const REASONS = {
  NotAllowedError: "The browser does not let this page use the microphone. Allow it beside the "
    + "address, then try again; or choose a file.",
  NotFoundError: "No microphone was found. Connect one and try again, or choose a file.",
  NotReadableError: "Another program is using the microphone. Close it and try again, or choose "
    + "a file.",
};
const NO_ACCESS = "This browser gives no microphone to pages whose address does not begin with "
  + "https. Please choose a file.";

// Resolves to { rate_hz, stop }; `hear` is called with Float32Array blocks. Rejects with a
// sentence. `stop` resolves when the last block was heard.
export async function listen(hear, lost) {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error(t(NO_ACCESS));
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, autoGainControl: false, echoCancellation: false,
        noiseSuppression: false },
    });
  } catch (error) {
    const reason = REASONS[error.name];
    throw new Error(reason ? t(reason) : t("The microphone cannot be used ({reason}).", { reason: error.name }));
  }
  const context = new AudioContext();
  try {
    await context.audioWorklet.addModule(new URL("./capture.js", import.meta.url));
  } catch {
    for (const track of stream.getTracks()) track.stop();
    await context.close();
    throw new Error(t("The server cannot be reached: please try again in a moment."));
  }
  await context.resume();
  const node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0, channelCount: 1,
    channelCountMode: "explicit" });
  context.createMediaStreamSource(stream).connect(node);
  stream.getAudioTracks()[0].addEventListener("ended", () => lost?.());
  let ended;
  const end = new Promise((resolve) => { ended = resolve; });
  node.port.onmessage = ({ data }) => (data ? hear(data) : ended());
  return {
    rate_hz: context.sampleRate,
    async stop() {
      node.port.postMessage("stop");
      await Promise.race([end, new Promise((resolve) => setTimeout(resolve, 500))]);
      for (const track of stream.getTracks()) track.stop();
      await context.close();
    },
  };
}

// Floats in [-1, 1] -> 16-bit integers.
export const integers = (block) =>
  Int16Array.from(block, (x) => Math.round(32767 * Math.max(-1, Math.min(1, x))));

const TOGETHER = 256; // blocks

// What was heard, in 16-bit integers. It is put away in blobs, so that minutes of it need no memory.
export class Take {
  constructor() {
    this.blobs = [];
    this.blocks = [];
    this.n = 0;
  }

  push(samples) {
    this.n += samples.length;
    if (this.blocks.push(samples) < TOGETHER) return;
    this.blobs.push(new Blob(this.blocks));
    this.blocks = [];
  }

  wav(rate_hz, name) {
    const sounds = [header(this.n, rate_hz), ...this.blobs, ...this.blocks];
    return new File(sounds, name, { type: "audio/wav" });
  }
}

// What stands before n samples in a 16-bit WAV file.
function header(n, rate_hz) {
  const view = new DataView(new ArrayBuffer(44));
  const text = (at, letters) => [...letters].forEach((c, i) => view.setUint8(at + i, c.charCodeAt()));
  text(0, "RIFF"); view.setUint32(4, 36 + 2 * n, true); text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, rate_hz, true); view.setUint32(28, 2 * rate_hz, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  text(36, "data"); view.setUint32(40, 2 * n, true);
  return view.buffer;
}

export function clock(seconds) {
  const whole = Math.floor(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
