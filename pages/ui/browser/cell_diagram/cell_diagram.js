// The cell, drawn. Everything happens in the browser: all values of the sentence are in `data`, in thousandths.

const SVG = "http://www.w3.org/2000/svg";
const STAGES = ["read", "forget", "write", "show"];
const STAGE_MS = 1800, CHARACTER_MS = 900;
const PLAY = "M7 4v16l13-8z", PAUSE = "M6 5h4v14H6zM14 5h4v14h-4z";
const GATES = ["forget", "input", "output"];  // a mean of values of both signs would say little
const BOXES = [  // name, short label, stage in which it gets its value
  ["forget", "forget f", 0], ["input", "input i", 0], ["candidate", "candidate g", 0], ["output", "output o", 0],
  ["cell_before", "c before", -1], ["cell", "c", 2], ["hidden_before", "h before", -1], ["hidden", "h", 3],
];

// Positions of the boxes (centre, top), operations, texts and wires, for a wide screen and for a phone.
const WIDE = {
  width: 1000, height: 350, font: 23.5, square: 15, columns: 8, box: 148,
  boxes: {
    cell_before: [74, 0], cell: [926, 0], hidden_before: [74, 172], hidden: [926, 172],
    forget: [242, 172], input: [398, 172], candidate: [554, 172], output: [710, 172],
  },
  operations: { forget: [242, 60, "×"], add: [476, 60, "+"], write: [476, 136, "×"], show: [818, 148, "×"] },
  notes: { kept: [359, 48, "middle"], written: [496, 110, "start"], tanh: [938, 158, "start"] },
  letter: [74, 328], prediction: [1000, 340, "end"],
  wires: [
    ["read", "M102 326 H710", false], ["read", "M148 250 H158 V326", false],
    ["read", "M242 326 V299"], ["read", "M398 326 V299"], ["read", "M554 326 V299"], ["read", "M710 326 V299"],
    ["forget", "M148 60 H226"], ["forget", "M242 172 V77"], ["forget", "M257 60 H460"],
    ["write", "M398 172 V136 H460"], ["write", "M554 172 V136 H492"], ["write", "M476 121 V77"],
    ["write", "M491 60 H850"],
    ["show", "M710 172 V148 H802"], ["show", "M926 126 V148 H834"], ["show", "M818 163 V240 H850"],
    ["show", "M926 298 V316"],
  ],
};
const NARROW = {
  width: 408, height: 536, font: 19, square: 11, columns: 8, box: 94,
  boxes: {
    cell_before: [48, 0], cell: [300, 0], hidden_before: [148, 398], hidden: [340, 398],
    forget: [48, 226], input: [148, 226], candidate: [248, 226], output: [348, 226],
  },
  operations: { forget: [48, 144, "×"], add: [198, 144, "+"], write: [198, 194, "×"], show: [348, 194, "×"] },
  notes: { kept: [123, 136, "middle"], written: [211, 174, "start"], tanh: [354, 150, "start"] },
  letter: [58, 445], prediction: [408, 534, "end"],
  wires: [
    ["read", "M58 424 V366", false], ["read", "M148 398 V366", false], ["read", "M48 366 H348", false],
    ["read", "M48 366 V344"], ["read", "M148 366 V344"], ["read", "M248 366 V344"], ["read", "M348 366 V344"],
    ["forget", "M48 98 V128"], ["forget", "M48 226 V161"], ["forget", "M63 144 H182"],
    ["write", "M148 226 V194 H182"], ["write", "M248 226 V194 H214"], ["write", "M198 179 V161"],
    ["write", "M213 144 H234 V56 H252"],
    ["show", "M348 226 V211"], ["show", "M330 98 V132 H348 V178"], ["show", "M363 194 H402 V384 H340 V397"],
    ["show", "M340 496 V514"],
  ],
};

const remembered = { step: 0, unit: 0, pace: "stage" };  // kept while the page is open, also on another tab
const mounted = new WeakMap();

export default function ({ data, parentElement }) {
  let view = mounted.get(parentElement);
  if (!view) mounted.set(parentElement, (view = makeView(parentElement)));
  view.update(data);
  return view.close;
}

function number(thousandths) {
  return thousandths === null ? "–" : (thousandths / 1000).toFixed(2).replace("-", "−").replace("−0.00", "0.00");
}

function factor(thousandths) {
  return thousandths < 0 ? `(${number(thousandths)})` : number(thousandths);
}

function element(name, attributes, parent, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return parent.appendChild(made);
}

