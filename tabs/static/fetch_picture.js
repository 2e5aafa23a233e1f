async (address) => {
  let url;
  try { url = new URL(address.trim()); } catch { return "!address"; }
  if (!["http:", "https:"].includes(url.protocol)) return "!address";
  let found;
  try {
    const told = { credentials: "omit", referrerPolicy: "no-referrer", signal: AbortSignal.timeout(20000) };
    const answer = await fetch(url, told);
    if (!answer.ok) return "!refused";
    found = await answer.blob();
  } catch { return "!refused"; }
  if (!found.type.startsWith("image/")) return "!type";
  if (found.size > 10e6) return "!large";
  try {
    const picture = await createImageBitmap(found);
    const side = Math.min(picture.width, picture.height), size = Math.min(side, 512);
    const page = Object.assign(document.createElement("canvas"), { width: size, height: size });
    const [left, top] = [(picture.width - side) / 2, (picture.height - side) / 2];
    page.getContext("2d").drawImage(picture, left, top, side, side, 0, 0, size, size);
    return page.toDataURL("image/png");
  } catch { return "!read"; }
}
