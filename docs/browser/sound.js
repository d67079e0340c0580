// A file or a recording -> one channel at 16 kHz, or a sentence that says why not.
export const RATE_HZ = 16000;
export const LONGEST_S = 15, SHORTEST_S = 0.3;
const SILENCE_PEAK = 1e-4; // -80 dBFS
const LARGEST_MB = 20;

const NO_SOUND = "This is not a sound file that your browser can read. Try WAV, MP3 or FLAC.";

export async function read(file) {
  if (file.size > LARGEST_MB * 1e6) {
    throw new Error(`The file has ${Math.ceil(file.size / 1e6)} MB; at most ${LARGEST_MB} MB are read.`);
  }
  let sound;
  try {
    const context = new OfflineAudioContext(1, 1, RATE_HZ); // decodes at its own rate
    sound = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Error(NO_SOUND);
  }
  return checked(mixed(sound));
}

// Blocks of samples, as the microphone gave them.
export async function recorded(blocks, rate_hz) {
  const n = blocks.reduce((sum, block) => sum + block.length, 0);
  if (!n) throw new Error("The microphone gave no sound. Please try again, or choose a file.");
  const context = new OfflineAudioContext(1, Math.ceil(n * RATE_HZ / rate_hz), RATE_HZ);
  const buffer = new AudioBuffer({ length: n, sampleRate: rate_hz });
  let at = 0;
  for (const block of blocks) {
    buffer.copyToChannel(block, 0, at);
    at += block.length;
  }
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(context.destination);
  source.start();
  return checked((await context.startRendering()).getChannelData(0));
}

// The mean of the channels; the loudest one where they cancel each other.
function mixed(sound) {
  const channels = Array.from({ length: sound.numberOfChannels }, (_, i) => sound.getChannelData(i));
  if (channels.length === 1) return channels[0];
  const mean = channels[0].map((_, i) => channels.reduce((sum, one) => sum + one[i], 0) / channels.length);
  const loudest = channels.reduce((best, one) => (power(one) > power(best) ? one : best));
  return power(mean) < 0.01 * power(loudest) ? loudest : mean;
}

const power = (samples) => samples.reduce((sum, x) => sum + x * x, 0);

function checked(samples) {
  const seconds = samples.length / RATE_HZ;
  if (seconds <= SHORTEST_S) {
    throw new Error(`It lasts ${seconds.toFixed(1)} s; more than ${SHORTEST_S} s are needed.`);
  }
  if (seconds > LONGEST_S) {
    throw new Error(`It lasts ${seconds.toFixed(1)} s; at most ${LONGEST_S} s are judged here. Cut out a part, or `
      + "use the app, which hears hours.");
  }
  const mean = samples.reduce((sum, x) => sum + x, 0) / samples.length;
  if (!samples.every(Number.isFinite)) throw new Error("It holds values that are no sound.");
  if (!samples.some((x) => Math.abs(x - mean) >= SILENCE_PEAK)) {
    throw new Error("It is silent: please check that the microphone is on, and speak up.");
  }
  return samples;
}
