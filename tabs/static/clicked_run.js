element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) trigger("select", { run: button.dataset.run });
});
