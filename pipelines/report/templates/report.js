"use strict";
(() => {
  const clips = [...document.querySelectorAll("article.clip")];

  /* A claim names its lines, and a line its claims, by the anchors they link to. */
  const partners = (element) =>
    [...element.querySelectorAll("a[href^='#']")]
      .map((link) => document.getElementById(link.hash.slice(1)))
      .filter((partner) => partner !== null);
  const linked = (event) => (event.target instanceof Element ? event.target.closest(".claim[id], .line") : null);
  let lit = [];
  const light = (element) => {
    lit.forEach((each) => each.classList.remove("hot"));
    lit = element ? [element, ...partners(element)] : [];
    lit.forEach((each) => each.classList.add("hot"));
  };
  for (const name of ["mouseover", "focusin"]) document.addEventListener(name, (event) => light(linked(event)));
  document.addEventListener("focusout", () => light(null));

  const form = document.getElementById("filter");
  const text = document.getElementById("filter-text");
  const fate = document.getElementById("filter-fate");
  const count = document.getElementById("filter-count");
  const words = clips.map((clip) => clip.textContent.toLowerCase());
  const filter = () => {
    const wanted = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const letters = [...form.querySelectorAll("[name=letters]:checked")].map((box) => box.value);
    let shown = 0;
    clips.forEach((clip, i) => {
      const fits =
        wanted.every((word) => words[i].includes(word)) &&
        letters.every((letter) => clip.dataset.letters.includes(letter)) &&
        (!fate.value || clip.dataset.fate === fate.value);
      clip.hidden = !fits;
      shown += fits;
    });
    count.textContent = `${shown} of ${clips.length} shown`;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  if (clips.length > 1) {
    form.hidden = false;
    filter();
  }
})();
