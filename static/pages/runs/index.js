// All runs with the queue; with ?id= one run, live; with ?ids= or ?sweep= some side by side. The parts are in runs/.
// @ts-check

import { define } from "../../api/view.js";
import { readQuery } from "../../lib/url.js";
import { compareRuns } from "./compare.js";
import { runDetail } from "./detail.js";
import { runList } from "./list.js";

define("runs", (ctx) => {
  const query = readQuery();
  if (query.ids || query.sweep) compareRuns(ctx, query);
  else if (Number(query.id)) runDetail(ctx, Number(query.id));
  else runList(ctx);
});
