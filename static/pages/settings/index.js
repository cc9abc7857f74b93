// The Hub token, the playground's server, what is stored where, the machine, versions, language and colours.
// @ts-check

import { define } from "../../api/view.js";
import { h } from "../../lib/dom.js";
import { formatBytes, formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { card, facts } from "../../ui/card.js";
import { skeleton } from "../../ui/panels.js";
import { appearance } from "./appearance.js";
import { baseModels } from "./base_models.js";
import { hubToken } from "./hub_token.js";
import { remoteServer } from "./remote_server.js";
import { drawStorage, homeFolder } from "./storage.js";

define("settings", (ctx) =>
  ctx.load("state", {}, (state) => {
    const storageHost = h("div", {}, skeleton(9));
    storageHost.draws = true;
    ctx.draw(
      h(
        "div",
        { class: "cards two" },
        h(
          "div",
          { class: "stack" },
          hubToken(ctx, state),
          state.is_space ? null : remoteServer(ctx, state),
          appearance(),
          machineCard(state),
        ),
        h(
          "div",
          { class: "stack" },
          baseModels(ctx, () => drawStorage(ctx, storageHost)),
          card(t("Storage"), homeFolder(state), storageHost),
          versionsCard(state),
        ),
      ),
    );
    drawStorage(ctx, storageHost);
  }),
);

const machineCard = ({ machine: { processor, cores, memory, free, gpus } }) =>
  card(
    t("Machine"),
    facts([
      [t("Processor"), processor],
      [t("Cores"), formatNumber(cores)],
      [t("Memory"), t("{free} of {all} free", { free: formatBytes(free), all: formatBytes(memory) })],
      ...(gpus.length
        ? gpus.map((gpu) => [
            t("GPU"),
            `${gpu.name}, ${t("{free} of {all} free", { free: formatBytes(gpu.free), all: formatBytes(gpu.memory) })}`,
          ])
        : [[t("GPU"), t("none found: training runs on the CPU")]]),
    ]),
  );

const versionsCard = (state) =>
  card(
    t("Versions"),
    facts(Object.entries(state.versions).map(([name, version]) => [name, h("span", { class: "mono" }, version)])),
  );
