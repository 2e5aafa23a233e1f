// The end of turning.js and viewing.js, each of which says how to start its viewer: start(root).
// Gradio changes the nodes that are there into those of the next value. A clone is rid of the last one's ways.
function begin() {
  const old = element.querySelector(".turning, .viewing");
  if (!old) return;
  const root = old.cloneNode(true);
  old.replaceWith(root);
  start(root);
}

begin();
watch("value", begin);
