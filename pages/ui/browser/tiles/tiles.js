const SVG = "http://www.w3.org/2000/svg";
const CURVE = { width: 84, height: 26 };

/** For each mounted grid: its tiles by student, and the order that the teacher has chosen. */
const memories = new WeakMap();

const ORDERS = {
  help: (a, b) => b.help - a.help,
  name: () => 0,
  place: (a, b) => a.place.localeCompare(b.place),
  progress: (a, b) => fraction(b) - fraction(a),
  accuracy: (a, b) => (b.accuracy ?? -1) - (a.accuracy ?? -1),
  exercises: (a, b) => b.solved - a.solved,
  idle: (a, b) => b.idle - a.idle,
};
const fraction = (tile) => (tile.total ? tile.epochs / tile.total : -1);

export default function (component) {
  const { data, parentElement: root, setTriggerValue } = component;
  const find = (name) => root.querySelector(`.${name}`);
  let memory = memories.get(root);
  if (!memory) memories.set(root, (memory = { tiles: new Map(), order: "help" }));
  Object.assign(memory, { data, setTriggerValue });

  const setText = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  function create(id) {
    const tile = document.createElement("div");
    tile.className = "tile";
    tile.setAttribute("role", "listitem");
    tile.innerHTML = `<div class="head"><button class="name" type="button"></button>
      <button class="hand" type="button" hidden title="Help was given">help</button>
      <button class="star" type="button" title="Show this run on the projector">☆</button></div>
      <div class="place"></div>
      <div class="body"><svg class="curve" viewBox="0 0 ${CURVE.width} ${CURVE.height}" preserveAspectRatio="none"
        aria-hidden="true"><polyline/></svg><span class="percent"></span><span class="dots"></span></div>
      <div class="state"></div>`;
    tile.querySelector(".name").onclick = () => memory.setTriggerValue("open", tile.run);
    tile.querySelector(".star").onclick = () => memory.setTriggerValue("star", tile.run);
    tile.querySelector(".hand").onclick = () => memory.setTriggerValue("help", id);
    return tile;
  }

  function update(tile, shown) {
    const part = (name) => tile.querySelector(`.${name}`);
    const starred = shown.run !== "" && shown.run === memory.data.starred;
    tile.run = shown.run;
    tile.classList.toggle("help", shown.help);
    tile.classList.toggle("starred", starred);
    tile.classList.toggle("idle", Boolean(shown.idleText));
    setText(part("name"), shown.name);
    part("name").title = shown.run ? "Look at this run" : "";
    part("name").disabled = !shown.run;
    part("hand").hidden = !shown.help;
    part("hand").className = `hand${shown.help ? " called" : ""}`;
    part("hand").setAttribute("aria-label", `${shown.name} calls for help. Press when it was given.`);
    part("star").hidden = !shown.run;
    setText(part("star"), starred ? "★" : "☆");
    part("star").setAttribute("aria-pressed", String(starred));
    part("star").setAttribute("aria-label", `Show the run of ${shown.name} on the projector`);
    setText(part("place"), shown.place);
    setText(part("percent"), shown.accuracy === null ? "" : `${Math.floor(100 * shown.accuracy)} %`);
    part("percent").title = shown.kind === "memorize" ? "Correct characters" : "Validation accuracy";
    const progress = shown.run ? `${shown.status} · ${shown.epochs} of ${shown.total}` : "No run yet";
    setText(part("state"), shown.idleText || progress);
    part("state").title = progress;
    const high = Math.max(...shown.points.map(([, loss]) => loss), 1e-9);
    const end = Math.max(shown.total, 1);
    const points = shown.points.map(
      ([epoch, loss]) => `${((CURVE.width * epoch) / end).toFixed(1)},${(2 + (CURVE.height - 4) * (1 - loss / high)).toFixed(1)}`,
    );
    tile.querySelector("polyline").setAttribute("points", points.join(" "));
    const dots = part("dots");
    const wanted = JSON.stringify(shown.exercises);
    if (dots.dataset.shown !== wanted) {
      dots.dataset.shown = wanted;
      dots.replaceChildren(
        ...shown.exercises.map(([name, solved]) => {
          const dot = document.createElement("span");
          dot.className = `dot${solved ? " solved" : ""}`;
          dot.title = `${name}: ${solved ? "solved" : "tried"}`;
          return dot;
        }),
      );
      dots.setAttribute("aria-label", `${shown.solved} exercises solved`);
    }
  }

  function draw() {
    setText(find("summary"), memory.data.summary);
    find("empty").hidden = memory.data.tiles.length > 0;
    setText(find("empty"), memory.data.empty);
    const byName = (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true });
    const sorted = [...memory.data.tiles].sort((a, b) => ORDERS[memory.order](a, b) || byName(a, b));
    const grid = find("grid");
    const present = new Set(sorted.map((shown) => shown.id));
    for (const [id, tile] of memory.tiles)
      if (!present.has(id)) {
        tile.remove();
        memory.tiles.delete(id);
      }
    sorted.forEach((shown, place) => {
      let tile = memory.tiles.get(shown.id);
      if (!tile) memory.tiles.set(shown.id, (tile = create(shown.id)));
      update(tile, shown);
      if (grid.children[place] !== tile) grid.insertBefore(tile, grid.children[place] ?? null);
    });
  }

  find("sort").onchange = (event) => {
    memory.order = event.target.value;
    draw();
  };
  draw();
}
