// The network and its map, drawn. Python sends the points once, and the weights of the shown epochs on each redraw;
// what the units and the network compute for them is worked out here.

import { featureColumns, forward, predictedClass, readLayers } from "./forward.js";
import {
  divergingColors,
  drawPoint,
  enlarge,
  margins,
  paintClasses,
  paintDiverging,
  paintProbability,
  rgb,
  SHADES,
  sharpContext,
  textScale,
  ticks,
  zeroLines,
} from "./drawing.js";
import { curveValues, drawCurves } from "./curves.js";

const SVG = "http://www.w3.org/2000/svg";
const GRID = 50; // points per axis for which every unit is computed
const LINE_POINTS = 121; // for a function of x
const MAX_UNITS = 8; // per layer; a larger network is not drawn
const MARGIN = { left: 42, right: 6, top: 10, bottom: 36 };
const POINT_RADIUS = 4.5;
const GAP = 0.35; // distance between the points of a stroke
const ERASER = 0.45;
const LIMIT = 6; // the plane reaches from -LIMIT to LIMIT, as in core/plane/features.py
const SEND_MS = 300;
const UNDO_ICON = "M12.5 8c-2.650 0-5.050 1-6.900 2.600L2 7v9h9l-3.620-3.620c1.390-1.160 3.160-1.880 5.120-1.880 3.540 0 6.550 2.310 7.600 5.500l2.370-.780C21.080 11.030 17.150 8 12.500 8z";
const CLEAR_ICON = "M6 19c0 1.100.9 2 2 2h8c1.100 0 2-.9 2-2V7H6v12zM19 4h-3.500l-1-1h-5l-1 1H5v2h14V4z";

const mounted = new WeakMap();
const known = new Map(); // points by their key, so that a page that is shown again need not ask for them
const remembered = { opened: null, run: null, edits: [] }; // kept while the page is open, also on another tab

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  let view = mounted.get(parentElement);
  if (!view) mounted.set(parentElement, (view = makeView(parentElement)));
  view.update(data, { setStateValue, setTriggerValue });
  return view.close;
}

/** Decode parameters as core/plane/network.py encodes them. */
function decode(text) {
  return Float64Array.from(new Float32Array(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer));
}

function number(value, digits = 2) {
  if (!Number.isFinite(value)) return "–";
  const text = Math.abs(value) >= 1000 ? value.toExponential(1) : value.toFixed(digits);
  return text.replace("-", "−").replace(/^−(0\.?0*)$/, "$1");
}

function percent(fraction) {
  return Number.isFinite(fraction) ? `${(100 * fraction).toFixed(fraction > 0.995 && fraction < 1 ? 1 : 0)} %` : "–";
}

function svgElement(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return parent.appendChild(made);
}

function htmlElement(name, attributes, parent) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) key in made ? (made[key] = value) : made.setAttribute(key, value);
  if (parent) parent.append(made);
  return made;
}

