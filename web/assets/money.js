// Prices as shoppers read them. The server writes them the same way (api/src/pages/price.rs).

/** @typedef {{amount: number, currency: string}} Money */

const WITHOUT_MINOR_UNITS = new Set(["JPY", "KRW", "VND", "CLP", "ISK"]);
const SIGNS = new Map([["EUR", "€"], ["USD", "$"], ["GBP", "£"], ["JPY", "¥"]]);

/** @param {Money | null | undefined} money */
export function price(money) {
  if (!money) return "–";
  const digits = WITHOUT_MINOR_UNITS.has(money.currency) ? 0 : 2;
  const number = (money.amount / 10 ** digits).toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  const sign = SIGNS.get(money.currency);
  return sign ? sign + number : `${money.currency}\u00a0${number}`;
}

/** @param {Money} money @param {number} quantity @returns {Money} */
export function times(money, quantity) {
  return { amount: money.amount * quantity, currency: money.currency };
}

/** The sum; null for nothing, and for more than one currency. @param {Money[]} all */
export function sum(all) {
  const [first] = all;
  if (!first || all.some((money) => money.currency !== first.currency)) return null;
  return { amount: all.reduce((total, money) => total + money.amount, 0), currency: first.currency };
}

/** @param {Money | null | undefined} one @param {Money | null | undefined} other */
export function same(one, other) {
  return one?.amount === other?.amount && one?.currency === other?.currency;
}
