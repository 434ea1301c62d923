const REPLAY_SECONDS = 10; // for a whole run
const FRAMES_PER_SECOND = 5;
const SILENCE = 6000; // ms without an update of an active run, after which the page says so
const WIDGETS =
  "input, textarea, select, [contenteditable], [role=slider], [role=tab], [role=radio], [role=option], [role=combobox]";

/** What one mounted timeline remembers between updates. */
const memories = new WeakMap();

export default function (component) {
  const { data, parentElement: root, setStateValue, setTriggerValue } = component;
  const find = (name) => root.querySelector(`.${name}`);
  const range = find("range");
  let memory = memories.get(root);
  if (!memory) {
    memory = { playing: false, dragging: false };
    memories.set(root, memory);
  }
  memory.cleanUp?.();
  Object.assign(memory, { data, setStateValue, setTriggerValue, updated: performance.now() });

  const shown = () => memory.wanted ?? memory.data.shown ?? memory.data.done;
  const go = (epoch) => {
    const { run, done } = memory.data;
    if (!run || !done) return;
    const wanted = Math.max(1, Math.min(epoch, done));
    if (wanted === (memory.wanted ?? memory.data.shown)) return; // no update would follow
    memory.wanted = wanted;
    memory.setStateValue("moment", { run, epoch: wanted });
    draw();
  };
  const present = () => {
    memory.playing = false;
    memory.wanted = undefined;
    memory.setStateValue("moment", null);
    memory.data.shown = null;
    draw();
  };
  const step = (epochs) => {
    memory.playing = false;
    go(shown() + epochs);
  };
  const play = () => {
    memory.playing = !memory.playing;
    memory.next = performance.now();
    if (memory.playing && shown() >= memory.data.done) go(1);
    draw();
  };

  function draw() {
    const { done, total, active, text } = memory.data;
    const past = memory.wanted !== undefined || memory.data.shown !== null;
    find("timeline").dataset.run = memory.data.run ?? "";
    find("timeline").classList.toggle("playing", memory.playing);
    find("play").setAttribute("aria-label", memory.playing ? "Pause the replay" : "Play again");
    find("play").title = memory.playing ? "Pause the replay" : "Play again";
    range.max = total;
    if (!memory.dragging) range.value = shown();
    range.setAttribute("aria-valuetext", `Epoch ${shown()} of ${total}`);
    find("live").setAttribute("aria-pressed", String(!past));
    find("live").textContent = active ? "Live" : "Latest";
    const label = past ? `Showing epoch ${shown()} of ${total}` : text;
    if (find("text").textContent !== label) find("text").textContent = label;
    for (const name of ["back", "play", "forward", "range", "live"]) find(name).disabled = !done;
  }

  find("back").onclick = () => step(-1);
  find("forward").onclick = () => step(1);
  find("play").onclick = play;
  find("live").onclick = present;
  range.oninput = () => {
    memory.playing = false;
    memory.dragging = true;
    if (Number(range.value) > memory.data.done) range.value = memory.data.done;
    go(Number(range.value));
  };
  range.onchange = () => {
    memory.dragging = false;
  };

  // the page has shown the moment that was asked for: the next one may follow
  if (memory.wanted !== undefined && data.shown === memory.wanted) memory.wanted = undefined;
  if (data.run !== memory.run) Object.assign(memory, { run: data.run, playing: false, wanted: undefined });
  draw();

  const timer = setInterval(() => {
    const silence = performance.now() - memory.updated;
    if (memory.data.active && silence > SILENCE)
      find("text").textContent = `No answer from the server for ${Math.round(silence / 1000)} seconds`;
    if (!memory.playing || memory.wanted !== undefined || performance.now() < memory.next) return;
    memory.next = performance.now() + 1000 / FRAMES_PER_SECOND;
    const stride = Math.max(1, Math.round(memory.data.total / (REPLAY_SECONDS * FRAMES_PER_SECOND)));
    if (shown() < memory.data.done) go(shown() + stride);
    else present();
  }, 50);

  /** Press a button of the run bar; the class is the one that Streamlit derives from its key. */
  const press = (name) => document.querySelector(`[class*="st-key-"][class*="_${name}"] button:enabled`)?.click();
  const onKey = (event) => {
    const target = event.composedPath()[0];
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest?.(WIDGETS)) return;
    const past = memory.data.shown !== null;
    if (event.key === " " && !target.closest?.("button, a, summary")) press("pause");
    else if (event.key === "ArrowRight") past ? step(1) : press("advance");
    else if (event.key === "ArrowLeft") step(-1);
    else if (event.key.toLowerCase() === "r") press("train");
    else if (event.key.toLowerCase() === "p") memory.setTriggerValue("projector", true);
    else return;
    event.preventDefault();
    event.stopImmediatePropagation(); // Streamlit's own R reruns the page
  };
  document.addEventListener("keydown", onKey, true);

  memory.cleanUp = () => {
    clearInterval(timer);
    document.removeEventListener("keydown", onKey, true);
  };
  return memory.cleanUp;
}
