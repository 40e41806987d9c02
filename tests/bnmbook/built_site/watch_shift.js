// Adds up how far the content of a page jumps while it loads (the Cumulative Layout Shift).
window.shift = 0; new PerformanceObserver(
  list => list.getEntries().forEach(entry => window.shift += entry.value)
).observe({type: "layout-shift", buffered: true});
