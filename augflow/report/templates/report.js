"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const tiles = [...document.querySelectorAll("#gallery .open")];
  const dialog = document.getElementById("record");
  const filters = ["label", "chain", "kind"].map((name) => document.getElementById(`by-${name}`));
  const AT_ONCE = 60;
  let current = -1;
  let most = AT_ONCE;

  const make = (tag, text, className) => {
    const node = document.createElement(tag);
    if (text !== undefined && text !== null) node.textContent = text;
    if (className) node.className = className;
    return node;
  };
  const plain = (value) => (value === null ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));
  const given = (value) => {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return document.createTextNode(plain(value));
    const list = make("ul", null, "given");
    for (const [name, inner] of Object.entries(value)) list.append(make("li", `${name}: ${plain(inner)}`));
    return Object.keys(value).length ? list : document.createTextNode("–");
  };
  const shown = () => tiles.filter((tile) => !tile.closest("li").hidden);

  function fits(tile) {
    const [label, chain, kind] = filters.map((select) => select.value);
    const { record } = data.tiles[tile.dataset.number];
    return (
      (label === "" || `=${record.label}` === label) &&
      (chain === "" || `=${record.chain === null ? "" : record.chain}` === chain) &&
      (kind === "" || (record.copy === 0 ? "original" : "copy") === kind)
    );
  }

  function filter() {
    let found = 0;
    for (const tile of tiles) {
      const fit = fits(tile);
      found += fit;
      tile.closest("li").hidden = !fit || found > most;
    }
    const count = Math.min(found, most);
    document.getElementById("count").textContent = count < found ? `${count} of ${found} shown` : `${found} shown`;
    document.getElementById("none").hidden = found > 0;
    document.getElementById("more").hidden = count === found;
  }

  function refilter() {
    most = AT_ONCE;
    filter();
  }

  function picture(source, caption, original) {
    const figure = make("figure", null, original ? "tile original" : "tile");
    const frame = make("div", null, "frame");
    if (source) {
      const image = make("img");
      image.src = source.src;
      image.alt = caption;
      frame.append(image);
    } else {
      frame.append(make("span", "no picture", "muted small"));
    }
    figure.append(frame, make("figcaption", caption));
    return figure;
  }

  function table(caption, heads, rows) {
    const whole = make("table");
    whole.append(make("caption", caption, "unseen"));
    const head = whole.createTHead().insertRow();
    for (const name of heads) {
      const cell = make("th", name);
      cell.scope = "col";
      head.append(cell);
    }
    const body = whole.createTBody();
    for (const row of rows) {
      const line = body.insertRow();
      row.forEach((text, place) => {
        const cell = make(place ? "td" : "th");
        cell.append(given(text));
        if (!place) cell.scope = "row";
        line.append(cell);
      });
    }
    const region = make("div", null, "scroll");
    region.tabIndex = 0;
    region.setAttribute("role", "region");
    region.setAttribute("aria-label", caption);
    region.append(whole);
    return region;
  }

  function facts(pairs) {
    const list = make("dl", null, "facts");
    for (const [name, value] of pairs) {
      const told = make("dd");
      told.append(given(value));
      list.append(make("dt", name), told);
    }
    return list;
  }

  function open(number) {
    current = number;
    const { record, what, fault, parents, replay, file } = data.tiles[number];
    document.getElementById("record-title").textContent = `${record.label}, ${what}`;
    const body = document.getElementById("record-body");
    body.replaceChildren();
    const pictures = make("div", null, "pair");
    record.parents.forEach((parent, place) => {
      const found = parents[place] === null ? null : document.getElementById(`parent-${parents[place]}`);
      pictures.append(picture(found, `${parent.role}: ${parent.key}`, true));
    });
    const thumbnail = document.querySelector(`.open[data-number="${number}"] img`);
    pictures.append(picture(thumbnail, `${what}: ${record.path}`));
    body.append(pictures);
    if (fault) body.append(make("p", `Not as its record says: ${fault}`, "bad"));
    if (file) {
      const link = make("a", "Open the file in full size");
      link.href = file;
      const line = make("p");
      line.append(link);
      body.append(line);
    }

    body.append(make("h3", "Make it again"));
    const again = make("div", null, "again");
    const command = make("pre", replay);
    const copy = make("button", "Copy");
    copy.type = "button";
    copy.addEventListener("click", async () => {
      const said = document.getElementById("said");
      try {
        await navigator.clipboard.writeText(replay);
        said.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(command);
        said.textContent = "Selected: copy it with the keyboard";
      }
      copy.textContent = said.textContent;
    });
    again.append(command, copy);
    body.append(again);

    body.append(make("h3", "Steps"));
    if (record.steps.length) {
      const list = make("ol", null, "taken");
      for (const step of record.steps) {
        const line = make("li", null, step.fired ? "" : "muted");
        line.append(make("b", step.step), make("span", ` ${step.transform}, version ${step.version}`, "muted"));
        const [drawn, declared] = [make("div", step.fired ? "drawn: " : "not fired"), make("div", "arguments: ", "muted")];
        if (step.fired) drawn.append(given(step.draw));
        line.append(drawn);
        if (step.arguments !== null) {
          declared.append(given(step.arguments));
          line.append(declared);
        }
        list.append(line);
      }
      body.append(list);
    } else {
      body.append(make("p", record.render ? "None: it was rendered only." : "None: these are the source's own bytes.", "note"));
    }

    body.append(make("h3", "Parents"));
    body.append(table("Parents", ["key", "role", "sha256"], record.parents.map((p) => [p.key, p.role, p.sha256])));

    body.append(make("h3", "Record"));
    const shownApart = ["steps", "parents"];
    body.append(facts(Object.entries(record).filter(([name]) => !shownApart.includes(name))));

    const siblings = tiles.filter((tile) => {
      const other = Number(tile.dataset.number);
      return other !== number && data.tiles[other].record.parents.some((p) => record.parents.some((q) => q.key === p.key));
    });
    if (siblings.length) {
      body.append(make("h3", "Others of this sample, here in the gallery"));
      const list = make("div", null, "siblings");
      for (const tile of siblings) {
        const other = Number(tile.dataset.number);
        const button = make("button");
        button.type = "button";
        button.append(picture(tile.querySelector("img"), data.tiles[other].what));
        button.addEventListener("click", () => open(other));
        list.append(button);
      }
      body.append(list);
    }
    if (!dialog.open) dialog.showModal();
    body.scrollTop = 0;
    document.getElementById("record-title").focus();
  }

  function step(by) {
    const among = shown().map((tile) => Number(tile.dataset.number));
    const place = among.indexOf(current);
    if (among.length) open(among[(place + by + among.length) % among.length]);
  }

  for (const select of filters) select.addEventListener("change", refilter);
  document.getElementById("all").addEventListener("click", () => {
    for (const select of filters) select.value = "";
    refilter();
  });
  document.getElementById("more").addEventListener("click", () => {
    const first = most;
    most += 2 * AT_ONCE;
    filter();
    shown()[first].focus();
  });
  for (const tile of tiles) tile.addEventListener("click", () => open(Number(tile.dataset.number)));
  document.getElementById("previous").addEventListener("click", () => step(-1));
  document.getElementById("next").addEventListener("click", () => step(1));
  document.getElementById("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.target.closest(".scroll, pre")) return;
    if (event.key === "ArrowRight") step(1);
    if (event.key === "ArrowLeft") step(-1);
  });
  dialog.addEventListener("close", () => {
    const tile = tiles.find((other) => Number(other.dataset.number) === current);
    if (tile && !tile.closest("li").hidden) tile.focus();
  });
  filter();
})();