function makeView(root) {
  const find = (selector) => root.querySelector(selector);
  const plane = find(".plane"), net = find(".network"), svg = find(".edges"), nodesPlace = find(".nodes");
  const map = find(".map"), field = find(".field"), overlay = find(".overlay"), tip = find(".tip");
  const panel = find(".unit"), tools = find(".tools"), curvesPlace = find(".curves");
  let data, points, python;
  let sizes, grid, gridInputs, line; // of the network's shape
  let flat = new Float64Array(0); // the weights that are shown
  let steps = -1, run, queue = [], timer = null, sending = null; // completed steps of the shown weights, and of which run
  const typed = new Map(), switches = new Map(); // changes that Python has not taken over yet, by place and by unit
  let columns = []; // of every layer, at every point of the grid
  let nodes = [], edges = [], shape = "", colors, diverging, lastUpdate = 0, pace = 250;
  const drawing = { own: [], undo: [], choice: 0, revision: 0, cursor: [0, 0] };
  let stroke = null;

  // ---- what Python sends ----
  function update(newData, callbacks) {
    [data, python] = [newData, callbacks];
    if (data.points) known.set(data.key, data.points);
    if (!known.has(data.key)) return python.setTriggerValue("wanted", data.key); // Python believes that they are here
    points = known.get(data.key);
    if (known.size > 20) known.delete(known.keys().next().value);
    const now = performance.now();
    pace = Math.min(1500, Math.max(100, now - lastUpdate));
    lastUpdate = now;
    applyColors();
    const newShape = JSON.stringify([data.features, data.hidden, data.outputs, data.activation, data.task, data.inputs]);
    if (newShape !== shape) {
      shape = newShape;
      build();
    }
    if (data.run !== run) undo();
    else forgetTaken();
    updateDrawing();
    buildLegend();
    enqueue(data.frames);
    showCurves();
  }

  /** Show the frames one after another until the next update is expected; only the last one if it is not a sequel. */
  function enqueue(frames) {
    clearTimeout(timer);
    const last = frames.at(-1);
    const isSequel = data.run === run && steps >= 0 && last[0] > steps && !data.isPast;
    run = data.run;
    const isStill = document.hidden || window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    queue = isSequel && !isStill ? frames.filter(([at]) => at > steps) : [last];
    const wait = pace / queue.length;
    const next = () => {
      const [at, text] = queue.shift();
      steps = at;
      flat = decode(text);
      for (const [where, { value }] of typed) flat[where] = value;
      show();
      if (queue.length) timer = setTimeout(next, wait);
    };
    next();
  }

  // ---- changes by hand ----
  const place = (layer, unit, input) =>
    layers()[layer].start + (input === null ? layers()[layer].inputs : input) * layers()[layer].units + unit;
  const layers = () => readLayers(flat, sizes);
  const isOff = (layer, unit) => switches.get(`off ${layer} ${unit}`)?.value ?? data.off.some(([l, u]) => l === layer && u === unit);
  const isFrozen = (layer, unit) =>
    switches.get(`frozen ${layer} ${unit}`)?.value ?? data.frozen.some(([l, u]) => l === layer && u === unit);

  function edit(layer, unit, kind, input, value) {
    if (remembered.run !== data.run) Object.assign(remembered, { run: data.run, edits: [] });
    const number = remembered.edits.length + 1;
    if (kind === "off" || kind === "frozen") switches.set(`${kind} ${layer} ${unit}`, { value: Boolean(value), number });
    else {
      const at = place(layer, unit, kind === "bias" ? null : input);
      typed.set(at, { value, number });
      flat[at] = value;
    }
    if (data.canEdit) {
      remembered.edits.push([layer, unit, kind, input, value]);
      clearTimeout(sending); // somebody who types a number is not interrupted after each digit
      sending = setTimeout(() => python.setStateValue("edits", { run: data.run, edits: remembered.edits }), SEND_MS);
    }
    show();
  }

  /** Forget the changes that Python has taken over. Without a run that takes them, they stay until they are undone. */
  function forgetTaken() {
    if (!data.canEdit) return;
    for (const changes of [typed, switches])
      for (const [key, { number }] of changes) if (number <= data.taken) changes.delete(key);
  }
  function undo() {
    typed.clear();
    switches.clear();
  }

  // ---- computing ----
  const options = (off = isOff) => ({ activation: data.activation, isRegression: data.task === "regression", isOff: off });
  const isCurve = () => data.inputs === 1;

  function compute() {
    columns = forward(layers(), gridInputs, options());
  }

  /** Return the predictions for the training and validation points, as columns. */
  function atPoints(off = isOff) {
    return forward(layers(), featureColumns(data.features, points.x, points.y), options(off)).at(-1);
  }

  /** Return the fraction of the shown points that are classified correctly or, for a regression, the mean squared error. */
  function quality(off = isOff) {
    const outputs = atPoints(off), count = points.x.length;
    let sum = 0;
    for (let i = 0; i < count; i++)
      sum += data.task === "regression" ? (outputs[0][i] - points.target[i]) ** 2 : predictedClass(outputs, i) === points.target[i];
    return sum / count;
  }

  // ---- colours ----
  function applyColors() {
    const { background, text, palette, grey } = data.colors;
    colors = { background, text, grey, positive: palette[0], negative: palette[1], palette, classes: palette.map(rgb), ground: rgb(background) };
    diverging = divergingColors(colors);
    plane.style.setProperty("--positive", colors.positive);
    plane.style.setProperty("--negative", colors.negative);
  }

  // ---- the network: built once for its shape, then only its values change ----
  function labelOf(layer, unit) {
    if (layer === 0) return data.featureLabels[unit];
    if (layer === sizes.length - 1) return data.task === "regression" ? "Prediction" : `Class ${data.classNames[unit]}`;
    return `Layer ${layer}, unit ${unit + 1}`;
  }

  function build() {
    sizes = [data.features.length, ...data.hidden, data.outputs];
    const axis = (count) => Array.from({ length: count }, (_, i) => -LIMIT + (2 * LIMIT * i) / (count - 1));
    if (isCurve()) {
      line = axis(LINE_POINTS);
      gridInputs = featureColumns(data.features, line, line.map(() => 0));
    } else {
      const steps = axis(GRID);
      grid = { x: steps.flatMap(() => steps), y: steps.flatMap((y) => steps.map(() => y)) };
      gridInputs = featureColumns(data.features, grid.x, grid.y);
    }
    if (remembered.opened && !(sizes[remembered.opened[0]] > remembered.opened[1])) remembered.opened = null;
    undo();
    steps = -1;
    const isSmall = Math.max(...sizes) <= MAX_UNITS;
    const note = find(".too-large");
    note.hidden = isSmall;
    note.textContent = `Networks with up to ${MAX_UNITS} units per layer are drawn here. This one has ${data.hidden.join(", ")}.`;
    find(".signs").hidden = !isSmall;
    nodesPlace.replaceChildren();
    svg.replaceChildren();
    nodes = [];
    edges = [];
    if (!isSmall) return openUnit(null);
    sizes.forEach((units, layer) => {
      const heading = htmlElement("div", { className: "heading" }, nodesPlace);
      const isHidden = layer > 0 && layer < sizes.length - 1;
      heading.append(layer === 0 ? "Inputs" : isHidden ? `Layer ${layer}` : data.task === "regression" ? "Output" : "Classes");
      if (isHidden) htmlElement("small", { textContent: data.activation }, heading);
      const column = Array.from({ length: units }, (_, unit) => {
        const button = htmlElement("button", { type: "button", className: "node" }, nodesPlace);
        button.dataset.unit = `${layer}.${unit}`;
        const canvas = htmlElement("canvas", {}, button);
        canvas.setAttribute("aria-hidden", "true");
        const side = layer === 0 ? "left" : layer === sizes.length - 1 ? "right" : null;
        if (side && data.task === "regression" && side === "right") htmlElement("span", { className: "label right", textContent: "" }, button);
        else if (side) htmlElement("span", { className: `label ${side}`, textContent: layer === 0 ? data.featureLabels[unit] : data.classNames[unit] }, button);
        button.onclick = () => openUnit([layer, unit]);
        button.onpointerenter = (event) => showTip(event, `${labelOf(layer, unit)}: ${button.dataset.range}`);
        button.onpointerleave = hideTip;
        return { button, canvas, heading };
      });
      nodes.push(column);
    });
    const hits = svgElement("g", {}, svg), lines = svgElement("g", {}, svg);
    for (let layer = 0; layer + 1 < sizes.length; layer++)
      for (let unit = 0; unit < sizes[layer + 1]; unit++)
        for (let input = 0; input < sizes[layer]; input++) {
          const drawn = svgElement("path", { class: "line" }, lines), hit = svgElement("path", { class: "hit" }, hits);
          const edge = { layer, unit, input, drawn, hit };
          hit.addEventListener("pointerenter", (event) => {
            drawn.classList.add("lit");
            showTip(event, `${labelOf(layer, input)} → ${labelOf(layer + 1, unit)}: weight ${number(flat[place(layer, unit, input)], 3)}`);
          });
          hit.addEventListener("pointerleave", () => {
            drawn.classList.remove("lit");
            hideTip();
          });
          edges.push(edge);
        }
    svg.append(lines, hits);
    lines.style.pointerEvents = "none";
    layout();
    openUnit(remembered.opened);
  }

  function layout() {
    if (!data || !sizes || !net.clientWidth) return;
    if (nodes.length) {
      const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
      const width = net.clientWidth, top = 2.5 * rem, height = net.clientHeight - top - 2 * rem;
      const widest = Math.max(...data.featureLabels.map((label) => label.length));
      const tallest = Math.max(...sizes);
      const size = Math.max(22, Math.min(5 * rem, height / tallest - 7, (width / sizes.length) * 0.6));
      const left = 0.6 * rem * widest + 10 + size / 2, right = 1.6 * rem + size / 2;
      const x = (layer) => left + (layer * (width - left - right)) / (sizes.length - 1);
      const gap = Math.min(size + 1.4 * rem, height / tallest);
      const y = (layer, unit) => top + height / 2 + (unit - (sizes[layer] - 1) / 2) * (sizes[layer] * gap < height ? Math.min(gap * 1.15, height / sizes[layer]) : gap);
      nodes.forEach((column, layer) => {
        column[0].heading.style.left = `${x(layer)}px`;
        column.forEach(({ button }, unit) => {
          Object.assign(button.style, { left: `${x(layer)}px`, top: `${y(layer, unit)}px`, width: `${size}px`, height: `${size}px` });
        });
      });
      for (const { layer, unit, input, drawn, hit } of edges) {
        const x0 = x(layer) + size / 2, x1 = x(layer + 1) - size / 2, middle = (x0 + x1) / 2;
        const path = `M${x0} ${y(layer, input)}C${middle} ${y(layer, input)} ${middle} ${y(layer + 1, unit)} ${x1} ${y(layer + 1, unit)}`;
        drawn.setAttribute("d", path);
        hit.setAttribute("d", path);
      }
    }
    if (flat.length) show();
    showCurves();
  }

  function showCurves() {
    if (!curvesPlace.clientWidth) return;
    drawCurves(curvesPlace.firstChild, curvesPlace.clientWidth, curvesPlace.clientHeight, data.curves, colors, fontFamily());
    curvesPlace.setAttribute("aria-label", data.curves.text);
  }
  const fontFamily = () => getComputedStyle(plane).fontFamily;

  // ---- the current weights ----
  function show() {
    if (!points || !flat.length) return;
    compute();
    plane.dataset.steps = steps;
    showNodes();
    showMap();
    showUnit();
    find(".reset").hidden = data.canEdit || !(typed.size || switches.size);
  }

  function limitOf(layer, unit) {
    const isOutput = layer === sizes.length - 1;
    if (isOutput && data.task === "regression") return data.limit;
    if (!isOutput && layer > 0 && data.activation !== "relu") return 1;
    return Math.max(1e-9, columns[layer][unit].reduce((largest, value) => Math.max(largest, Math.abs(value)), 0));
  }

  function rangeOf(layer, unit) {
    let low = Infinity, high = -Infinity;
    for (const value of columns[layer][unit]) [low, high] = [Math.min(low, value), Math.max(high, value)];
    return [low, high];
  }

  function paintUnit(canvas, layer, unit) {
    const values = columns[layer][unit];
    if (isCurve()) return paintCurve(canvas, values, Math.max(limitOf(layer, unit), 1e-9));
    if (layer === sizes.length - 1 && data.task !== "regression") paintProbability(canvas, values, GRID, colors.ground, colors.classes[unit]);
    else paintDiverging(canvas, values, GRID, limitOf(layer, unit), diverging);
  }

  function paintCurve(canvas, values, limit) {
    const size = 100, y = (value) => size / 2 - (0.44 * size * value) / limit;
    if (canvas.width !== size) canvas.width = canvas.height = size;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, size, size);
    context.strokeStyle = colors.grey;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(0, size / 2);
    context.lineTo(size, size / 2);
    context.stroke();
    context.lineWidth = 7;
    for (const sign of [1, -1]) { // above 0 in one colour, below in the other
      context.save();
      context.beginPath();
      context.rect(0, sign > 0 ? 0 : size / 2, size, size / 2);
      context.clip();
      context.strokeStyle = sign > 0 ? colors.positive : colors.negative;
      context.beginPath();
      values.forEach((value, i) => context.lineTo((i * size) / (values.length - 1), y(value)));
      context.stroke();
      context.restore();
    }
  }

  function showNodes() {
    nodes.forEach((column, layer) =>
      column.forEach(({ button, canvas }, unit) => {
        paintUnit(canvas, layer, unit);
        const [low, high] = rangeOf(layer, unit), isHidden = layer > 0 && layer < sizes.length - 1;
        const off = isHidden && isOff(layer - 1, unit), frozen = layer > 0 && isFrozen(layer - 1, unit);
        const dead = isHidden && !off && low === 0 && high === 0;
        button.classList.toggle("off", off);
        button.classList.toggle("frozen", frozen);
        button.classList.toggle("dead", dead);
        button.classList.toggle("open", String(remembered.opened) === String([layer, unit]));
        button.dataset.range = `${number(low)} to ${number(high)}`;
        const states = [off && "switched off", frozen && "frozen", dead && "0 everywhere"].filter(Boolean);
        button.setAttribute("aria-label", `${labelOf(layer, unit)}: ${[button.dataset.range, ...states].join(", ")}. Open.`);
      }),
    );
    for (const { layer, unit, input, drawn } of edges) {
      const weight = flat[place(layer, unit, input)], strength = Math.abs(weight);
      drawn.setAttribute("class", `line ${weight < 0 ? "negative" : "positive"}${drawn.classList.contains("lit") ? " lit" : ""}`);
      drawn.setAttribute("stroke-width", Math.min(9, 0.6 + 2.2 * strength).toFixed(2));
      drawn.setAttribute("stroke-opacity", (layer > 0 && isOff(layer - 1, input) ? 0.06 : Math.min(0.95, 0.2 + 0.5 * strength)).toFixed(2));
    }
  }

  // ---- the map ----
  /** Return the map's square inside its margins, and the functions from coordinates to pixels. */
  function frame() {
    const width = map.clientWidth, height = map.clientHeight;
    const marginLeft = MARGIN.left * textScale();
    const wide = width - marginLeft - MARGIN.right, high = height - MARGIN.top - MARGIN.bottom * textScale();
    const side = Math.max(60, Math.min(wide, high));
    const w = isCurve() ? Math.max(60, wide) : side, h = isCurve() ? Math.max(60, high) : side;
    const left = marginLeft + (wide - w) / 2, top = MARGIN.top + (isCurve() ? 0 : Math.max(0, (high - h) / 2));
    const reach = isCurve() ? curveReach() : LIMIT;
    return {
      width, height, left, top, w, h, reach,
      x: (value) => left + ((value + LIMIT) / (2 * LIMIT)) * w,
      y: (value) => top + h - ((value + reach) / (2 * reach)) * h,
      fromPixels: (px, py) => [((px - left) / w) * 2 * LIMIT - LIMIT, ((top + h - py) / h) * 2 * reach - reach],
    };
  }
  const curveReach = () => 1.15 * data.limit;

  function showMap() {
    if (!map.clientWidth || !map.clientHeight) return;
    const place = frame(), outputs = columns.at(-1), isRegression = data.task === "regression";
    const context = sharpContext(overlay, place.width, place.height);
    field.hidden = isCurve();
    if (!isCurve()) {
      Object.assign(field.style, { left: `${place.left}px`, top: `${place.top}px`, width: `${place.w}px`, height: `${place.h}px` });
      if (isRegression) paintDiverging(field, enlarge(outputs[0], GRID, 160), 160, data.limit, diverging);
      else paintClasses(field, outputs, GRID, 200, colors.ground, colors.classes);
    }
    drawAxes(context, place);
    if (!isCurve() && !isRegression) {
      context.save();
      context.translate(place.left, place.top);
      context.beginPath();
      context.rect(0, 0, place.w, place.h);
      context.clip();
      context.strokeStyle = colors.text;
      context.lineWidth = 2;
      for (const values of margins(outputs)) context.stroke(zeroLines(values, GRID, place.w));
      context.restore();
    }
    drawPoints(context, place);
    if (isCurve()) drawCurve(context, place, outputs[0]);
    describeMap();
  }

  function drawAxes(context, place) {
    const { left, top, w, h } = place;
    context.strokeStyle = colors.text;
    context.lineWidth = 1;
    context.strokeRect(left - 0.5, top - 0.5, w + 1, h + 1);
    context.fillStyle = colors.text;
    context.font = `${15 * textScale()}px ${fontFamily()}`;
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const value of ticks(-LIMIT, LIMIT, 6)) {
      context.fillRect(place.x(value) - 0.5, top + h, 1, 4);
      context.fillText(number(value, 0), place.x(value), top + h + 6);
    }
    context.textAlign = "right";
    context.textBaseline = "middle";
    const steps = ticks(-place.reach, place.reach, 6);
    const digits = Math.max(0, -Math.floor(Math.log10(steps[1] - steps[0]) + 1e-9));
    for (const value of steps) {
      context.fillRect(left - 4, place.y(value) - 0.5, 4, 1);
      context.fillText(number(value, digits), left - 6, place.y(value));
    }
    context.font = `600 ${15 * textScale()}px ${fontFamily()}`;
    context.textAlign = "center";
    context.textBaseline = "bottom";
    context.fillText("x", left + w + (isCurve() ? -6 : -8) , top + h + 34 * textScale());
    context.fillText("y", Math.max(8, left - 34 * textScale()), top + 14 * textScale());
  }

  function drawCurve(context, place, values) {
    context.save();
    context.beginPath();
    context.rect(place.left, place.top, place.w, place.h);
    context.clip();
    context.strokeStyle = colors.grey;
    context.setLineDash([4, 4]);
    context.beginPath();
    context.moveTo(place.left, place.y(0));
    context.lineTo(place.left + place.w, place.y(0));
    context.stroke();
    context.setLineDash([]);
    const curve = new Path2D();
    values.forEach((value, i) => curve.lineTo(place.x(line[i]), place.y(value)));
    for (const [style, width] of [[colors.background, 7], [colors.negative, 4]]) {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.stroke(curve);
    }
    context.restore();
  }

  function drawPoints(context, place) {
    const outputs = atPoints(), isRegression = data.task === "regression";
    const radius = Math.max(2.6, POINT_RADIUS - Math.max(0, points.x.length - 250) / 400);
    const look = { background: colors.background, text: colors.text };
    context.save();
    context.beginPath();
    context.rect(place.left - 6, place.top - 6, place.w + 12, place.h + 12);
    context.clip();
    const wrong = [];
    const one = (x, y, target, isValidation, isWrong) => {
      const height = isCurve() ? target : y;
      const color = !isRegression ? colors.palette[target] : isCurve() ? colors.positive : shadeOf(target);
      drawPoint(context, place.x(x), place.y(height), radius, color, { ...look, isValidation, isWrong, isValue: isRegression && !isCurve() });
    };
    if (drawing.isPending) for (const [x, y, target] of drawing.own) one(x, y, target, false, false);
    else
      for (let i = 0; i < points.x.length; i++) {
        const isWrong = !isRegression && predictedClass(outputs, i) !== points.target[i];
        if (isWrong) wrong.push(i);
        else one(points.x[i], points.y[i], points.target[i], points.validation[i], false);
      }
    for (const i of wrong) one(points.x[i], points.y[i], points.target[i], points.validation[i], true);
    if (data.drawing && plane.getRootNode().activeElement === map) {
      const [x, y] = drawing.cursor;
      context.strokeStyle = colors.text;
      context.lineWidth = 2;
      context.beginPath();
      context.moveTo(place.x(x) - 9, place.y(y));
      context.lineTo(place.x(x) + 9, place.y(y));
      context.moveTo(place.x(x), place.y(y) - 9);
      context.lineTo(place.x(x), place.y(y) + 9);
      context.stroke();
    }
    context.restore();
  }

  function shadeOf(value) {
    const shade = diverging[Math.round((Math.max(-1, Math.min(1, value / data.limit)) + 1) * SHADES)];
    return `rgb(${shade.map(Math.round).join(" ")})`;
  }

  function describeMap() {
    const count = points.x.length;
    let text;
    if (data.task === "regression") text = `Prediction${isCurve() ? " as a curve over x" : " over the plane"}, with ${count} points. Mean squared error ${number(quality(), 3)}.`;
    else text = `Classes that the network predicts over the plane, with ${count} points. ${percent(quality())} of them are correct.`;
    if (data.drawing) text += " Arrow keys move the cursor, Enter adds a point, Delete erases, digits choose the class.";
    map.setAttribute("aria-label", text);
  }

  function buildLegend() {
    const legend = find(".legend");
    const wanted = JSON.stringify([data.task, data.inputs, data.classNames, data.colors, data.limit, points.validation.some(Boolean), Boolean(data.drawing)]);
    if (legend.dataset.content === wanted) return;
    legend.dataset.content = wanted;
    legend.replaceChildren();
    const item = (draw, text) => {
      const span = htmlElement("span", {}, legend), icon = svgElement("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, span);
      draw(icon);
      span.append(text);
    };
    const dot = (color) => (icon) => svgElement("circle", { cx: 8, cy: 8, r: 6, fill: color }, icon);
    const ring = (color, width) => (icon) =>
      svgElement("circle", { cx: 8, cy: 8, r: 5, fill: "none", stroke: color, "stroke-width": width }, icon);
    const cross = (icon) => svgElement("path", { d: "M2 2L14 14M14 2L2 14", stroke: colors.text, "stroke-width": 2.5 }, icon);
    const isRegression = data.task === "regression";
    if (!isRegression && !data.drawing) data.classNames.forEach((name, k) => item(dot(colors.palette[k]), name));
    const plain = isCurve() ? colors.positive : colors.text, isValue = isRegression && !isCurve();
    item(isValue ? ring(plain, 1.2) : dot(plain), "training");
    if (points.validation.some(Boolean)) item(ring(plain, isValue ? 3.5 : 2.5), "validation");
    if (!isRegression) item(cross, "wrong");
    else if (isCurve()) item((icon) => svgElement("path", { d: "M0 8H16", stroke: colors.negative, "stroke-width": 4 }, icon), "prediction");
    else {
      const scale = htmlElement("span", { className: "scale" }, legend);
      scale.append(number(-data.limit, 1));
      const bar = htmlElement("i", {}, scale);
      bar.style.background = `linear-gradient(to right, ${[-1, -0.5, 0, 0.5, 1].map((at) => shadeOf(at * data.limit)).join(", ")})`;
      scale.append(number(data.limit, 1));
    }
  }

  // ---- numbers under the pointer ----
  function showTip(event, text) {
    const box = plane.getBoundingClientRect();
    tip.textContent = text;
    tip.hidden = false;
    const x = Math.min(event.clientX - box.left + 14, plane.clientWidth - tip.offsetWidth - 4);
    const y = event.clientY - box.top + (event.clientY - box.top + 50 > plane.clientHeight ? -40 : 18);
    Object.assign(tip.style, { left: `${Math.max(0, x)}px`, top: `${y}px` });
  }
  function hideTip() {
    tip.hidden = true;
  }
  function showValue(event) {
    const box = map.getBoundingClientRect(), place = frame();
    const [x, y] = place.fromPixels(event.clientX - box.left, event.clientY - box.top);
    if (Math.abs(x) > LIMIT || Math.abs(y) > place.reach) return hideTip();
    const outputs = forward(layers(), featureColumns(data.features, [x], [y]), options()).at(-1).map((column) => column[0]);
    const says = data.task === "regression" ? `prediction ${number(outputs[0])}` : outputs.map((p, k) => `${data.classNames[k]} ${percent(p)}`).join(", ");
    showTip(event, `x ${number(x, 1)}${isCurve() ? "" : `, y ${number(y, 1)}`}: ${says}`);
  }

  // ---- one unit, opened ----
  function openUnit(which) {
    const before = remembered.opened;
    remembered.opened = which;
    panel.hidden = !which;
    panel.dataset.content = "";
    nodesPlace.inert = Boolean(which);
    if (which) {
      showUnit();
      if (!before || String(before) !== String(which)) find("#unit-title").focus({ preventScroll: true });
    } else if (before && nodes.length) nodes[before[0]]?.[before[1]]?.button.focus({ preventScroll: true });
    if (flat.length && nodes.length && columns.length) showNodes();
  }

  function showUnit() {
    if (!remembered.opened || !columns.length) return;
    const [layer, unit] = remembered.opened, isInput = layer === 0, isOutput = layer === sizes.length - 1;
    const numbers = find(".numbers"), key = `${shape} ${layer} ${unit}`;
    if (panel.dataset.content !== key) {
      panel.dataset.content = key;
      find("#unit-title").textContent = labelOf(layer, unit);
      numbers.replaceChildren();
      const field = (text, kind, input) => {
        const label = htmlElement("label", {}, numbers);
        htmlElement("i", {}, label);
        htmlElement("span", { textContent: text }, label);
        const entry = htmlElement("input", { type: "number", step: "0.1", min: "-1000", max: "1000" }, label);
        entry.dataset.place = place(layer - 1, unit, kind === "bias" ? null : input);
        entry.setAttribute("aria-label", kind === "bias" ? "Bias" : `Weight from ${labelOf(layer - 1, input)}`);
        entry.oninput = () => {
          const value = entry.valueAsNumber;
          if (Number.isFinite(value) && Math.abs(value) <= 1000) edit(layer - 1, unit, kind, kind === "bias" ? 0 : input, value);
        };
      };
      if (!isInput) {
        htmlElement("p", { textContent: layer === 1 ? "Weights of the inputs, and the bias:" : `Weights of the units of layer ${layer - 1}, and the bias:` }, numbers);
        for (let input = 0; input < sizes[layer - 1]; input++)
          field(layer === 1 ? data.featureLabels[input] : `unit ${input + 1}`, "weight", input);
        field("bias", "bias", 0);
      } else htmlElement("p", { textContent: "An input is computed from the coordinates of a point; it has no weights." }, numbers);
      find(".switch").hidden = find(".cost").hidden = isInput || isOutput;
      find(".freeze").hidden = isInput;
    }
    for (const entry of numbers.querySelectorAll("input")) {
      const value = flat[Number(entry.dataset.place)];
      if (plane.getRootNode().activeElement !== entry) entry.value = value.toFixed(3);
      entry.parentElement.firstChild.style.background = value < 0 ? colors.negative : colors.positive;
    }
    const canvas = find(".large canvas"), [low, high] = rangeOf(layer, unit);
    paintUnit(canvas, layer, unit);
    canvas.setAttribute("aria-label", `${labelOf(layer, unit)} over the plane: ${number(low)} to ${number(high)}`);
    find(".range").textContent = `${isOutput && data.task !== "regression" ? "Probability" : isOutput || isInput ? "Value" : "Activation"} ${number(low)} to ${number(high)}`;
    if (isInput) return (find(".hint").textContent = "");
    const off = !isOutput && isOff(layer - 1, unit), frozen = isFrozen(layer - 1, unit);
    const toggle = (selector, state, on, label) => {
      find(selector).classList.toggle("on", state);
      find(selector).textContent = state ? on : label;
    };
    toggle(".switch", off, "Switch on", "Switch off");
    toggle(".freeze", frozen, "Unfreeze", "Freeze");
    if (!isOutput) find(".cost").textContent = costOf(layer - 1, unit);
    find(".hint").textContent = data.canEdit
      ? "Type a number, or change it with the arrow keys. Training goes on from there."
      : "These changes only change the map, because no run is active. Pause a run to train on from them.";
  }

  /** Say what switching a unit off costs on the points shown. */
  function costOf(layer, unit) {
    const state = (wanted) => (l, u) => (l === layer && u === unit ? wanted : isOff(l, u));
    const [without, whole] = [quality(state(true)), quality(state(false))];
    if (data.task === "regression") return `Mean squared error: ${number(whole, 3)} with this unit, ${number(without, 3)} without it.`;
    const count = points.x.length;
    return `Correct: ${Math.round(whole * count)} of ${count} points with this unit, ${Math.round(without * count)} without it.`;
  }

  find(".close").onclick = () => openUnit(null);
  find(".switch").onclick = () => {
    const [layer, unit] = remembered.opened;
    edit(layer - 1, unit, "off", 0, isOff(layer - 1, unit) ? 0 : 1);
  };
  find(".freeze").onclick = () => {
    const [layer, unit] = remembered.opened;
    edit(layer - 1, unit, "frozen", 0, isFrozen(layer - 1, unit) ? 0 : 1);
  };
  find(".reset").onclick = () => {
    undo();
    flat = decode(data.frames.at(-1)[1]);
    show();
  };
  panel.onkeydown = (event) => {
    if (event.key === "Escape") openUnit(null);
    else if (event.target.tagName !== "INPUT" && event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.stopPropagation(); // the page's own shortcuts do not fire
  };

  // ---- drawing points ----
  const ERASE = -1;

  function updateDrawing() {
    tools.hidden = !data.drawing;
    find(".legend").hidden = Boolean(data.drawing);
    map.classList.toggle("drawing", Boolean(data.drawing));
    map.setAttribute("role", data.drawing ? "application" : "img");
    if (!data.drawing) return;
    if (data.drawing.revision >= drawing.revision && !stroke) {
      drawing.own = data.drawing.points;
      drawing.revision = data.drawing.revision;
      drawing.isPending = false;
    }
    const wanted = JSON.stringify([data.drawing.classes, data.colors.palette]);
    if (tools.dataset.content !== wanted) {
      tools.dataset.content = wanted;
      tools.replaceChildren();
      const choices = htmlElement("span", {}, tools);
      choices.setAttribute("role", "radiogroup");
      choices.setAttribute("aria-label", "What to draw");
      choices.className = "choices";
      const choice = (value, text, color) => {
        const button = htmlElement("button", { type: "button" }, choices);
        if (color) htmlElement("i", {}, button).style.background = color;
        button.append(text);
        button.setAttribute("role", "radio");
        button.dataset.choice = value;
        button.onclick = () => choose(value);
      };
      data.drawing.classes.forEach((name, k) => choice(k, name, colors.palette[k]));
      choice(ERASE, "Erase");
      const tool = (name, label, path, onclick) => {
        const button = htmlElement("button", { type: "button", className: name, title: label, onclick }, tools);
        button.setAttribute("aria-label", label);
        svgElement("path", { d: path }, svgElement("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, button));
      };
      tool("undo", "Undo", UNDO_ICON, undoStroke);
      tool("clear", "Clear all points", CLEAR_ICON, clearPoints);
    }
    choose(drawing.choice);
  }
  function choose(value) {
    drawing.choice = value;
    for (const button of tools.querySelectorAll("[data-choice]")) {
      const isChosen = Number(button.dataset.choice) === value;
      button.setAttribute("aria-checked", String(isChosen));
    }
    showToolState();
  }
  function showToolState() {
    if (tools.hidden || !tools.querySelector(".undo")) return;
    tools.querySelector(".undo").disabled = !drawing.undo.length;
    tools.querySelector(".clear").disabled = !drawing.own.length;
  }
  function change(own) {
    drawing.own = own;
    drawing.isPending = true;
    showToolState();
    showMap();
  }
  function submit() {
    drawing.revision += 1;
    python.setStateValue("drawn", { revision: drawing.revision, points: drawing.own });
    find(".said").textContent = `${drawing.own.length} points.`;
    showToolState();
  }
  function keepForUndo() {
    drawing.undo.push(drawing.own);
    drawing.undo.splice(0, drawing.undo.length - 50);
  }
  function undoStroke() {
    change(drawing.undo.pop());
    submit();
  }
  function clearPoints() {
    keepForUndo();
    change([]);
    submit();
  }
  /** Add a point of the chosen class, or erase the points around it. */
  function mark(x, y) {
    const rounded = [x, y].map((value) => Math.round(Math.max(-LIMIT, Math.min(LIMIT, value)) * 100) / 100);
    if (drawing.choice === ERASE) {
      const kept = drawing.own.filter(([px, py]) => Math.hypot(px - x, py - y) > ERASER);
      if (kept.length < drawing.own.length) change(kept);
    } else if (drawing.own.length < data.drawing.max) change([...drawing.own, [...rounded, drawing.choice]]);
    else find(".said").textContent = `There is room for ${data.drawing.max} points. Erase some first.`;
  }
  function positionOf(event) {
    const box = map.getBoundingClientRect();
    return frame().fromPixels(event.clientX - box.left, event.clientY - box.top);
  }
  map.addEventListener("pointerdown", (event) => {
    if (!data.drawing || event.button !== 0) return;
    const [x, y] = positionOf(event);
    if (Math.abs(x) > LIMIT || Math.abs(y) > LIMIT) return;
    event.preventDefault();
    map.setPointerCapture(event.pointerId);
    map.focus({ preventScroll: true });
    hideTip();
    keepForUndo();
    stroke = { id: event.pointerId, last: [x, y] };
    drawing.cursor = [x, y];
    mark(x, y);
  });
  map.addEventListener("pointermove", (event) => {
    if (!stroke) return event.pointerType === "mouse" && points && flat.length ? showValue(event) : undefined;
    if (event.pointerId !== stroke.id) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) {
      const [x, y] = positionOf(each);
      if (Math.abs(x) > LIMIT || Math.abs(y) > LIMIT) continue;
      if (drawing.choice !== ERASE && Math.hypot(x - stroke.last[0], y - stroke.last[1]) < GAP) continue;
      stroke.last = [x, y];
      mark(x, y);
    }
  });
  function endStroke(event) {
    if (!stroke || event.pointerId !== stroke.id) return;
    stroke = null;
    if (drawing.own === drawing.undo.at(-1)) drawing.undo.pop();
    else submit();
  }
  map.addEventListener("pointerup", endStroke);
  map.addEventListener("pointercancel", endStroke);
  map.addEventListener("pointerleave", hideTip);
  curvesPlace.onpointermove = (event) => {
    const { clientWidth: width, clientHeight: height } = curvesPlace;
    const text = data && curveValues(data.curves, width, height, event.clientX - curvesPlace.getBoundingClientRect().left);
    if (text) showTip(event, text);
  };
  curvesPlace.onpointerleave = hideTip;
  map.addEventListener("focus", () => data?.drawing && showMap());
  map.addEventListener("blur", () => data?.drawing && showMap());
  map.addEventListener("keydown", (event) => {
    if (!data.drawing || event.ctrlKey || event.altKey || event.metaKey) return;
    const step = event.shiftKey ? 1 : 0.25, [x, y] = drawing.cursor;
    const move = (dx, dy) => {
      drawing.cursor = [x + dx * step, y + dy * step].map((value) => Math.max(-LIMIT, Math.min(LIMIT, value)));
      find(".said").textContent = `x ${number(drawing.cursor[0])}, y ${number(drawing.cursor[1])}`;
      showMap();
    };
    const put = (choice) => {
      const before = drawing.choice;
      keepForUndo();
      drawing.choice = choice;
      mark(x, y);
      drawing.choice = before;
      if (drawing.own === drawing.undo.at(-1)) drawing.undo.pop();
      else submit();
    };
    const actions = {
      ArrowLeft: () => move(-1, 0), ArrowRight: () => move(1, 0), ArrowUp: () => move(0, 1), ArrowDown: () => move(0, -1),
      Enter: () => put(drawing.choice), " ": () => put(drawing.choice), Delete: () => put(ERASE), Backspace: () => put(ERASE),
    };
    const digit = Number(event.key) - 1;
    if (digit >= 0 && digit < data.drawing.classes.length) choose(digit);
    else if (actions[event.key]) actions[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation(); // the page's own shortcuts do not fire
  });

  plane.activationsAt = (xs, ys) => forward(layers(), featureColumns(data.features, xs, ys), options()).map((layer) => layer.map((column) => [...column]));
  const resized = new ResizeObserver(layout);
  resized.observe(plane);
  resized.observe(map);
  return {
    update,
    close() {
      clearTimeout(timer);
      resized.disconnect();
      mounted.delete(root);
    },
  };
}
