const LEFT = 70, TOP = 14, WIDTH = 556, HEIGHT = 262;
const SVG = "http://www.w3.org/2000/svg";

/** The heights of each mounted chart: fractions of the y axis, null where nothing is drawn. */
const drawings = new WeakMap();

export default function (component) {
  const { data, parentElement: root, setTriggerValue } = component;
  const find = (name) => root.querySelector(`.${name}`);
  const chart = find("chart");
  const { points, x_max, y_max } = data;
  const begin = () => ({ heights: data.curve?.map((y) => (y === null ? null : y / y_max)) ?? Array(points).fill(null) });
  let drawing = drawings.get(root);
  if (!drawing || drawing.heights.length !== points) drawings.set(root, (drawing = begin()));
  const { heights } = drawing;

  const x = (i) => LEFT + (WIDTH * i) / (points - 1);
  const y = (height) => TOP + HEIGHT * (1 - height);
  const label = (value) => value.toLocaleString("en", { maximumSignificantDigits: 3 });

  function drawAxes() {
    const grid = find("grid");
    grid.replaceChildren();
    const add = (name, attributes, text) => {
      const element = document.createElementNS(SVG, name);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
      if (text !== undefined) element.textContent = text;
      grid.append(element);
    };
    for (let i = 0; i <= 4; i++) {
      const px = LEFT + (WIDTH * i) / 4, py = TOP + (HEIGHT * (4 - i)) / 4;
      add("line", { x1: px, x2: px, y1: TOP, y2: TOP + HEIGHT, class: i ? "" : "axis" });
      add("line", { x1: LEFT, x2: LEFT + WIDTH, y1: py, y2: py, class: i ? "" : "axis" });
      add("text", { x: px, y: TOP + HEIGHT + 20, "text-anchor": i === 4 ? "end" : "middle" }, label((x_max * i) / 4));
      add("text", { x: LEFT - 8, y: py + 6, "text-anchor": "end" }, label((y_max * i) / 4));
    }
    find("x-title").textContent = data.x_title;
    find("y-title").textContent = data.y_title;
  }

  function draw() {
    let path = "", pen = "M";
    heights.forEach((height, i) => {
      if (height === null) pen = "M";
      else {
        path += `${pen}${x(i).toFixed(1)} ${y(height).toFixed(1)}`;
        pen = "L";
      }
    });
    find("curve").setAttribute("d", path);
    const drawn = heights.filter((height) => height !== null).length;
    find("send").disabled = drawn < 2;
    find("clear").disabled = drawn === 0;
    find("send").textContent = data.label;
  }

  const clamp = (value, high) => Math.max(0, Math.min(high, value));
  const place = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
    return [clamp(((point.x - LEFT) / WIDTH) * (points - 1), points - 1), clamp(1 - (point.y - TOP) / HEIGHT, 1)];
  };
  /** Set all heights between two places, on a straight line. */
  const connect = ([x0, y0], [x1, y1]) => {
    for (let i = Math.round(Math.min(x0, x1)); i <= Math.round(Math.max(x0, x1)); i++)
      heights[i] = x0 === x1 ? y1 : y0 + (y1 - y0) * clamp((i - x0) / (x1 - x0), 1);
  };
  let last = null;
  chart.onpointerdown = (event) => {
    chart.setPointerCapture(event.pointerId);
    last = place(event);
    connect(last, last);
    draw();
  };
  chart.onpointermove = (event) => {
    if (!last) return;
    const now = place(event);
    connect(last, now);
    last = now;
    draw();
  };
  chart.onpointerup = chart.onpointercancel = () => (last = null);

  // with the keyboard: left and right move a cursor, which draws; up and down change its height
  chart.onkeydown = (event) => {
    drawing.at ??= [0, 0.5];
    const [at, height] = drawing.at;
    const moved = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 0.05], ArrowDown: [0, -0.05] }[event.key];
    if (!moved) return;
    event.preventDefault();
    event.stopPropagation();
    drawing.at = [clamp(at + moved[0], points - 1), clamp(height + moved[1], 1)];
    connect([drawing.at[0], drawing.at[1]], drawing.at);
    const cursor = find("cursor");
    cursor.setAttribute("visibility", "visible");
    cursor.setAttribute("cx", x(drawing.at[0]));
    cursor.setAttribute("cy", y(drawing.at[1]));
    draw();
  };

  find("clear").onclick = () => {
    heights.fill(null);
    draw();
  };
  find("send").onclick = () => {
    setTriggerValue("curve", heights.map((height) => (height === null ? null : height * y_max)));
  };
  drawAxes();
  draw();
}
