// The slide that a deck shows: whether it fits its frame, its images, and its smallest text.
() => {
  const slide = Reveal.getCurrentSlide(), {width, height} = Reveal.getConfig();
  const frame = slide.getBoundingClientRect(), scale = Reveal.getScale();
  const boxes = [...slide.querySelectorAll(":not(aside, aside *)")]
    .map(e => e.getBoundingClientRect()).filter(r => r.height);
  const floor = document.querySelector(".reveal > .footer").getBoundingClientRect().top;

  // Text around the slide keeps its size, and that of the slide is scaled with it.
  const size = e => parseFloat(getComputedStyle(e).fontSize) * (slide.contains(e) ? scale : 1);
  const around = ".reveal > .footer *, .reveal > .slide-number *";
  const said = [...slide.querySelectorAll(":not(aside, aside *)"), ...document.querySelectorAll(around)]
    .filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));

  // An inch of a figure is 200 of its pixels; an animation has those of its last frame.
  const shown = e => Math.min(e.clientWidth / e.naturalWidth, e.clientHeight / e.naturalHeight);
  return {
    title: slide.id,
    fits: slide.scrollWidth <= width && slide.scrollHeight <= height
      && boxes.every(r => r.bottom <= innerHeight && r.right <= frame.left + width * scale + 1),
    free: boxes.every(r => r.bottom <= floor),
    images: [...slide.querySelectorAll("img")].map(e => [e.alt, e.naturalWidth, e.height]),
    widths: [...slide.querySelectorAll("img")]
      .map(e => [e.getAttribute("src"), shown(e) * e.naturalWidth * scale]),
    sizes: said.map(e => [e.textContent.trim().slice(0, 30), size(e)]),
  };
}
