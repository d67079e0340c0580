// A worker: samples in, an answer out. The page stays usable while it works.
import * as ort from "./runtime/ort.js";

ort.env.wasm.numThreads = 1; // more would need headers that a plain host does not send
ort.env.wasm.wasmPaths = { wasm: new URL("./runtime/ort-wasm-simd-threaded.wasm", import.meta.url).href };

let session;

async function judge(samples) {
  session ??= ort.InferenceSession.create(new URL("./voice.onnx", import.meta.url).href);
  const loaded = await session.catch((error) => {
    session = undefined; // the next try fetches it again
    throw new Error(`The model cannot be loaded: ${error.message ?? error}`);
  });
  const start = performance.now();
  const found = await loaded.run({ samples: new ort.Tensor("float32", samples, [1, samples.length]) });
  return {
    ms: performance.now() - start,
    is_speech: Boolean(found.is_speech.data[0]),
    probabilities: [...found.probabilities.data],
    attention: [...found.attention.data],
    times_s: [...found.times_s.data],
  };
}

self.onmessage = async ({ data: { number, samples } }) => {
  try {
    self.postMessage({ number, answer: await judge(samples) });
  } catch (error) {
    self.postMessage({ number, problem: error.message });
  }
};
