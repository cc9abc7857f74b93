// How datasets are named.
// @ts-check

/**
 * The dataset that a run or an adapter learned from; its first version by the name alone.
 *
 * @param {{ dataset_name: string, dataset_version: number }} made
 */
export const versionedName = ({ dataset_name: name, dataset_version: version }) =>
  version > 1 ? `${name}@${version}` : name;
