// How long a sound file is, as far as the browser can tell.

const PATIENCE_MS = 1000;
const MPEG_RATE = 40_000; // bytes a second, at most: 320 kbit/s

// In seconds; NaN or Infinity where it cannot tell. The length of an MP3 may be a guess.
export async function length(address) {
  const audio = new Audio();
  audio.preload = "metadata";
  await new Promise((resolve) => {
    audio.addEventListener("loadedmetadata", resolve);
    audio.addEventListener("error", resolve);
    setTimeout(resolve, PATIENCE_MS);
    audio.src = address;
  });
  return audio.duration;
}

// Whether a file, which seems to last `length_s`, certainly lasts longer than `most_s`.
export async function is_longer(file, length_s, most_s) {
  if (!Number.isFinite(length_s) || length_s <= most_s) return false;
  const [first, second, third] = new Uint8Array(await file.slice(0, 3).arrayBuffer());
  const is_tagged = String.fromCharCode(first, second, third) === "ID3";
  const is_mpeg = is_tagged || (first === 0xff && (second & 0xe0) === 0xe0);
  return !is_mpeg || file.size / MPEG_RATE > most_s;
}
