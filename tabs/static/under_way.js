(key) => {
  // -> the techniques whose status says that a run is under way; the others, like a training, are over.
  const going = [...document.querySelectorAll(".status .going")];
  const names = going.map((line) => line.closest('[id$="-status"]')?.id.replace(/-status$/, ""));
  return [key, names.filter(Boolean).join(" ")];
}
