// What the scripts say, in the language that the page was sent in; English sentences are the keys.
export const language = document.documentElement.lang || "en";

const told = language === "en" ? {} : await fetch(new URL(`./${language}.json`, import.meta.url))
  .then((answer) => answer.json())
  .catch(() => ({})); // then it stays English
const texts = { ...told.heard, ...told.page };

// t("{n} of {of}", { n: 3, of: 7 }); values stand as they are.
export function t(sentence, values = {}) {
  const text = texts[sentence] ?? sentence;
  return text.replace(/\{(\w+)[^}]*\}/g, (whole, name) => values[name] ?? whole);
}

// A number with so many decimals, as the language writes it.
export const number = (value, decimals = 0) => value.toLocaleString(language, {
  minimumFractionDigits: decimals, maximumFractionDigits: decimals,
});

// A label has no room for its name: its first two letters.
export const letters = (name) => {
  const text = t(name).slice(0, 2);
  return text[0].toUpperCase() + text.slice(1);
};
