// The moving average that smooths a curve.
// @ts-check

/**
 * Exponential moving average of [[x, y]…], bias-corrected as Adam's: else the first points would weigh too much.
 * A point [x, y, n] is the mean of n points up to x. y that is not finite is left out.
 *
 * @param {number[][]} points
 * @returns {[number, number][]}
 */
export function smoothed(points, weight = 0.9) {
  let [sum, share] = [0, 0];
  return points
    .filter(([, y]) => Number.isFinite(y))
    .map(([x, y, n = 1]) => {
      const kept = weight ** n;
      [sum, share] = [kept * sum + (1 - kept) * y, kept * share + (1 - kept)];
      return [x, sum / share];
    });
}
