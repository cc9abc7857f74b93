// The catalogue in a table with a search; with ?name= one adapter and its lineage.
// @ts-check

import { define } from "../../api/view.js";
import { readQuery } from "../../lib/url.js";
import { adapterDetail } from "./detail.js";
import { adapterList } from "./list.js";

define("adapters", (ctx) => {
  const { name } = readQuery();
  if (name) adapterDetail(ctx, name);
  else adapterList(ctx);
});
