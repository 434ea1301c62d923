// Maps of the plane on canvases: smooth colours, contour lines, and points.

import { predictedClass } from "./forward.js";

export const SHADES = 255; // colours between no value and the largest

export function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function mixed(from, to, fraction) {
  return from.map((value, channel) => value + (to[channel] - value) * fraction);
}

/** Return colours from negative over 0 (the background) to positive: 2 * SHADES + 1 of them. */
export function divergingColors({ background, negative, positive }) {
  const [ground, below, above] = [background, negative, positive].map(rgb);
  return Array.from({ length: 2 * SHADES + 1 }, (_, at) => {
    const value = at / SHADES - 1;
    return mixed(ground, value < 0 ? below : above, Math.abs(value) ** 0.8);
  });
}

/** Paint a column of n * n values, the lowest y first, on an n * n canvas. limit: the value of the strongest colour. */
export function paintDiverging(canvas, values, n, limit, colors) {
  paint(canvas, n, (i) => colors[Math.round((Math.max(-1, Math.min(1, values[i] / limit)) + 1) * SHADES)] ?? colors[SHADES]);
}

/** Paint one class's probability in the colour of the class. */
export function paintProbability(canvas, values, n, background, color) {
  paint(canvas, n, (i) => mixed(background, color, 0.9 * values[i]));
}

function paint(canvas, n, colorOf) {
  if (canvas.width !== n) canvas.width = canvas.height = n;
  const context = canvas.getContext("2d"), image = context.createImageData(n, n);
  for (let row = 0, at = 0; row < n; row++) {
    for (let column = 0; column < n; column++, at += 4) {
      const color = colorOf((n - 1 - row) * n + column); // the canvas counts downwards
      image.data[at] = color[0];
      image.data[at + 1] = color[1];
      image.data[at + 2] = color[2];
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

/** Interpolate a column of n * n values to size * size, between the outermost values. */
export function enlarge(values, n, size) {
  const large = new Float32Array(size * size), step = (n - 1) / (size - 1);
  for (let row = 0; row < size; row++) {
    const y = Math.min(row * step, n - 1.000001), y0 = Math.floor(y), v = y - y0;
    for (let column = 0; column < size; column++) {
      const x = Math.min(column * step, n - 1.000001), x0 = Math.floor(x), u = x - x0, at = y0 * n + x0;
      const low = values[at] + (values[at + 1] - values[at]) * u;
      const high = values[at + n] + (values[at + n + 1] - values[at + n]) * u;
      large[row * size + column] = low + (high - low) * v;
    }
  }
  return large;
}

/** Paint the most probable class everywhere, the paler the less certain. probabilities: columns of n * n values. */
export function paintClasses(canvas, probabilities, n, size, background, colors) {
  const large = probabilities.map((values) => enlarge(values, n, size));
  const guessing = 1 / probabilities.length;
  paint(canvas, size, (i) => {
    const best = predictedClass(large, i);
    const certainty = (large[best][i] - guessing) / (1 - guessing);
    return certainty < 1e-6 ? background : mixed(background, colors[best], 0.1 + 0.5 * certainty);
  });
}

/** Return the lines on which a column of n * n values is 0, for a square of `size` pixels (marching squares). */
export function zeroLines(values, n, size) {
  const path = new Path2D(), step = size / (n - 1);
  for (let row = 0; row < n - 1; row++) {
    for (let column = 0; column < n - 1; column++) {
      const corners = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([dx, dy]) => values[(row + dy) * n + column + dx]);
      const signs = corners.filter((value) => value > 0).length;
      if (signs === 0 || signs === 4) continue;
      const crossings = [];
      for (let side = 0; side < 4; side++) {
        const from = corners[side], to = corners[(side + 1) % 4];
        if (from > 0 === to > 0) continue;
        const t = from / (from - to);
        crossings.push([[t, 0], [1, t], [1 - t, 1], [0, 1 - t]][side]);
      }
      for (let at = 0; at + 1 < crossings.length; at += 2) {
        const [[x0, y0], [x1, y1]] = crossings.slice(at, at + 2);
        path.moveTo((column + x0) * step, size - (row + y0) * step);
        path.lineTo((column + x1) * step, size - (row + y1) * step);
      }
    }
  }
  return path;
}

/**
 * Return functions that are 0 where two classes are equally probable: for each class (for one of two), the logarithm of
 * how much more probable it is than every other. A logarithm is almost a plane there, so lines between points are smooth.
 */
export function margins(probabilities) {
  const logs = probabilities.map((column) => column.map((value) => Math.log(Math.max(value, 1e-300))));
  return logs.slice(0, logs.length === 2 ? 1 : undefined).map((own, k) =>
    own.map((value, i) => value - logs.reduce((most, column, other) => (other === k ? most : Math.max(most, column[i])), -Infinity)),
  );
}

/** Return about `count` round numbers from `low` to `high`. */
export function ticks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((digit) => digit * power >= raw) ?? 10);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(Number(value.toFixed(9)) + 0);
  return found;
}

/** Return the size of text relative to the normal one: the projector view has larger text. */
export const textScale = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 17;

/** Resize a canvas to its CSS size in device pixels; return its context, scaled to CSS pixels and cleared. */
export function sharpContext(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  return context;
}

/**
 * Draw a point: filled for training, a ring for validation, a cross over it if it is wrong. If the colour is a value
 * (isValue), it fills every point, and those for validation have a thicker outline.
 */
export function drawPoint(context, x, y, radius, color, { isValidation, isWrong, isValue, background, text }) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = isValidation && !isValue ? background : color;
  context.fill();
  context.lineWidth = isValidation ? 2.4 : 1.1;
  context.strokeStyle = isValue ? text : isValidation ? color : background;
  context.stroke();
  if (!isWrong) return;
  const arm = radius + 1.5;
  for (const [style, width] of [[background, 4], [text, 2]]) {
    context.beginPath();
    context.moveTo(x - arm, y - arm);
    context.lineTo(x + arm, y + arm);
    context.moveTo(x + arm, y - arm);
    context.lineTo(x - arm, y + arm);
    context.strokeStyle = style;
    context.lineWidth = width;
    context.stroke();
  }
}
