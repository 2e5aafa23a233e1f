() => {
  // The recipe of a link stands behind ? or, if it is long, behind #. -> [id of the visit, link, is it new]
  const of = (text) => new URLSearchParams(text.slice(1)).get("recipe");
  const link = of(location.search) || of(location.hash) || "";
  const kept = window.sessionStorage;
  if (!kept.darkroomVisit) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    kept.darkroomVisit = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  const seen = kept.darkroomLink === link;
  kept.darkroomLink = link;
  return [kept.darkroomVisit, link, seen ? "seen" : ""];
}
