// Where values lie on a plot, and how they are written. No document: tested by itself.

import { count, duration, rate } from "./figures.js";

/** The height of a plot in its own units; its width has one unit for each step. */
export const height = 100;
/** Kept free above the highest value. */
const margin = 4;

/** The lowest round number that is not below a value: what the top of a plot stands for. */
export function roundTop(value) {
  if (!(value > 0) || !Number.isFinite(value)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((top) => top >= value * 0.999999) ?? 10 * power;
}

/** The same for milliseconds: whole seconds and minutes are round there. */
export function roundDuration(value) {
  const units = [1, 1000, 60_000, 3_600_000];
  const unit = units.findLast((each) => value > 1.5 * each) ?? 1;
  return roundTop(value / unit) * unit;
}

/** How far down a value lies; at the top's value `margin`, at 0 the height. */
export function place(value, top) {
  const share = Math.min(1, Math.max(0, value / top));
  return Math.round((height - share * (height - margin)) * 10) / 10;
}

/** The step in which a place lies; `share` from 0 to 1 of the width. */
export function stepAt(share, steps) {
  return Math.min(steps - 1, Math.max(0, Math.floor(share * steps)));
}

/** Seconds between the times of day that are told below a plot. */
const intervals = [60, 300, 900, 3600, 21_600, 86_400, 172_800, 604_800];
const mostMarks = 5;

/**
 * The round times of day between two instants: [{at, share}], `share` of the width.
 * @param offset seconds by which the viewer's clock is ahead of UTC
 */
export function timeMarks(from, to, offset = -new Date(from * 1000).getTimezoneOffset() * 60) {
  const every = intervals.find((each) => (to - from) / each <= mostMarks) ?? intervals.at(-1);
  const marks = [];
  for (let at = Math.ceil((from + offset) / every) * every - offset; at < to; at += every) {
    const share = (at - from) / (to - from);
    // A text at the edge would be cut.
    if (share > 0.04 && share < 0.96) marks.push({ at, share });
  }
  return marks;
}

const padded = (value) => String(value).padStart(2, "0");

/** Seconds of a step from which on times have their day as well. */
const daily = 7200;

/** The viewer's time of day: "21:04:10", or "21:04" where steps are whole minutes, or "3 Jan 21:04" where they are hours. */
export function clockOf(seconds, step) {
  const at = new Date(seconds * 1000);
  if (step >= daily) return `${at.toLocaleDateString(undefined, { day: "numeric", month: "short" })} ${clockOf(seconds, 60)}`;
  const parts = [at.getHours(), at.getMinutes()];
  if (step % 60 !== 0) parts.push(at.getSeconds());
  return parts.map(padded).join(":");
}

/** A round time below a plot: of its day, or the day where the plot has several. `width` in seconds. */
export function markOf(seconds, width) {
  if (width <= 2 * 86_400) return clockOf(seconds, 60);
  return new Date(seconds * 1000).toLocaleDateString(undefined, { day: "numeric", month: "short" });
}

/** "21:04:10 to 21:04:20" */
export function spanOf(from, to, step) {
  return `${clockOf(from, step)} to ${clockOf(to, step)}`;
}

/** Two digits that count: "0.25", "3.2", "1,204" */
function digits(value) {
  if (value === 0) return "0";
  if (value < 0.0095) return value.toPrecision(1);
  return value < 1 ? value.toFixed(2) : value < 100 ? rate(value) : count(value);
}

/** How values are written: by name, since a plot names its unit. What is not known is blank. */
export const units = {
  perSecond: (value) => `${digits(value)}/s`,
  duration,
  tokens: (value) => `${digits(value)} tokens/s`,
  level: digits,
};

/** A value in the words of a unit. */
export function written(value, unit) {
  return typeof value === "number" && Number.isFinite(value) ? units[unit](value) : "";
}
