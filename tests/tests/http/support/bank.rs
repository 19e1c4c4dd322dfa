//! The bank's page of 3-D Secure, on the payment sandbox.

use reqwest::{Client, StatusCode, redirect::Policy};
use serde_json::Value;

/// The page that a shopper is sent to.
pub struct Bank {
    url: String,
    http: Client,
}

impl Bank {
    /// The page that `checkout` sends its shopper to.
    #[track_caller]
    pub fn of(checkout: &Value) -> Self {
        let url = checkout["payment"]["next_action"]["redirect_url"].as_str();
        let url = url.unwrap_or_else(|| panic!("nowhere to go in {checkout}")).to_owned();
        Self {
            url,
            http: Client::builder().tls_certs_only([]).redirect(Policy::none()).build().unwrap(),
        }
    }

    /// What the page shows.
    pub async fn page(&self) -> String {
        let page = self.http.get(&self.url).send().await.unwrap();
        assert_eq!(page.status(), 200);
        page.text().await.unwrap()
    }

    /// Presses one of the page's buttons.
    pub async fn answer(&self, answer: &str) -> StatusCode {
        let pressed = self.http.post(&self.url).form(&[("answer", answer)]);
        pressed.send().await.unwrap().status()
    }
}
