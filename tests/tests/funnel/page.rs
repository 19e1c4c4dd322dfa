//! The dashboard's page of the funnel.

use reqwest::Method;
use system_tests::Shop;

async fn page(shop: &Shop, query: &[(&str, &str)]) -> (u16, String) {
    let request = shop.operator().request(Method::GET, "/funnel").query(query);
    let answer = request.send().await.unwrap();
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// A row of a table: its head, then its cells.
fn row(cells: &[&str]) -> String {
    let cell = |cell: &&str| format!("<td class=\"number\">{cell}</td>");
    let rest: String = cells[1..].iter().map(cell).collect();
    format!("<th scope=\"row\">{}</th>{rest}", cells[0])
}

#[tokio::test]
async fn the_page_says_in_tables_what_its_charts_show() {
    let shop = Shop::shared().await;
    let sku = shop.product(9).await;
    let left = shop.shopper();
    left.hold(&[(&sku, 1)]).await;
    left.cancel().await;
    left.reaches("cancelled").await;
    shop.shopper().hold(&[(&sku, 1)]).await;
    let (status, page) = page(&shop, &[("sku", &sku), ("from", ""), ("bucket", "week")]).await;
    assert_eq!(status, 200);
    assert!(page.contains(&row(&["Held", "0", "1", "0"])), "{page}");
    assert!(page.contains("<td class=\"number\">2</td><td>orders</td>"), "{page}");
    let product = row(&[&sku, "0", "0", "0", "2", "0", "0", "0", "1", "100.0 %", "–"]);
    assert!(page.contains(&product), "{page}");
    assert!(page.contains("2 held, 0 paid, 1 open, 1 abandoned"), "{page}");
    assert!(!page.contains(" style=") && !page.contains("<script>"), "{page}");
}

#[tokio::test]
async fn what_can_not_be_shown_is_said_on_the_page_and_what_was_typed_stays() {
    let shop = Shop::shared().await;
    let (status, page) = page(&shop, &[("sku", "<b>none"), ("from", "2026-11-01")]).await;
    assert_eq!(status, 422);
    assert!(page.contains("role=\"alert\">/sku: is not a product of this shop"), "{page}");
    assert!(page.contains("value=\"2026-11-01\"") && !page.contains("<b>none"), "{page}");
}
