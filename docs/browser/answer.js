// What an answer says, as the app says it.
const EMOJI = { neutral: "😐", calm: "😌", happy: "😊", sad: "😢", angry: "😠", fearful: "😨", disgust: "🤢",
  surprised: "😲" };
const SPAN_S = 0.5, PRONOUNCED = 1.25; // as in ser/sentences.py
const NO_SPEECH = "No speech heard: the sound is not that of a voice that speaks or sings.";

const percent = (share) => (share > 0 && share < 0.005 ? "under 1\u00a0%" : `${Math.round(100 * share)}\u00a0%`);
const named = (label) => `${EMOJI[label]} ${label}`;

export function sentence({ is_speech, probabilities }, { labels, certainty: [fairly, sure] }) {
  if (!is_speech) return NO_SPEECH;
  const [first, second] = ranked(probabilities);
  const [best, other] = [named(labels[first]), named(labels[second])];
  const share = percent(probabilities[first]), less = percent(probabilities[second]);
  const next = `next comes ${other} (${less}).`;
  if (probabilities[first] < fairly) {
    return `Perceived expression: perhaps ${best} (${share}). The model is unsure; ${next}`;
  }
  const how = probabilities[first] >= sure ? "sure" : "fairly sure";
  return `Perceived expression: ${best}. The model is ${how} (${share}); ${next}`;
}

const ranked = (values) => values.map((_, i) => i).sort((a, b) => values[b] - values[a]);

export function rows({ probabilities }, { labels }) {
  return ranked(probabilities).map((i) => {
    const row = document.createElement("tr");
    row.innerHTML = `<th scope="row">${named(labels[i])}</th>
      <td><div class="share"><span>${percent(probabilities[i])}</span>
      <span class="rail" aria-hidden="true"><span class="bar"></span></span></div></td>`;
    row.dataset.label = labels[i];
    row.dataset.probability = probabilities[i];
    row.querySelector(".bar").style.width = `${100 * probabilities[i]}%`;
    return row;
  });
}

// The half second with most attention.
export function listened({ attention, times_s }, duration_s) {
  let sum = 0, stop = 0, best = { share: -1 };
  for (let start = 0; start < times_s.length; start++) {
    for (; stop < times_s.length && times_s[stop] < times_s[start] + SPAN_S; stop++) sum += attention[stop];
    if (sum > best.share) best = { share: sum, start, n: stop - start };
    sum -= attention[start];
  }
  const even = best.n / times_s.length;
  if (best.share / even < PRONOUNCED) return "It listened to all parts of the speech about equally.";
  const from_s = times_s[best.start], to_s = Math.min(from_s + SPAN_S, duration_s);
  return `It listened most to the time from ${from_s.toFixed(1)} to ${to_s.toFixed(1)} s: `
    + `${percent(best.share)} of its attention.`;
}
