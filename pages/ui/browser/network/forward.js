// The arithmetic of core/plane for many points at once. A "column" holds one number per point.

const ACTIVATIONS = {
  relu: (value) => (value > 0 ? value : 0),
  tanh: Math.tanh,
  sigmoid: (value) => 1 / (1 + Math.exp(-value)),
};

const SCALE = 3; // as in core/plane/features.py
const FEATURES = {
  x: (x) => x / SCALE,
  y: (x, y) => y / SCALE,
  x2: (x) => (x / SCALE) ** 2,
  y2: (x, y) => (y / SCALE) ** 2,
  xy: (x, y) => (x / SCALE) * (y / SCALE),
  sin_x: (x) => Math.sin(x),
  sin_y: (x, y) => Math.sin(y),
};

/** Split flat parameters into layers: weights (inputs, units) row by row, then biases. sizes: units, input first. */
export function readLayers(flat, sizes) {
  let at = 0;
  const take = (count) => flat.slice(at, (at += count));
  return sizes.slice(1).map((units, index) => {
    const inputs = sizes[index];
    return { inputs, units, start: at, weights: take(inputs * units), biases: take(units) };
  });
}

/** Compute the inputs of the network: one column per feature. */
export function featureColumns(features, xs, ys) {
  return features.map((name) => Float64Array.from(xs, (x, index) => FEATURES[name](x, ys[index])));
}

/**
 * Compute the columns of every layer, inputs first. The last layer holds class probabilities or, for a regression,
 * the prediction. isOff(layer, unit): whether a hidden unit is switched off; layers count from 0.
 */
export function forward(layers, inputs, { activation, isRegression, isOff = () => false }) {
  const columns = [inputs];
  const points = inputs[0].length;
  layers.forEach(({ units, weights, biases }, layer) => {
    const isLast = layer === layers.length - 1;
    const before = columns[layer];
    const made = Array.from({ length: units }, (_, unit) => {
      const column = new Float64Array(points);
      if (!isLast && isOff(layer, unit)) return column;
      column.fill(biases[unit]);
      before.forEach((values, input) => {
        const weight = weights[input * units + unit];
        if (weight) for (let i = 0; i < points; i++) column[i] += weight * values[i];
      });
      if (!isLast) {
        const activate = ACTIVATIONS[activation];
        for (let i = 0; i < points; i++) column[i] = activate(column[i]);
      }
      return column;
    });
    if (isLast && !isRegression) softmax(made, points);
    columns.push(made);
  });
  return columns;
}

/** Turn the logits of each point into probabilities, in place. */
function softmax(columns, points) {
  for (let i = 0; i < points; i++) {
    let largest = -Infinity, total = 0;
    for (const column of columns) largest = Math.max(largest, column[i]);
    for (const column of columns) total += column[i] = Math.exp(column[i] - largest);
    for (const column of columns) column[i] /= total;
  }
}

/** Return the most probable class of point i. */
export function predictedClass(probabilities, i) {
  let best = 0;
  for (let k = 1; k < probabilities.length; k++) if (probabilities[k][i] > probabilities[best][i]) best = k;
  return best;
}
