(key) => {
  // -> the techniques whose status says that a run is under way.
  const going = [...document.querySelectorAll(".status .going")];
  return [key, going.map((line) => line.closest('[id$="-status"]').id.replace(/-status$/, "")).join(" ")];
}
