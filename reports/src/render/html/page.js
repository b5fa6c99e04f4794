// Figures under the pointer, linear or logarithmic axes, targets on and off. Without it the page
// is whole. Constants and words are those of chart.rs and format.rs.
"use strict";
(() => {
  const PLOT = { left: 76, right: 468, top: 20, bottom: 232 };
  const TICKS = 6;
  const make = (name, attributes = {}) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  const whole = (value) => Math.round(value).toLocaleString("en-US");
  const significant = (value) =>
    value === 0 || value >= 99.95 ? whole(value) : value.toFixed(value >= 9.995 ? 1 : 2);
  const duration = (us) =>
    us < 999.5 ? `${significant(us)} µs` : us < 999500 ? `${significant(us / 1e3)} ms` : `${significant(us / 1e6)} s`;
  const bytes = (value) => {
    const [size, name] = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]].find(([size]) => value >= size * 0.9995) ?? [1, "B"];
    return `${significant(value / size)} ${name}`;
  };
  const WRITE = {
    nines: (at) => `p${(100 * (1 - 10 ** -at)).toFixed(Math.floor(at))}`,
    seconds: (at) => `${+at.toFixed(2)} s`,
    run: (at) => `run ${at}`,
    us: duration,
    time: (seconds) => duration(seconds * 1e6),
    rate: (value) => `${significant(value)}/s`,
    percent: (value) => `${(Math.floor(value * 100 + 1e-6) / 100).toFixed(2)} %`,
    bytes,
  };
  const short = (value) => `${+value.toPrecision(6)}`;
  const TICK = {
    us: (us) => (us < 999 ? `${short(us)} µs` : us < 999000 ? `${short(us / 1e3)} ms` : `${short(us / 1e6)} s`),
    rate: whole,
    percent: (value) => `${short(value)} %`,
  };

  class Scale {
    constructor(kind, from, to, start, end) {
      Object.assign(this, { kind, from, to, start, end });
    }
    place(value) {
      const clamped = Math.min(Math.max(value, this.from), this.to);
      const part = this.kind === "log"
        ? Math.log(clamped / this.from) / Math.log(this.to / this.from)
        : (clamped - this.from) / (this.to - this.from);
      return this.start + part * (this.end - this.start);
    }
    value(place) {
      const part = (place - this.start) / (this.end - this.start);
      return this.kind === "log" ? this.from * (this.to / this.from) ** part : this.from + part * (this.to - this.from);
    }
    ticks() {
      if (this.kind === "log") {
        const decades = Math.log10(this.to / this.from);
        const steps = decades < 1.5 ? [1, 2, 5] : decades < 3.5 ? [1, 3] : [1];
        const all = [];
        for (let power = Math.floor(Math.log10(this.from)); power <= Math.log10(this.to); power++) {
          all.push(...steps.map((step) => step * 10 ** power));
        }
        return all.filter((tick) => tick >= this.from && tick <= this.to);
      }
      const rough = (this.to - this.from) / TICKS;
      const power = 10 ** Math.floor(Math.log10(rough));
      const step = ([1, 2, 5].find((step) => rough / power <= step) ?? 10) * power;
      const all = [];
      for (let tick = Math.ceil(this.from / step) * step; tick <= this.to * (1 + 1e-9); tick += step) all.push(tick);
      return all;
    }
  }

  const pairs = (text) => text.trim().split(/\s+/).map((pair) => pair.split(",").map(Number));

  class Chart {
    constructor(svg) {
      this.svg = svg;
      const [xCounts, xKind, xFrom, xTo] = svg.dataset.x.split(" ");
      const [yCounts, yKind, yFrom, yTo] = svg.dataset.y.split(" ");
      this.counts = { x: xCounts, y: yCounts };
      this.x = new Scale(xKind, +xFrom, +xTo, PLOT.left, PLOT.right);
      this.y = new Scale(yKind, +yFrom, +yTo, PLOT.bottom, PLOT.top);
      this.lines = [...svg.querySelectorAll(".series")].map((group) => {
        group.querySelector("title").remove();
        const polyline = group.querySelector("polyline");
        const values = group.dataset.v.split(" ").map(Number);
        const xs = pairs(polyline.getAttribute("points")).map(([x]) => x);
        return { group, polyline, xs, values, marks: [...group.querySelectorAll(".mark")] };
      });
      this.bands = [...svg.querySelectorAll(".band")].map((polygon) => ({
        polygon,
        points: pairs(polygon.getAttribute("points")).map(([x, y]) => [x, this.y.value(y)]),
      }));
      for (const line of this.lines) {
        line.marks = line.marks.map((mark) => {
          const box = mark.getBBox();
          const nearest = closest(line.xs, box.x + box.width / 2);
          return { mark, value: line.values[nearest], was: this.y.place(line.values[nearest]) };
        });
      }
      this.xs = [...new Set(this.lines.flatMap((line) => line.xs))].sort((one, other) => one - other);
      this.cursor = make("line", { class: "cursor off", y1: PLOT.top, y2: PLOT.bottom });
      svg.append(this.cursor);
      this.listen();
      if (TICK[yCounts] && yCounts !== "percent") this.offerAxis();
    }

    listen() {
      const { svg } = this;
      svg.tabIndex = 0;
      svg.addEventListener("pointermove", (event) => this.point(event));
      svg.addEventListener("pointerdown", (event) => this.point(event));
      svg.addEventListener("pointerleave", () => this.hide());
      svg.addEventListener("blur", () => this.hide());
      svg.addEventListener("focus", () => {
        if (svg.matches(":focus-visible")) this.show(this.at ?? this.xs.length >> 1);
      });
      svg.addEventListener("keydown", (event) => {
        const last = this.xs.length - 1;
        const at = this.at ?? last >> 1;
        const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
        if (event.key === "Escape") this.hide();
        if (to === undefined) return;
        event.preventDefault();
        this.show(Math.min(Math.max(to, 0), last));
      });
    }

    point(event) {
      const { x } = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
      this.show(closest(this.xs, x), event.clientX, event.clientY);
    }

    show(at, left, top) {
      this.at = at;
      const x = this.xs[at];
      if (x === undefined) return;
      this.cursor.setAttribute("x1", x);
      this.cursor.setAttribute("x2", x);
      this.cursor.classList.remove("off");
      tip.replaceChildren(WRITE[this.counts.x](this.x.value(x)));
      for (const { group, xs, values } of this.lines) {
        const index = xs.indexOf(x);
        if (index < 0 || group.classList.contains("off")) continue;
        const row = document.createElement("div");
        const figure = document.createElement("b");
        figure.textContent = WRITE[this.counts.y](values[index]);
        row.append(...names[group.dataset.t].map((node) => node.cloneNode(true)), figure);
        tip.append(row);
      }
      const place = new DOMPoint(x, PLOT.top).matrixTransform(this.svg.getScreenCTM());
      stand(left ?? place.x, top ?? place.y);
    }

    hide() {
      this.cursor.classList.add("off");
      tip.classList.add("off");
    }

    offerAxis() {
      const button = document.createElement("button");
      button.type = "button";
      const name = () => {
        button.textContent = this.y.kind === "log" ? "linear axis" : "logarithmic axis";
      };
      const all = this.bands.flatMap(({ points }) => points.map(([, value]) => value))
        .concat(this.lines.flatMap(({ values }) => values));
      const low = Math.min(...all.filter((value) => value > 0));
      const first = this.y;
      const other = first.kind === "log"
        ? new Scale("linear", 0, first.to, first.start, first.end)
        : new Scale("log", Math.max(low * 0.9, first.to / 1e4), first.to, first.start, first.end);
      button.addEventListener("click", () => {
        this.redraw(this.y === first ? other : first);
        name();
      });
      name();
      this.svg.closest("figure").querySelector("figcaption").prepend(button);
    }

    redraw(scale) {
      this.y = scale;
      const place = (value) => Math.round(scale.place(value) * 10) / 10;
      for (const { polyline, xs, values, marks } of this.lines) {
        polyline.setAttribute("points", xs.map((x, index) => `${x},${place(values[index])}`).join(" "));
        for (const { mark, value, was } of marks) mark.setAttribute("transform", `translate(0 ${place(value) - was})`);
      }
      for (const { polygon, points } of this.bands) {
        polygon.setAttribute("points", points.map(([x, value]) => `${x},${place(value)}`).join(" "));
      }
      this.svg.querySelector(".ticks").replaceChildren(...scale.ticks().flatMap((tick) => {
        const text = make("text", { class: "tick", x: PLOT.left - 6, y: place(tick), dy: "0.32em", "text-anchor": "end" });
        text.textContent = TICK[this.counts.y](tick);
        return [make("line", { class: "grid", x1: PLOT.left, x2: PLOT.right, y1: place(tick), y2: place(tick) }), text];
      }));
      const label = this.svg.dataset.label;
      this.svg.querySelector(".label").textContent = scale.kind === "log" ? `${label}, logarithmic` : label;
    }
  }

  const closest = (xs, x) => {
    let best = 0;
    xs.forEach((other, index) => {
      if (Math.abs(other - x) < Math.abs(xs[best] - x)) best = index;
    });
    return best;
  };

  const tip = document.createElement("div");
  tip.className = "tip off";
  tip.setAttribute("role", "status");
  document.body.append(tip);
  // Beside the place, and on the other side of it where the window ends.
  const stand = (left, top) => {
    tip.classList.remove("off");
    const { width, height } = tip.getBoundingClientRect();
    const beyond = left + 14 + width > innerWidth;
    tip.style.left = `${Math.max(4, beyond ? left - width - 14 : left + 14)}px`;
    tip.style.top = `${Math.max(4, Math.min(top + 10, innerHeight - height - 4))}px`;
  };

  // Swatch and name of each target, by its number.
  const names = {};
  const off = new Set();
  const apply = () => {
    for (const element of document.querySelectorAll("[data-t]:not(button)")) {
      element.classList.toggle("off", off.has(element.dataset.t) && !element.closest("button, .decision"));
    }
    for (const button of document.querySelectorAll("button[data-t]")) {
      button.setAttribute("aria-pressed", `${!off.has(button.dataset.t)}`);
    }
  };
  for (const key of document.querySelectorAll(".legend .key")) {
    const { t } = key.dataset;
    names[t] ??= [...key.childNodes].map((node) => node.cloneNode(true));
    const button = document.createElement("button");
    button.type = "button";
    button.className = "key";
    button.dataset.t = t;
    button.title = "show or hide";
    button.append(...key.childNodes);
    button.addEventListener("click", () => {
      off.delete(t) || off.add(t);
      apply();
    });
    key.replaceWith(button);
  }
  apply();
  for (const svg of document.querySelectorAll("svg.chart")) new Chart(svg);

  // Paper shows what is folded on the screen.
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
