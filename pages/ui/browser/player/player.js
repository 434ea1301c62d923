// Plays a recorded run: the generated text and the loss curve, one epoch after the other.

const SVG = "http://www.w3.org/2000/svg";
const FRAME_MS = 120, END_MS = 5000;
const PLAY = "M7 4v16l13-8z", PAUSE = "M6 5h4v14H6zM14 5h4v14h-4z";
const mounted = new WeakMap();

export default function ({ data, parentElement }) {
  if (!mounted.has(parentElement)) mounted.set(parentElement, makePlayer(parentElement, data));
  return mounted.get(parentElement);
}

function element(name, attributes, parent, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return parent.appendChild(made);
}

function makePlayer(root, { sentence, texts, losses, guessing }) {
  const find = (selector) => root.querySelector(selector);
  const button = find("button"), text = find(".text"), svg = find(".curve");
  const last = losses.length - 1, highest = Math.max(...losses, guessing) * 1.02;
  const longest = Math.max(sentence.length, ...texts.map((characters) => characters.length));
  const letters = Array.from({ length: longest }, () => text.appendChild(document.createElement("span")));
  let epoch = 0, timer = null, line, point, place;

  function axes() {
    const { clientWidth: width, clientHeight: height } = svg;
    if (!width) return;
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);  // one unit is one pixel: text keeps its size
    const font = Math.min(26, Math.max(18, width / 60)), left = font * 2.2, top = font * 1.2;
    const bottom = height - font * 1.5, isNarrow = width < 700;
    svg.setAttribute("font-size", font);
    const level = (loss) => bottom - (loss / highest) * (bottom - top);
    place = (at) => [left + (at / last) * (width - left - font), level(losses[at])];
    element("text", { x: 0, y: font * 0.8 }, svg, isNarrow ? "loss" : "loss: 0 is perfect");
    element("path", { class: "axis", fill: "none", d: `M${left} ${top} V${bottom} H${width}` }, svg);
    for (const loss of [0, 1, 2, 3])
      element("text", { x: left - 8, y: level(loss) + font * 0.35, "text-anchor": "end" }, svg, loss);
    for (const at of [0, 25, 50, 75, 100].filter((at) => at <= last + 1))
      element("text", { x: place(Math.min(at, last))[0], y: height - font * 0.3, "text-anchor": "middle" }, svg,
        at === 0 ? "1" : at);
    element("path", { class: "guessing", d: `M${left} ${level(guessing)} H${width}` }, svg);
    element("text", { x: width, y: level(guessing) + font * 1.2, "text-anchor": "end" }, svg, "pure guessing");
    element("text", { x: width, y: bottom - font * 1.1, "text-anchor": "end" }, svg, 
      isNarrow ? "epoch" : "epoch: one pass over the sentence");
    line = element("polyline", { class: "line" }, svg);
    point = element("circle", { class: "point", r: 7 }, svg);
    show();
  }

  function show() {
    const written = texts[epoch];
    letters.forEach((letter, index) => {
      letter.textContent = written[index] ?? " ";
      letter.className = written[index] === undefined ? "" : written[index] === sentence[index] ? "correct" : "wrong";
    });
    find(".epoch").textContent = `Epoch ${epoch + 1}, loss ${losses[epoch].toFixed(2)}`;
    if (!place) return;
    const points = losses.slice(0, epoch + 1).map((_, at) => place(at));
    line.setAttribute("points", points.map((xy) => xy.join(",")).join(" "));
    point.setAttribute("cx", points.at(-1)[0]);
    point.setAttribute("cy", points.at(-1)[1]);
  }

  function tick() {
    const isOver = epoch === last;
    epoch = isOver ? 0 : epoch + 1;
    show();
    timer = setTimeout(tick, epoch === last ? END_MS : FRAME_MS);
  }
  function play() {
    timer = setTimeout(tick, FRAME_MS);
    showButton();
  }
  function pause() {
    clearTimeout(timer);
    timer = null;
    showButton();
  }
  function showButton() {
    button.querySelector("path").setAttribute("d", timer === null ? PLAY : PAUSE);
    button.querySelector("span").textContent = timer === null ? "Play" : "Pause";
  }
  button.onclick = () => (timer === null ? play() : pause());

  text.setAttribute("aria-label",
    `A recorded run: the network first writes “${texts[0].join("").slice(0, 10)}…”, and after ${losses.length} epochs ` +
    `“${texts[last].join("")}”.`);
  svg.setAttribute("aria-label",
    `Loss curve: it falls from ${losses[0].toFixed(2)} to ${losses[last].toFixed(2)} in ${losses.length} epochs.`);
  const resized = new ResizeObserver(axes);
  resized.observe(svg);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    epoch = last;
    showButton();
  } else {
    play();
  }
  show();
  return () => {
    clearTimeout(timer);
    resized.disconnect();
    mounted.delete(root);
  };
}
