// The moving average that smooths a curve.
// @ts-check

/**
 * Exponential moving average of [[x, y]…], bias-corrected as Adam's: else the first points would weigh too much.
 * A point [x, y, n] is the mean of n points up to x. y that is not finite is left out.
 *
 * @param {number[][]} points
 * @returns {[number, number][]}
 */
export function smooth(points, weight = 0.9) {
  let [sum, share] = [0, 0];
  return points
    .filter(([, y]) => Number.isFinite(y))
    .map(([x, y, n = 1]) => {
      const decay = weight ** n;
      [sum, share] = [decay * sum + (1 - decay) * y, decay * share + (1 - decay)];
      return [x, sum / share];
    });
}
