// Figures as people read them. Sources/Host/Dashboard/Format.swift says the same in the same words, so that the page
// looks alike before and after this script has started.

export const nothing = "–";

const number = (value) => (Number.isFinite(value) ? value : 0);
const padded = (value) => String(value).padStart(2, "0");

/** "1,234,567" */
export function count(value) {
  const text = String(Math.trunc(Math.abs(number(value))));
  return (value < 0 ? "-" : "") + text.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "3 models", "1 model" */
export const counted = (value, one, many) => `${count(value)} ${value === 1 ? one : many}`;

/** "850 ms", "1.23 s", "12.3 s", "2 min 05 s" */
export function duration(milliseconds) {
  const ms = Math.max(0, Math.round(number(milliseconds)));
  if (ms < 1000) return `${ms} ms`;
  if (ms < 9995) {
    const hundredths = Math.floor((ms + 5) / 10);
    return `${Math.floor(hundredths / 100)}.${padded(hundredths % 100)} s`;
  }
  if (ms < 59950) {
    const tenths = Math.floor((ms + 50) / 100);
    return `${Math.floor(tenths / 10)}.${tenths % 10} s`;
  }
  const seconds = Math.floor(ms / 1000) + (ms % 1000 >= 500 ? 1 : 0);
  return `${count(Math.floor(seconds / 60))} min ${padded(seconds % 60)} s`;
}

/** A mean of durations; nothing before the first. */
export const latency = (milliseconds) => (number(milliseconds) > 0 ? duration(milliseconds) : nothing);

/** "2d 3h", "3h 4m", "4m 5s", "5s" */
export function uptime(value) {
  const seconds = Math.floor(number(value));
  const hours = Math.floor(seconds / 3600);
  if (seconds >= 86400) return `${count(Math.floor(seconds / 86400))}d ${hours % 24}h`;
  if (seconds >= 3600) return `${hours}h ${Math.floor(seconds / 60) % 60}m`;
  if (seconds >= 60) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  return `${seconds}s`;
}

/** Tokens: "128K", "200,500" */
export function context(tokens) {
  if (!(number(tokens) > 0)) return nothing;
  if (tokens % 1000 === 0) return `${count(tokens / 1000)}K`;
  if (tokens % 1024 === 0) return `${count(tokens / 1024)}K`;
  return count(tokens);
}

/** "1.2%" */
export function percent(part, whole) {
  if (!(whole > 0)) return "0.0%";
  const tenths = Math.round((part / whole) * 1000);
  return `${Math.floor(tenths / 10)}.${tenths % 10}%`;
}

/** "7.5", "142", "1,050": a rate of something a second. */
export function rate(value) {
  if (!(value >= 0 && value < 1e12)) return nothing;
  const tenths = Math.round(Math.round(value * 100) / 10);
  return tenths < 1000 ? `${Math.floor(tenths / 10)}.${tenths % 10}` : count(Math.floor((tenths + 5) / 10));
}

/** "just now", "12 s ago", "3 min ago", "5 h ago", "2 d ago" */
export function age(value) {
  const seconds = Math.floor(number(value));
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

/** The viewer's own time of day, "03:04:05", with the date before it when that is not today's. */
export function clock(milliseconds, now) {
  const at = new Date(milliseconds);
  if (Number.isNaN(at.getTime())) return nothing;
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(padded).join(":");
  if (at.toDateString() === new Date(now).toDateString()) return time;
  return `${at.getFullYear()}-${padded(at.getMonth() + 1)}-${padded(at.getDate())} ${time}`;
}

/** RFC 3339, or null for what is no instant. */
export function instant(milliseconds) {
  const at = new Date(milliseconds);
  return Number.isNaN(at.getTime()) ? null : at.toISOString().replace(/\.\d+Z$/, "Z");
}
