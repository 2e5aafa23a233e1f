// Keys, the brush, dropping a PNG anywhere, and a word where a browser cannot draw.
(() => {
  const root = document.documentElement;
  const CANNOT =
    "This browser has no WebGL, so there is nothing to draw on here. Upload a picture (or a mask) instead, or " +
    "switch on hardware acceleration in its settings and reload.";
  const NAMELESS = [
    ["div.empty[aria-label]:not([role])", "img"], // an empty place for a picture
    ["div.image-container[aria-label]:not([role])", "group"], // a place to drop one
    ["g.hover_marks:not([role=none])", "none"], // of a plot: the point under the mouse
  ];
  const seen = (selector) =>
    [...document.querySelectorAll(selector)].find((each) => each.offsetParent && !each.disabled);

  // Ctrl+Enter runs and Esc stops, on the tab in view.
  document.addEventListener("keydown", (event) => {
    const run = event.key === "Enter" && (event.ctrlKey || event.metaKey);
    const stop = event.key === "Escape" && !document.querySelector("dialog[open]");
    const button = run ? seen("button.run-button") : stop ? seen("button.stop-button") : null;
    if (button) {
      button.click();
      event.preventDefault();
    }
  });

  const draws = () => {
    const canvas = document.createElement("canvas");
    const drawing = canvas.getContext("webgl2") || canvas.getContext("webgl");
    drawing?.getExtension("WEBGL_lose_context")?.loseContext();
    return drawing !== null;
  };

  // A blank sketchpad gets its brush: Gradio selects none, and the first stroke would do nothing. Where the
  // browser cannot draw there is no editor, but a sentence.
  let canDraw;
  new MutationObserver(() => {
    for (const editor of document.querySelectorAll(".autobrush:not(.autobrush .autobrush):not([data-seen])")) {
      editor.dataset.seen = "yes";
      if ((canDraw ??= draws())) continue;
      const word = document.createElement("p");
      word.className = "wrong";
      word.setAttribute("role", "alert");
      word.textContent = CANNOT;
      editor.before(word);
    }
    for (const brush of document.querySelectorAll('.autobrush button[aria-label="Brush"]')) {
      if (brush.dataset.taken) continue;
      brush.dataset.taken = "yes";
      setTimeout(() => brush.click(), 400);
    }
    // Some of Gradio's names are not read out: they stand on things of no kind.
    for (const [of, kind] of NAMELESS)
      for (const each of document.querySelectorAll(of)) each.setAttribute("role", kind);
  }).observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ["role"] });

  // A PNG dropped anywhere goes to "Open a PNG made here"; a place for pictures keeps what is dropped on it.
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  const leave = () => root.classList.remove("dropping");
  document.addEventListener("dragover", (event) => {
    if (event.defaultPrevented || !holdsFiles(event)) return leave();
    event.preventDefault();
    root.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || leave());
  document.addEventListener("drop", (event) => {
    leave();
    if (event.defaultPrevented || !holdsFiles(event)) return;
    event.preventDefault();
    const upload = document.querySelector('.masthead input[type="file"]');
    if (!upload || !event.dataTransfer.files.length) return;
    upload.files = event.dataTransfer.files;
    upload.dispatchEvent(new Event("change", { bubbles: true }));
  });
})();
