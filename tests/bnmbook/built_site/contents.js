// What a page holds, and what of it does not fit the window.
() => {
  const scrolls = e => e && (/auto|scroll/.test(getComputedStyle(e).overflowX)
    || scrolls(e.parentElement));
  const text = document.body.cloneNode(true);
  text.querySelectorAll("pre, code, script, style, annotation, noscript").forEach(e => e.remove());
  return {
    text: text.textContent,
    ids: [...document.querySelectorAll("[id]")].map(e => e.id),
    links: [...document.querySelectorAll("a[href]")].map(e => e.href),
    images: [...document.images].map(e => [e.src.slice(0, 80), e.alt, e.naturalWidth]),
    captions: [...document.querySelectorAll("figcaption")].map(e => e.textContent.trim()),
    loaded: ["navigation", "resource"].flatMap(kind => performance.getEntriesByType(kind))
      .map(entry => entry.name),
    shift: window.shift,
    width: document.documentElement.scrollWidth,
    cut: [...document.querySelectorAll("main *")]
      .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1)
      .filter(e => !scrolls(e)).map(e => e.outerHTML.slice(0, 80)),
  };
}
