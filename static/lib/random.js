// Random numbers of the browser's own cryptography, also without https.
// @ts-check

// So that a second click, or a second try after a lost answer, does not start a second run.
export const idempotencyKey = () =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16).padStart(8, "0")).join("");
