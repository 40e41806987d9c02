// The contrast (WCAG 2) of every visible piece of text with what lies behind it, if below 4.5, and
// that of a link that is not underlined with the text around it, if below 3.
() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const once = (compute, known = new Map()) => key => {
    if (!known.has(key)) known.set(key, compute(key));
    return known.get(key);
  };
  const rgba = once(color => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  });
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
  const behind = once(e => {
    if (!e) return [255, 255, 255];
    const own = rgba(getComputedStyle(e).backgroundColor);
    return own[3] === 1 ? own : over(own, behind(e.parentElement));
  });
  const opacity = once(e => e ? getComputedStyle(e).opacity * opacity(e.parentElement) : 1);
  const light = color => [0, 1, 2].map(i => color[i] / 255)
    .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const front = once(e => {
    const [r, g, b, a] = rgba(getComputedStyle(e).color);
    return light(over([r, g, b, a * opacity(e)], behind(e)));
  });
  const contrast = (one, other) => {
    const [low, high] = [one, other].sort((p, q) => p - q);
    return (high + .05) / (low + .05);
  };
  const blockOf = once(e => getComputedStyle(e).display.startsWith("inline")
    ? blockOf(e.parentElement) : e);
  const marked = once(e => e !== blockOf(e)
    && (getComputedStyle(e).textDecorationLine !== "none" || marked(e.parentElement)));
  const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement, words = texts.currentNode.textContent.trim();
    if (!words || !e.checkVisibility({opacityProperty: true}) || e.closest("svg, annotation"))
      continue;
    const say = ratio => found.push(`${ratio.toFixed(1)}: ${e.tagName} "${words.slice(0, 40)}"`);
    const ratio = contrast(front(e), light(behind(e)));
    if (ratio < 4.5) say(ratio);
    const link = e.closest("a[href]"), block = link && blockOf(link);
    if (!link || block.innerText.trim() === link.innerText.trim() || marked(e)) continue;
    const apart = contrast(front(e), front(block));
    if (apart < 3) say(apart);
  }
  return found;
}
