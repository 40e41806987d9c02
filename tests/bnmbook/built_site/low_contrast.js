// The contrast (WCAG 2) of every visible piece of text with what lies behind it, if below 4.5.
() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = color => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
  const behind = e => {
    if (!e) return [255, 255, 255];
    const own = rgba(getComputedStyle(e).backgroundColor);
    return own[3] === 1 ? own : over(own, behind(e.parentElement));
  };
  const opacity = e => e ? getComputedStyle(e).opacity * opacity(e.parentElement) : 1;
  const light = color => [0, 1, 2].map(i => color[i] / 255)
    .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement, words = texts.currentNode.textContent.trim();
    if (!words || !e.checkVisibility({opacityProperty: true}) || e.closest("svg, annotation"))
      continue;
    const back = behind(e), [r, g, b, a] = rgba(getComputedStyle(e).color);
    const front = light(over([r, g, b, a * opacity(e)], back));
    const [low, high] = [front, light(back)].sort((p, q) => p - q);
    const contrast = (high + .05) / (low + .05);
    if (contrast < 4.5) found.push(`${contrast.toFixed(1)}: ${e.tagName} "${words.slice(0, 40)}"`);
  }
  return found;
}
