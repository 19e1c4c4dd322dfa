//! Prices as shoppers read them. `web/assets/money.js` writes them the same way.

use domain::Money;

/// `€1,234.50`, or `CHF 12.00` where the currency has no sign that everybody knows.
pub fn price(money: Money) -> String {
    let number = number(money);
    let (whole, part) = number.split_once('.').unwrap_or((&number, ""));
    let whole = grouped(whole);
    let number = if part.is_empty() { whole } else { format!("{whole}.{part}") };
    match money.currency.as_str() {
        "EUR" => format!("€{number}"),
        "USD" => format!("${number}"),
        "GBP" => format!("£{number}"),
        "JPY" => format!("¥{number}"),
        code => format!("{code}\u{a0}{number}"),
    }
}

/// The amount alone, as structured data has it: `1234.50`.
pub fn number(money: Money) -> String {
    let text = money.to_string();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// The currency's digits are grouped by three.
fn grouped(digits: &str) -> String {
    let from_end = |index: usize| digits.len() - index;
    let separated = digits.char_indices().flat_map(|(index, digit)| {
        let comma = (index > 0 && from_end(index).is_multiple_of(3)).then_some(',');
        comma.into_iter().chain([digit])
    });
    separated.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_read_as_people_write_them() {
        let write = |amount, currency: &str| price(Money::new(amount, currency.parse().unwrap()));
        assert_eq!(write(1_200, "EUR"), "€12.00");
        assert_eq!(write(5, "EUR"), "€0.05");
        assert_eq!(write(123_456_789, "USD"), "$1,234,567.89");
        assert_eq!(write(12_000, "JPY"), "¥12,000");
        assert_eq!(write(1_250, "CHF"), "CHF\u{a0}12.50");
    }
}
