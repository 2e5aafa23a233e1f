// For the last row: presenter mode, light and dark, and pictures as large as the screen.
(() => {
  const root = document.documentElement;
  const told = (name) => new URLSearchParams(location.search).has(name);

  // Presenter mode is part of the address, so that a link can open it.
  const present = (on) => {
    root.classList.toggle("presenter", on);
    document.querySelector("#presenter")?.setAttribute("aria-pressed", String(on));
  };
  const remember = (on) => {
    const parts = location.search.slice(1).split("&").filter((part) => part && part.split("=")[0] !== "presenter");
    if (on) parts.push("presenter");
    history.replaceState(history.state, "", location.pathname + (parts.length ? "?" + parts.join("&") : "") + location.hash);
  };
  root.classList.toggle("presenter", told("presenter"));
  new MutationObserver((_, observer) => {
    if (!document.querySelector("#presenter")) return;
    observer.disconnect();
    present(told("presenter"));
  }).observe(root, { childList: true, subtree: true });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#presenter")) {
      const on = !root.classList.contains("presenter");
      present(on);
      remember(on);
    }
    if (event.target.closest?.("#light-dark")) document.body.classList.toggle("dark");
  });

  // A picture fills the screen by a click or Enter; the arrow keys go to the others in view, Esc goes back.
  const PICTURES = ".pane img, .figures img, .pictures img";
  let pictures = [];
  let at = 0;
  const dialog = document.createElement("dialog");
  dialog.id = "enlarged";
  dialog.innerHTML =
    '<button type="button" aria-label="Previous picture">‹</button><figure><img alt=""><figcaption></figcaption>' +
    '</figure><button type="button" aria-label="Next picture">›</button>' +
    '<button type="button" aria-label="Close" class="close">×</button>';
  const show = (index) => {
    at = (index + pictures.length) % pictures.length;
    const picture = pictures[at];
    const large = dialog.querySelector("img");
    large.src = picture.src;
    large.alt = picture.alt;
    const scale = Math.min((innerWidth - 120) / picture.naturalWidth, (innerHeight - 90) / picture.naturalHeight);
    large.style.width = `${picture.naturalWidth * (scale > 1 ? Math.floor(scale) : scale)}px`;
    dialog.querySelector("figcaption").textContent = picture.alt;
  };
  const enlarge = (picture) => {
    if (!dialog.isConnected) document.body.append(dialog);
    pictures = [...document.querySelectorAll(PICTURES)].filter((each) => each.offsetParent);
    show(pictures.indexOf(picture));
    dialog.classList.toggle("single", pictures.length < 2);
    dialog.showModal();
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".enlarge");
    const picture = button ? button.querySelector("img") : event.target;
    if (picture?.matches?.(PICTURES) && !event.target.closest("button:not(.enlarge)")) enlarge(picture);
  });
  dialog.addEventListener("click", (event) => {
    const label = event.target.getAttribute("aria-label");
    if (label === "Previous picture") show(at - 1);
    else if (label === "Next picture") show(at + 1);
    else if (!event.target.matches("img, figcaption")) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) show(at + step);
    event.stopPropagation(); // Esc closes the picture; it does not stop a run behind it
  });
})();
