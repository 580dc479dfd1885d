// The map of footprints and its companion, the chosen product. The rows of the product list are the data of both.
"use strict";
(() => {
  const LAND = "/console/static/vendor/land-50m.json";
  const host = document.getElementById("map"), panel = document.getElementById("selected");
  const map = L.map(host, {
    crs: L.CRS.EPSG4326, minZoom: 0, maxZoom: 9, zoomSnap: 0.25, worldCopyJump: false, attributionControl: false,
    maxBounds: [[-90, -270], [90, 270]], maxBoundsViscosity: 1,
  });
  L.control.attribution({ prefix: false }).addAttribution("Natural Earth").addTo(map);
  map.createPane("land").style.zIndex = 300;
  map.fitBounds([[-60, -180], [80, 180]]);

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const landStyle = () => ({ stroke: false, fillColor: colour("--land"), fillOpacity: 1 });
  const shifted = (turn) => (point) => L.latLng(point[1], point[0] + turn);
  const addLand = (land, turn) => L.geoJSON(land, {
    pane: "land", renderer: L.canvas({ pane: "land", padding: 0.5 }), interactive: false, style: landStyle,
    coordsToLatLng: shifted(turn),
  }).addTo(map);
  const asideOf = (land, keep) => ({
    type: "MultiPolygon",
    coordinates: land.coordinates.filter((polygon) => polygon[0].some(([longitude]) => keep(longitude))),
  });
  // The coast is stitched over the dateline and around the pole; on a flat map its rings run on beyond 180 degrees.
  const unrolled = (ring) => {
    let turn = 0;
    const points = ring.map(([longitude, latitude], place) => {
      const step = place ? longitude - ring[place - 1][0] : 0;
      turn += step < -180 ? 360 : step > 180 ? -360 : 0;
      return [longitude + turn, latitude];
    });
    const [first, last] = [points[0], points[points.length - 1]];
    if (Math.abs(last[0] - first[0]) > 180) points.push([last[0], -90], [first[0], -90], first);
    return points;
  };
  fetch(LAND).then((answer) => answer.json()).then((world) => {
    const found = topojson.feature(world, world.objects.land);
    const stitched = (found.features ? found.features[0] : found).geometry;
    const land = { type: "MultiPolygon", coordinates: stitched.coordinates.map((polygon) => polygon.map(unrolled)) };
    const layers = [
      addLand(land, 0),
      addLand(asideOf(land, (longitude) => longitude > 90), -360),
      addLand(asideOf(land, (longitude) => longitude < -90), 360),
    ];
    host.dataset.land = String(land.coordinates.length);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      for (const layer of layers) layer.setStyle(landStyle());
    });
  });

  const shapes = new Map();
  let chosen = null, isMoved = false, isPicked = false;
  const rowOf = (id) => document.getElementById(`p-${id}`);
  const rows = () => [...document.querySelectorAll("tr[data-product]")];

  const mark = (id, name, on) => {
    rowOf(id)?.classList.toggle(name, on);
    for (const shape of shapes.get(id)?.shapes ?? []) shape.getElement()?.classList.toggle(name, on);
  };

  const draw = (id, name, footprint) => {
    const drawn = JSON.parse(footprint).map((ring) => L.polygon(ring, { className: "footprint" })
      .bindTooltip(() => { const text = document.createElement("span"); text.textContent = name; return text; }, { sticky: true })
      .on("mouseover", () => mark(id, "is-hovered", true))
      .on("mouseout", () => mark(id, "is-hovered", false))
      .on("click", () => { choose(id, true); rowOf(id)?.scrollIntoView({ block: "nearest" }); })
      .addTo(map));
    shapes.set(id, { footprint, shapes: drawn });
  };
  const erase = (id) => { for (const shape of shapes.get(id).shapes) shape.remove(); shapes.delete(id); };

  const build = (tag, fill) => { const made = document.createElement(tag); fill(made); return made; };
  const show = (row) => {
    const parts = [build("a", (link) => {
      link.className = "name"; link.href = `/console/products/${row.dataset.product}`; link.textContent = row.dataset.name;
    })];
    const cell = (name) => row.querySelector(`.${name}`)?.textContent.trim() ?? "";
    parts.push(build("p", (line) => {
      line.className = "aside";
      line.textContent = `${cell("start")} UTC, ${cell("duration")}, ${cell("size")}, ${row.dataset.state}`;
    }));
    if (row.dataset.quicklook) {
      parts.push(build("a", (link) => {
        link.className = "picture"; link.href = row.dataset.quicklook;
        link.append(build("img", (image) => { image.src = row.dataset.quicklook; image.alt = `Quicklook of ${row.dataset.name}`; }));
      }));
    } else {
      parts.push(build("p", (line) => { line.className = "empty"; line.textContent = "This product has no quicklook."; }));
    }
    panel.replaceChildren(...parts);
    panel.dataset.shows = `${row.dataset.product} ${row.dataset.state}`;
  };
  const choose = (id, byHand) => {
    if (chosen !== null) mark(chosen, "is-chosen", false);
    chosen = id;
    isPicked = isPicked || byHand;
    mark(id, "is-chosen", true);
    const row = rowOf(id), bounds = shapes.get(id)?.shapes[0].getBounds();
    if (row) show(row);
    if (byHand && bounds && !map.getBounds().contains(bounds)) map.panTo(bounds.getCenter());
  };

  const fit = () => {
    const all = [...shapes.values()].map((entry) => entry.shapes[0].getBounds());
    if (all.length === 0 || isMoved) return;
    const whole = all.reduce((sum, bounds) => sum.extend(bounds), L.latLngBounds(all[0].getSouthWest(), all[0].getNorthEast()));
    map.fitBounds(whole.pad(0.4), { maxZoom: 4.5, animate: false });
  };

  const sync = () => {
    const wanted = new Map(rows().filter((row) => row.dataset.footprint).map((row) => [row.dataset.product, row]));
    let isNew = false;
    for (const [id, entry] of shapes) if (wanted.get(id)?.dataset.footprint !== entry.footprint) erase(id);
    for (const [id, row] of wanted) if (!shapes.has(id)) { draw(id, row.dataset.name, row.dataset.footprint); isNew = true; }
    if (isNew) fit();
    host.dataset.footprints = String(shapes.size);
    if (isPicked && rowOf(chosen)) {
      mark(chosen, "is-chosen", true);
      if (panel.dataset.shows !== `${chosen} ${rowOf(chosen).dataset.state}`) show(rowOf(chosen));
      return;
    }
    const first = rows().find((row) => row.dataset.quicklook) ?? rows().find((row) => row.dataset.footprint);
    if (first && first.dataset.product !== chosen) choose(first.dataset.product, false);
    else if (first) mark(chosen, "is-chosen", true);
  };

  const rowAt = (event) => event.target instanceof Element ? event.target.closest("tr[data-product]") : null;
  document.addEventListener("click", (event) => {
    const row = rowAt(event);
    if (row && !event.target.closest("a, button")) choose(row.dataset.product, true);
  });
  document.addEventListener("focusin", (event) => { const row = rowAt(event); if (row) choose(row.dataset.product, true); });
  for (const [name, on] of [["mouseover", true], ["mouseout", false]]) {
    document.addEventListener(name, (event) => { const row = rowAt(event); if (row) mark(row.dataset.product, "is-hovered", on); });
  }
  host.addEventListener("pointerdown", () => { isMoved = true; });
  host.addEventListener("wheel", () => { isMoved = true; }, { passive: true });
  document.addEventListener("htmx:after:swap", sync);
  sync();
})();
