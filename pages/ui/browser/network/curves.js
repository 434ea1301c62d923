// The loss curves below the map.

import { sharpContext, textScale, ticks } from "./drawing.js";

const PLOT = { left: 44, right: 8, top: 8, bottom: 38 }; // at the normal size of text

function curveScales(curves, width, height) {
  const values = [...curves.train[1], ...curves.validation[1]].filter((value) => !curves.log || value > 0);
  let low = curves.log ? Math.min(...values) : 0, high = Math.max(...values);
  if (!values.length) [low, high] = curves.log ? [0.1, 1] : [0, 1];
  const change = curves.log ? Math.log10 : (value) => value;
  let [bottom, top] = [change(low), change(high)];
  if (top - bottom < 1e-6) [bottom, top] = curves.log ? [bottom - 0.5, top + 0.5] : [0, top || 1];
  top += 0.04 * (top - bottom);
  const left = PLOT.left * textScale(), floor = PLOT.bottom * textScale();
  const plot = { left, top: PLOT.top, width: width - left - PLOT.right, height: height - PLOT.top - floor };
  return {
    ...plot,
    bottom,
    high: top,
    x: (epoch) => plot.left + (epoch / curves.end) * plot.width,
    y: (value) => plot.top + plot.height - ((change(Math.max(value, 1e-12)) * (curves.log || value > 0 ? 1 : 0) - bottom) / (top - bottom)) * plot.height,
  };
}

/** Return the values to mark on the axis of the loss. */
function lossTicks(curves, { bottom, high }) {
  if (!curves.log) return ticks(bottom, high, 3);
  const powers = ticks(bottom, high, 3).filter(Number.isInteger);
  return (powers.length > 1 ? powers : ticks(bottom, high, 3)).map((power) => 10 ** power);
}

function shortNumber(value) {
  if (value === 0) return "0";
  return Math.abs(value) >= 0.001 && Math.abs(value) < 10_000 ? String(Number(value.toPrecision(2))) : value.toExponential(0).replace("-", "−");
}

export function drawCurves(canvas, width, height, curves, colors, family) {
  const context = sharpContext(canvas, width, height), scales = curveScales(curves, width, height);
  const { left, top, width: wide, height: high } = scales;
  context.font = `${15 * textScale()}px ${family}`;
  context.fillStyle = context.strokeStyle = colors.text;
  context.lineWidth = 1;
  context.textBaseline = "top";
  context.textAlign = "center";
  const line = (x0, y0, x1, y1) => {
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.stroke();
  };
  for (const epoch of ticks(0, curves.end, 5)) {
    context.textAlign = epoch === curves.end ? "right" : "center";
    context.fillText(epoch.toLocaleString("en"), Math.min(scales.x(epoch), left + wide + PLOT.right), top + high + 4);
    line(scales.x(epoch), top + high, scales.x(epoch), top + high + 4);
  }
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const value of lossTicks(curves, scales)) {
    context.globalAlpha = 0.15;
    line(left, scales.y(value), left + wide, scales.y(value));
    context.globalAlpha = 1;
    context.fillText(shortNumber(value), left - 5, scales.y(value));
  }
  line(left, top, left, top + high);
  line(left, top + high, left + wide, top + high);
  context.font = `600 ${15 * textScale()}px ${family}`;
  context.textAlign = "center";
  context.textBaseline = "bottom";
  context.fillText(curves.isThinned ? "Epoch (curves are thinned)" : "Epoch", left + wide / 2, height);
  context.save();
  context.translate(0, top + high / 2);
  context.rotate(-Math.PI / 2);
  context.textBaseline = "top";
  context.fillText(curves.title, 0, 0);
  context.restore();

  context.save();
  context.beginPath();
  context.rect(left, top - 4, wide + 4, high + 5);
  context.clip();
  context.font = `${15 * textScale()}px ${family}`;
  context.textBaseline = "top";
  curves.marks.forEach(({ x, label, align, row }) => {
    context.strokeStyle = context.fillStyle = colors.grey;
    context.setLineDash([5, 4]);
    line(scales.x(x), top, scales.x(x), top + high);
    context.textAlign = align;
    context.fillText(label, scales.x(x) + (align === "left" ? 4 : -4), top + 16 * textScale() * row);
  });
  context.lineJoin = "round";
  for (const [name, color, dash] of [["train", colors.positive, []], ["validation", colors.negative, [6, 3]]]) {
    const [epochs, losses] = curves[name];
    context.setLineDash(dash);
    context.strokeStyle = context.fillStyle = color;
    context.lineWidth = 2.5;
    context.beginPath();
    epochs.forEach((epoch, i) => context.lineTo(scales.x(epoch), scales.y(losses[i])));
    context.stroke();
    if (!epochs.length) continue;
    context.beginPath();
    context.arc(scales.x(epochs.at(-1)), scales.y(losses.at(-1)), 3.5, 0, 2 * Math.PI);
    context.fill();
  }
  context.setLineDash([]);
  if (curves.shown !== null) {
    context.strokeStyle = colors.text;
    context.lineWidth = 2.5;
    line(scales.x(curves.shown), top, scales.x(curves.shown), top + high);
  }
  context.restore();
  drawCurveLegend(context, left + wide, top, curves, colors, family);
}

function drawCurveLegend(context, right, top, curves, colors, family) {
  context.font = `${15 * textScale()}px ${family}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  const names = [["training", colors.positive, []], ["validation", colors.negative, [6, 3]]];
  const shown = curves.hasValidation ? names : names.slice(0, 1);
  const widths = shown.map(([name]) => 30 + context.measureText(name).width + 12);
  let x = right - widths.reduce((sum, width) => sum + width, 0);
  context.globalAlpha = 0.75;
  context.fillStyle = colors.background;
  context.fillRect(x - 4, top, right - x + 4, 18);
  context.globalAlpha = 1;
  shown.forEach(([name, color, dash], at) => {
    context.strokeStyle = color;
    context.lineWidth = 3;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x, top + 9);
    context.lineTo(x + 24, top + 9);
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = colors.text;
    context.fillText(name, x + 29, top + 9);
    x += widths[at];
  });
}

/** Return what the curves say at the epoch next to a pixel, in words. */
export function curveValues(curves, width, height, px) {
  const scales = curveScales(curves, width, height);
  const epoch = ((px - scales.left) / scales.width) * curves.end;
  const [epochs] = curves.train;
  if (!epochs.length || epoch < 0) return "";
  let nearest = 0;
  epochs.forEach((each, i) => {
    if (Math.abs(each - epoch) < Math.abs(epochs[nearest] - epoch)) nearest = i;
  });
  const validation = curves.validation[1][nearest];
  const parts = [`training ${shortNumber(curves.train[1][nearest])}`];
  if (validation !== undefined) parts.push(`validation ${shortNumber(validation)}`);
  return `Epoch ${Math.round(epochs[nearest])}: ${parts.join(", ")}`;
}
