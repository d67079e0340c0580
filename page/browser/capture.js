// AudioWorklet: mono samples as they come, in blocks, and the last part of a block at the end.
const BLOCK = 2048;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(BLOCK);
    this.filled = 0;
    this.is_over = false;
    this.port.onmessage = () => {
      this.send();
      this.port.postMessage(null); // nothing more comes
      this.is_over = true;
    };
  }

  send() {
    if (this.filled) this.port.postMessage(this.block.slice(0, this.filled));
    this.filled = 0;
  }

  process([channels]) {
    const samples = channels[0];
    for (let i = 0; samples && i < samples.length; i++) {
      this.block[this.filled++] = samples[i];
      if (this.filled === BLOCK) this.send();
    }
    return !this.is_over;
  }
}

registerProcessor("capture", Capture);
