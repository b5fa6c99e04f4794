// Reads the page as its reader sees it: what is too faint, what is too wide.
(() => {
  const parse = (color) => {
    const numbers = color.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
    return [...numbers.slice(0, 3), numbers[3] ?? 1];
  };
  // WCAG 2.2, relative luminance and contrast ratio.
  const luminance = (color) => {
    const [red, green, blue] = color.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color[3] === 1) return color;
    }
    return [255, 255, 255, 1];
  };
  const faint = [];
  const check = (element, color, least) => {
    const ratio = contrast(parse(color), behind(element));
    if (ratio < least) {
      faint.push(`${element.tagName}.${element.getAttribute("class")} ${element.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
    }
  };
  const seen = (element) => element.getClientRects().length > 0;
  let texts = 0;
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !seen(element) || ["SCRIPT", "title"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    check(element, element.closest("svg") ? style.fill : style.color, 4.5);
    texts += 1;
  }
  let lines = 0;
  for (const element of document.querySelectorAll("svg .line, svg .mark, svg .interval")) {
    if (!seen(element)) continue;
    const style = getComputedStyle(element);
    check(element, element.matches(".mark") ? style.fill : style.stroke, 3);
    lines += 1;
  }
  const cut = [...document.querySelectorAll(".decision")]
    .filter((table) => table.scrollWidth > table.parentElement.clientWidth)
    .map((table) => `${table.scrollWidth} > ${table.parentElement.clientWidth}`);
  const root = document.scrollingElement;
  return { faint, cut, texts, lines, width: root.scrollWidth, room: root.clientWidth };
})()