function makeView(root) {
  const find = (selector) => root.querySelector(selector);
  const cell = find(".cell"), svg = find(".diagram svg"), diagram = find(".diagram");
  const strip = find(".strip"), unitSelect = find(".unit"), paceSelect = find(".pace"), play = find(".play");
  const state = remembered;
  let data, layout, parts, cellLimit, timer = null;

  const byCharacter = () => state.pace === "character";
  const last = () => data.inputs.length * STAGES.length - 1;
  const character = () => Math.floor(state.step / STAGES.length);
  const stage = () => (byCharacter() ? STAGES.length - 1 : state.step % STAGES.length);

  function update(newData) {
    data = newData;
    state.step = Math.min(state.step, last());
    const units = data.values.cell[0].length;
    state.unit = Math.min(state.unit, units - 1);
    if (unitSelect.length !== units) unitSelect.replaceChildren(...Array.from({ length: units }, (_, unit) => new Option(unit, unit)));
    paceSelect.value = state.pace;
    strip.replaceChildren(...data.inputs.map((text, index) => {
      const letter = document.createElement("span");
      letter.textContent = text;
      letter.onclick = () => { stop(); goTo(index * STAGES.length); };
      return letter;
    }));
    const sizes = data.values.cell.flat().map(Math.abs).sort((a, b) => a - b);
    cellLimit = Math.max(1000, sizes[Math.floor(0.9 * (sizes.length - 1))]);  // larger values have the same colour
    find(".code").replaceChildren(...data.code.map(({ number: line, text }) => {
      const item = document.createElement("li");
      item.title = `core/memorize/lstm.py, line ${line}`;
      item.textContent = text;
      return item;
    }));
    layout = null;
    draw();
  }

  // ---- movement ----
  function goTo(step) {
    state.step = Math.max(0, Math.min(step, last()));
    show();
  }
  function move(direction, wholeCharacter = byCharacter()) {
    if (!wholeCharacter) return goTo(state.step + direction);
    const target = character() + direction;
    if (target >= 0 && target < data.inputs.length) goTo(target * STAGES.length);
  }
  function atEnd() {
    return byCharacter() ? character() === data.inputs.length - 1 : state.step === last();
  }
  function stop() {
    clearInterval(timer);
    timer = null;
    showPlay();
  }
  function start() {
    if (atEnd()) state.step = 0;
    timer = setInterval(() => { atEnd() ? stop() : move(1); }, byCharacter() ? CHARACTER_MS : STAGE_MS);
    show();
    showPlay();
  }
  function toggle() { timer === null ? start() : stop(); }
  function showPlay() {
    play.querySelector("path").setAttribute("d", timer === null ? PLAY : PAUSE);
    play.querySelector("span").textContent = timer === null ? "Play" : "Pause";
    cell.classList.toggle("still", timer === null);
  }

  find(".previous").onclick = () => { stop(); move(-1); };
  find(".next").onclick = () => { stop(); move(1); };
  play.onclick = toggle;
  paceSelect.onchange = () => {
    state.pace = paceSelect.value;
    state.step -= state.step % STAGES.length;
    if (timer !== null) { stop(); start(); } else show();
  };
  unitSelect.onchange = () => { state.unit = Number(unitSelect.value); show(); };
  diagram.onkeydown = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const actions = {
      ArrowRight: () => { stop(); move(1, event.shiftKey || byCharacter()); },
      ArrowLeft: () => { stop(); move(-1, event.shiftKey || byCharacter()); },
      Home: () => { stop(); goTo(0); },
      End: () => { stop(); goTo(byCharacter() ? last() - STAGES.length + 1 : last()); },
      " ": toggle,
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    event.stopPropagation();  // the page's own shortcuts do not fire
    actions[event.key]();
  };

  // ---- drawing: the diagram is built once per layout, then only its values change ----
  function draw() {
    if (!data || !cell.clientWidth) return;
    const wanted = cell.clientWidth < 700 ? NARROW : WIDE;
    if (wanted !== layout) build((layout = wanted));
    show();
  }
  function build({ width, height, font, square, columns, box, boxes, operations, notes, letter, prediction, wires }) {
    svg.replaceChildren();
    const isNarrow = layout === NARROW;
    svg.setAttribute("viewBox", `-2 -2 ${width + 4} ${height + 4}`);
    svg.setAttribute("font-size", font);
    parts = { boxes: {}, wires: [], operations: {}, notes: {} };
    for (const [lights, path, hasHead = true] of wires) {
      const wire = element("path", { d: path, class: "wire" }, svg);
      parts.wires.push([lights, wire]);
      if (hasHead) {
        const end = wire.getPointAtLength(wire.getTotalLength());
        const before = wire.getPointAtLength(wire.getTotalLength() - 1);
        const angle = (Math.atan2(end.y - before.y, end.x - before.x) * 180) / Math.PI;
        const head = element("path", { d: "M2 0 L-10 -7 V7 Z", class: "head",
          transform: `translate(${end.x} ${end.y}) rotate(${angle})` }, svg);
        parts.wires.push([lights, head]);
      }
    }
    const units = data.values.cell[0].length, rows = Math.ceil(Math.min(units, 32) / columns);
    for (const [name, label, from] of BOXES) {
      const [centre, top] = boxes[name];
      const group = element("g", {}, svg), left = centre - box / 2;
      const gridTop = top + font * 1.25, gridLeft = centre - (Math.min(units, columns) * square) / 2;
      const isGate = GATES.includes(name), lines = isNarrow && (isGate || name === "candidate") ? 3 : 2;
      const height = 4 * square + lines * 1.2 * font + 8;
      element("rect", { class: "frame", x: left, y: top, width: box, height, rx: 6 }, group);
      const short = isNarrow && name === "candidate" ? "cand. g" : label;
      element("text", { class: "name", x: centre, y: top + font, "text-anchor": "middle" }, group, short);
      const squares = Array.from({ length: units }, (_, unit) => {
        const made = element("rect", {
          class: "square", width: square - 2, height: square - 2, "data-unit": unit,
          x: gridLeft + (unit % columns) * square + 1,
          y: gridTop + Math.floor(unit / columns) * square + 1 + ((4 - rows) * square) / 2,
        }, group);
        made.onclick = () => { state.unit = unit; show(); };
        return made;
      });
      const line = gridTop + 4 * square + font * 0.95;
      const value = element("text", { class: "value", y: line, x: isNarrow || !isGate ? centre : left + 8,
        "text-anchor": isNarrow || !isGate ? "middle" : "start" }, group);
      const mean = isGate && element("text", { class: "mean", y: isNarrow ? line + font * 1.1 : line,
        x: isNarrow ? centre : left + box - 8, "text-anchor": isNarrow ? "middle" : "end" }, group);
      parts.boxes[name] = { group, squares, value, mean, from };
    }
    for (const [name, [x, y, sign]] of Object.entries(operations)) {
      const group = element("g", {}, svg);
      element("circle", { cx: x, cy: y, r: 15 }, group);
      element("text", { x, y: y + font * 0.33, "text-anchor": "middle", class: "value" }, group, sign);
      parts.operations[name] = group;
    }
    for (const [name, [x, y, anchor]] of Object.entries(notes))
      parts.notes[name] = element("text", { x, y, "text-anchor": anchor }, svg, name === "tanh" ? "tanh" : "");
    const x = element("g", {}, svg);
    element("rect", { class: "frame", x: letter[0] - 28, y: letter[1] - 22, width: 56, height: 40, rx: 6 }, x);
    parts.letter = element("text", { class: "letter", x: letter[0], y: letter[1] + font * 0.2,
      "text-anchor": "middle", "font-size": font * 1.2 }, x);
    element("text", { class: "name", x: letter[0] - 34, y: letter[1] + font * 0.2, "text-anchor": "end" }, x, "x");
    parts.x = x;
    parts.prediction = element("text", { x: prediction[0], y: prediction[1], "text-anchor": prediction[2] }, svg);
  }

  // ---- the current step ----
  function values(name, at) {
    if (name === "cell_before" || name === "hidden_before") {
      const of = data.values[name.split("_")[0]];
      return at ? of[at - 1] : of[0].map(() => 0);
    }
    return data.values[name][at];
  }
  function show() {
    if (!layout) return;
    const at = character(), now = stage(), unit = state.unit;
    const lit = (name) => byCharacter() || STAGES[now] === name;
    for (const [name, { group, squares, value, mean, from }] of Object.entries(parts.boxes)) {
      const isKnown = from <= now, all = values(name, at);
      const limit = name.startsWith("cell") ? cellLimit : 1000;
      squares.forEach((square, index) => {
        const v = isKnown && all[index] !== null ? all[index] / limit : 0;
        square.setAttribute("fill", v < 0 ? "var(--negative)" : "var(--positive)");
        square.setAttribute("fill-opacity", Math.min(1, Math.abs(v)).toFixed(3));
        square.classList.toggle("chosen", index === unit);
      });
      value.textContent = isKnown ? number(all[unit]) : "";
      if (mean) mean.textContent = isKnown ? `avg ${number(data.means[name][at])}` : "";
    }
    const uses = {
      read: ["forget", "input", "candidate", "output", "hidden_before"], forget: ["cell_before", "forget"],
      write: ["input", "candidate", "cell"], show: ["output", "cell", "hidden"],
    };
    for (const [name, { group }] of Object.entries(parts.boxes))
      group.classList.toggle("lit", STAGES.some((s) => lit(s) && uses[s].includes(name)));
    for (const [name, group] of Object.entries(parts.operations))
      group.classList.toggle("lit", lit(name === "add" ? "write" : name));
    parts.x.classList.toggle("lit", lit("read"));
    for (const [name, wire] of parts.wires) wire.classList.toggle("lit", lit(name));

    const [f, i, g, o, c, h, before] =
      ["forget", "input", "candidate", "output", "cell", "hidden", "cell_before"].map((name) => values(name, at)[unit]);
    const product = (a, b) => (a === null || b === null ? null : (a * b) / 1000);
    const kept = product(f, before), written = product(i, g);
    parts.notes.kept.textContent = now >= 1 ? `kept ${number(kept)}` : "";
    parts.notes.written.textContent = now >= 2 ? `written ${number(written)}` : "";
    parts.letter.textContent = data.inputs[at];
    const isCorrect = data.predictions[at] === data.targets[at];
    const guess = `“${data.predictions[at]}” ${Math.round(data.probabilities[at] / 10)} %`;
    const to = data.isLastLayer ? `next: ${guess} ${isCorrect ? "✓" : "✗"}` : "to the next layer";
    parts.prediction.textContent = now === 3 ? to : "";
    const outcome = data.isLastLayer
      ? `The network predicts ${guess}; ${isCorrect ? "this is correct" : `“${data.targets[at]}” is correct`}.`
      : "The next layer reads h.";
    const sum = `${number(kept)} + ${factor(written)} ≈ ${number(c)}`;
    const says = {
      read: ["Read", "The character x and the h before set the gates, 0 (closed) to 1 (open), and the candidate g.",
        `f = σ(Wx + Uh + b) = ${number(f)}; i, o likewise; g: tanh`],
      forget: ["Forget", "The forget gate f is the fraction of the cell state c, its memory, that a unit keeps.",
        `f · c = ${number(f)} · ${factor(before)} ≈ ${number(kept)}`],
      write: ["Write", "The input gate i is the fraction of the candidate g that a unit adds to its cell state.",
        `i · g = ${number(i)} · ${factor(g)} ≈ ${number(written)};  c = ${sum}`],
      show: ["Show", "The output gate o is the fraction of its cell state that a unit shows in h.",
        `h = o · tanh(c) = ${number(o)} · tanh(${number(c)}) ≈ ${number(h)}`],
    };
    let [title, sentence, formula] = says[STAGES[now]];
    if (byCharacter()) {
      [title, sentence] = [`Character ${at + 1} of ${data.inputs.length}`, outcome];
      formula = `c = ${number(f)} · ${factor(before)} + ${number(i)} · ${factor(g)} ≈ ${number(c)};  ` +
        `h = ${number(o)} · tanh(c) ≈ ${number(h)}`;
    }
    find(".title").textContent = `${title}.`;
    find(".sentence").textContent = sentence;
    find(".formula").textContent = `Unit ${unit}: ${formula}`;
    let found = false;  // a low screen shows only the first line of the stage
    [...find(".code").children].forEach((item, index) => {
      const { text, marks } = data.code[index];
      const spans = STAGES.filter((s) => lit(s) && marks[s]).map((s) => marks[s]).sort((a, b) => a[0] - b[0]);
      item.classList.toggle("lit", spans.length > 0);
      item.classList.toggle("main", Boolean(marks[byCharacter() ? "write" : STAGES[now]]) && !found);
      found ||= item.classList.contains("main");
      const pieces = [];
      let from = 0;
      for (const [begin, end] of spans) {
        const mark = document.createElement("mark");
        mark.textContent = text.slice(begin, end);
        pieces.push(text.slice(from, begin), mark);
        from = end;
      }
      item.replaceChildren(...pieces, text.slice(from));
    });
    unitSelect.value = unit;

    [...strip.children].forEach((letter, index) => {
      letter.classList.toggle("now", index === at);
      letter.classList.toggle("target", index === at + 1);
    });
    const current = strip.children[at];
    strip.scrollLeft = current.offsetLeft - strip.clientWidth / 2 + current.offsetWidth / 2;
    diagram.setAttribute("aria-valuemax", byCharacter() ? data.inputs.length : last() + 1);
    diagram.setAttribute("aria-valuenow", (byCharacter() ? at : state.step) + 1);
    diagram.setAttribute("aria-valuetext",
      `Character ${at + 1} of ${data.inputs.length}: ${data.inputs[at]}. ` +
      `${byCharacter() ? "" : `${title}. `}${sentence} ${now === 3 && !byCharacter() ? outcome : ""} Unit ${unit}: ${formula}`);
  }

  const resized = new ResizeObserver(draw);
  resized.observe(cell);
  showPlay();
  return {
    update,
    close() {
      clearInterval(timer);
      resized.disconnect();
      mounted.delete(root);
    },
  };
}
