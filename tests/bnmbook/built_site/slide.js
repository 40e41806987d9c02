// The slide that a deck shows, and whether it fits its frame.
() => {
  const slide = Reveal.getCurrentSlide(), {width, height} = Reveal.getConfig();
  const frame = slide.getBoundingClientRect(), scale = Reveal.getScale();
  const bottoms = [...slide.querySelectorAll(":not(aside, aside *)")]
    .map(e => e.getBoundingClientRect()).filter(r => r.height).map(r => [r.bottom, r.right]);
  return {
    title: slide.id,
    fits: slide.scrollWidth <= width && slide.scrollHeight <= height
      && bottoms.every(([b, r]) => b <= innerHeight && r <= frame.left + width * scale + 1),
    images: [...slide.querySelectorAll("img")].map(e => [e.alt, e.naturalWidth, e.height]),
  };
}
