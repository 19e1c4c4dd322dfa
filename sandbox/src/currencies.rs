//! What can be charged (Stripe, "Supported currencies").

use crate::{error::ApiError, form::Form};

/// The most that one charge takes, in minor units.
const LARGEST_MINOR: i64 = 99_999_999;

const SUPPORTED: &str = "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd \
    bnd bob brl bsd bwp byn bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur \
    fjd fkp gbp gel ghs gip gmd gnf gtq gyd hkd hnl hrk htg huf idr ils inr isk jmd jod jpy kes \
    kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn \
    myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd \
    scr sek sgd shp sle sos srd std svc szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd \
    vuv wst xaf xcd xof xpf yer zar zmw";

/// The least that is charged in a currency, in minor units. A currency that Stripe's page does
/// not list has the 50 of most.
fn smallest_minor(currency: &str) -> i64 {
    match currency {
        "gbp" => 30,
        "dkk" => 250,
        "nok" | "sek" => 300,
        "aed" | "myr" | "pln" | "ron" => 200,
        "bgn" => 100,
        "czk" => 1_500,
        "hkd" => 400,
        "huf" => 17_500,
        "mxn" | "thb" => 1_000,
        _ => 50,
    }
}

/// The parameter `currency`, in lower case.
pub fn currency(form: &Form) -> Result<String, ApiError> {
    let currency = form.required("currency")?.to_ascii_lowercase();
    if SUPPORTED.split_whitespace().any(|supported| supported == currency) {
        return Ok(currency);
    }
    let supported: Vec<_> = SUPPORTED.split_whitespace().collect();
    let supported = supported.join(", ");
    let message = format!(
        "Invalid currency: {currency}. Stripe currently supports these currencies: {supported}"
    );
    Err(ApiError::invalid("currency", message))
}

/// The parameter `amount`, of `currency`.
pub fn amount(form: &Form, currency: &str) -> Result<i64, ApiError> {
    form.required("amount")?;
    let amount = form.integer("amount")?.unwrap_or_default();
    at_least_one("amount", amount)?;
    let smallest = smallest_minor(currency);
    if amount < smallest {
        let message = format!("Amount must be at least {smallest} {currency}, in minor units");
        return Err(ApiError::parameter("amount_too_small", "amount", message));
    }
    if amount > LARGEST_MINOR {
        let message = format!("Amount must be no more than {LARGEST_MINOR}, in minor units");
        return Err(ApiError::parameter("amount_too_large", "amount", message));
    }
    Ok(amount)
}

/// Refuses nothing and less than nothing.
pub fn at_least_one(param: &str, amount: i64) -> Result<(), ApiError> {
    if amount >= 1 {
        return Ok(());
    }
    let message = "This value must be greater than or equal to 1.";
    Err(ApiError::parameter("parameter_invalid_integer", param, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charged(form: &[u8]) -> Result<i64, String> {
        let form = Form::parse(form);
        let currency = currency(&form).map_err(|error| error.body.to_string())?;
        amount(&form, &currency).map_err(|error| error.body["error"]["code"].to_string())
    }

    #[test]
    fn a_charge_is_from_its_currencys_least_to_eight_digits() {
        assert_eq!(charged(b"currency=EUR&amount=50"), Ok(50));
        assert_eq!(charged(b"currency=eur&amount=99999999"), Ok(99_999_999));
        assert_eq!(charged(b"currency=eur&amount=49").unwrap_err(), "\"amount_too_small\"");
        assert_eq!(charged(b"currency=gbp&amount=30"), Ok(30));
        assert_eq!(charged(b"currency=eur&amount=100000000").unwrap_err(), "\"amount_too_large\"");
        assert!(charged(b"currency=eur&amount=-1").unwrap_err().contains("parameter_invalid"));
    }

    #[test]
    fn a_currency_is_one_that_exists() {
        assert!(charged(b"currency=xyz&amount=500").unwrap_err().contains("Invalid currency: xyz"));
    }
}
