// The lines of a plot as SVG paths. A step that is not known is a gap, never a line over it. No document: tested by itself.

import { height, place } from "./plot-scale.js";

const isKnown = (value) => typeof value === "number" && Number.isFinite(value);

/** The stretches of known values: [{first, values}]. */
export function stretches(values) {
  const found = [];
  values.forEach((value, index) => {
    if (!isKnown(value)) return;
    if (index > 0 && isKnown(values[index - 1])) found.at(-1).values.push(value);
    else found.push({ first: index, values: [value] });
  });
  return found;
}

const points = ({ first, values }, top) => values.map((value, index) => `${first + index + 0.5} ${place(value, top)}`);

/** A line through the middles of the steps. */
export function linePath(values, top) {
  return stretches(values).filter((stretch) => stretch.values.length > 1)
    .map((stretch) => `M${points(stretch, top).join("L")}`).join("");
}

/** Dots for the values between two gaps, which have no line. */
export function dotPath(values, top) {
  return stretches(values).filter((stretch) => stretch.values.length === 1)
    .map((stretch) => `M${points(stretch, top)[0]}h0`).join("");
}

/** What lies below that line. */
export function areaPath(values, top) {
  return stretches(values).map((stretch) => {
    const end = stretch.first + stretch.values.length - 0.5;
    return `M${stretch.first + 0.5} ${height}L${points(stretch, top).join("L")}L${end} ${height}z`;
  }).join("");
}
