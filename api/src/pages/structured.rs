//! What search engines are told (schema.org). A block of data: browsers don't run it, and a
//! Content-Security-Policy has nothing against it.

use read_model::Product;
use serde_json::{Value, json};

use super::price;

/// A product and its offer.
pub fn product(product: &Product, public_url: &str) -> String {
    let url = format!("{public_url}/products/{}", product.sku);
    as_data_block(&json!({
        "@context": "https://schema.org", "@type": "Product",
        "sku": product.sku, "name": product.name, "description": product.description,
        "image": product.image_url.as_deref().map(|image| absolute(image, public_url)),
        "url": url,
        "offers": {
            "@type": "Offer", "url": url, "availability": availability(product),
            "price": price::number(product.price), "priceCurrency": product.price.currency,
        },
    }))
}

/// An address that a picture or a page has for others.
pub fn absolute(address: &str, public_url: &str) -> String {
    if address.starts_with('/') { format!("{public_url}{address}") } else { address.to_owned() }
}

fn availability(product: &Product) -> &'static str {
    match crate::products::availability(product) {
        "out_of_stock" => "https://schema.org/OutOfStock",
        "low_stock" => "https://schema.org/LimitedAvailability",
        _ => "https://schema.org/InStock",
    }
}

/// JSON that can't end the element that it stands in.
fn as_data_block(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_block() {
        let block = as_data_block(&json!({"name": "</script><script>alert(1)</script>"}));
        assert!(!block.contains('<'), "{block}");
        let read: Value = serde_json::from_str(&block).unwrap();
        assert_eq!(read["name"], "</script><script>alert(1)</script>");
    }
}
