// The editor is touched: "select". It is there, so that paint may be shown to it: "submit", once; paint shown
// sooner is an error of its own. Which editor: `data-editor` of what this element holds.
const editor = element.querySelector("[data-editor]").dataset.editor;
document.addEventListener("pointerdown", (event) => {
  if (event.target.closest(`${editor} canvas, ${editor} button`)) trigger("select", {});
}, true);
const waiting = setInterval(() => {
  if (!document.querySelector(`${editor} canvas`)) return;
  clearInterval(waiting);
  setTimeout(() => trigger("submit", {}), 800);
}, 200);
