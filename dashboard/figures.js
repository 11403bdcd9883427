// Figures as people read them, in the words of the gateway (Sources/Host/Dashboard/Format.swift). What is not known is blank.

const isKnown = (value) => typeof value === "number" && Number.isFinite(value);
const grouped = (digits) => digits.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
const padded = (value) => String(value).padStart(2, "0");

/** "1,234,567" */
export function count(value) {
  if (!isKnown(value)) return "";
  const whole = Math.round(value);
  return (whole < 0 ? "-" : "") + grouped(String(Math.abs(whole)));
}

/** "3 models", "1 model" */
export function counted(value, one, many) {
  return isKnown(value) ? `${count(value)} ${value === 1 ? one : many}` : "";
}

/** Of milliseconds: "850 ms", "1.23 s", "12.3 s", "2 min 05 s", "3 h 04 min" */
export function duration(milliseconds) {
  if (!isKnown(milliseconds) || milliseconds < 0) return "";
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 9_995) return `${(Math.round(milliseconds / 10) / 100).toFixed(2)} s`;
  if (milliseconds < 59_950) return `${(Math.round(milliseconds / 100) / 10).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 36_000) return `${count(Math.floor(seconds / 60))} min ${padded(seconds % 60)} s`;
  return `${count(Math.floor(seconds / 3600))} h ${padded(Math.floor(seconds / 60) % 60)} min`;
}

/** Of bytes: "512 B", "1.5 KiB", "12 MiB", "3.4 GiB" */
export function bytes(value) {
  if (!isKnown(value) || value < 0) return "";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let amount = value;
  let unit = 0;
  while (amount >= 1023.5 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit === 0 || amount >= 9.95 ? count(amount) : amount.toFixed(1)} ${units[unit]}`;
}

/** Of something a second: "7.5", "142", "1,050" */
export function rate(value) {
  if (!isKnown(value) || value < 0) return "";
  return value < 99.95 ? value.toFixed(1) : count(value);
}

/** "41.3 tokens/s", with "~" before it if it is an estimate */
export function tokenRate(value, isEstimate = false) {
  const text = rate(value);
  return text === "" ? "" : `${isEstimate ? "~" : ""}${text} tokens/s`;
}

/** Of a share from 0 to 1: "1.2%" */
export function percent(share) {
  return isKnown(share) ? `${(Math.min(1, Math.max(0, share)) * 100).toFixed(1)}%` : "";
}

/** Of tokens: "128K", "200,500" */
export function context(tokens) {
  if (!isKnown(tokens) || tokens <= 0) return "";
  if (tokens % 1000 === 0) return `${count(tokens / 1000)}K`;
  if (tokens % 1024 === 0) return `${count(tokens / 1024)}K`;
  return count(tokens);
}

/** A figure that is not exact. */
export function estimate(text) {
  return text === "" ? "" : `~${text}`;
}
