// What Gradio uploads: told when it begins, ends and fails, and cancelled where asked.

let abort = null;
let refusal = ""; // why the server would not take what was asked last, in its own words
const fetch_as_it_is = window.fetch;

async function refused(answer) {
  const told = await answer.clone().json().catch(() => ({}));
  return typeof told.error === "string" ? told.error : "";
}

window.fetch = async (input, options = {}) => {
  const address = String(input?.url ?? input);
  if (options.method === "POST" && /\/gradio_api\/queue\/join(\?|$)/.test(address)) {
    const answer = await fetch_as_it_is(input, options);
    refusal = answer.ok ? "" : await refused(answer);
    return answer;
  }
  if (options.method !== "POST" || !/\/gradio_api\/upload(\?|$)/.test(address)) {
    return fetch_as_it_is(input, options);
  }
  const tell = (detail) => window.dispatchEvent(new CustomEvent("sending", { detail }));
  abort = new AbortController();
  try {
    const answer = await fetch_as_it_is(input, { ...options, signal: abort.signal });
    tell(answer.ok ? { state: "sent" } : { state: "failed", why: await refused(answer) });
    return answer;
  } catch (error) {
    tell({ state: error.name === "AbortError" ? "cancelled" : "failed", why: "" });
    throw error;
  } finally {
    abort = null;
  }
};

// Give files to one of Gradio's upload buttons, as if they had been chosen there.
export function send(id, files) {
  let input = document.getElementById(id); // the button, behind its own input
  while (input && !input.matches("input[type=file]")) input = input.previousElementSibling;
  const given = new DataTransfer();
  for (const file of files) given.items.add(file);
  input.files = given.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

// Whether an upload was going on, which now is not.
export function cancel() {
  const is_sending = abort !== null;
  abort?.abort();
  return is_sending;
}

// Why a question was refused, where that was said.
export const why_refused = () => refusal;
