//! How pages look: sheets of `web/styles`, those that a page needs and no others.
//!
//! A page's style stands in the page. A sheet of its own would cost the first visit another way to
//! the server and back before anything is painted, and pages are small enough to be sent with it.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::assets;

/// What a page shows decides which sheets it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Look {
    /// The list of goods.
    Goods,
    /// A product, and further goods.
    Product,
    Cart,
    Till,
    Receipt,
    /// Words alone.
    Plain,
    /// An API's description.
    Docs,
    /// The operators' dashboard.
    Operators,
}

/// On every page.
const COMMON: [&str; 5] = ["tokens", "base", "frame", "controls", "words"];
/// What wins over everything: motion that is not wanted, colours that are forced.
const LAST: &str = "modes";

impl Look {
    const ALL: [Self; 8] = [
        Self::Goods,
        Self::Product,
        Self::Cart,
        Self::Till,
        Self::Receipt,
        Self::Plain,
        Self::Docs,
        Self::Operators,
    ];

    const fn own_sheets(self) -> &'static [&'static str] {
        match self {
            Self::Goods => &["goods"],
            Self::Product => &["goods", "product"],
            Self::Cart => &["summary", "cart", "contact"],
            Self::Till => &["summary", "till", "contact"],
            Self::Receipt => &["summary", "receipt"],
            Self::Plain => &["problems"],
            Self::Docs => &["docs"],
            Self::Operators => &["operators"],
        }
    }
}

/// The style of a page.
pub struct Style {
    pub text: String,
    /// What a page's policy allows it by (CSP, "hash-source").
    pub hash: String,
}

static STYLES: LazyLock<HashMap<Look, Arc<Style>>> =
    LazyLock::new(|| Look::ALL.map(|look| (look, Arc::new(Style::read(look)))).into());

/// The style that pages of this look have.
pub fn style(look: Look) -> Arc<Style> {
    let kept = STYLES.get(&look).filter(|_| !assets::are_from_folder());
    kept.map_or_else(|| Arc::new(Style::read(look)), Arc::clone)
}

impl Style {
    fn read(look: Look) -> Self {
        let sheets = COMMON.iter().chain(look.own_sheets()).chain([&LAST]);
        let text: String = sheets.filter_map(|sheet| sheet_of(sheet)).collect();
        let hash = format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
        Self { text, hash }
    }
}

fn sheet_of(name: &str) -> Option<String> {
    String::from_utf8(assets::read(&format!("styles/{name}.css"))?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_sheet_is_there_and_is_on_some_page() {
        let own = Look::ALL.iter().flat_map(|look| look.own_sheets());
        let used: BTreeSet<_> = COMMON.iter().chain(own).chain([&LAST]).copied().collect();
        for sheet in &used {
            assert!(sheet_of(sheet).is_some(), "there is no {sheet}.css");
        }
        let there: BTreeSet<_> = assets::names_in("styles/").collect();
        let used = used.iter().map(|sheet| format!("{sheet}.css")).collect();
        assert_eq!(there, used);
    }

    #[test]
    fn a_style_can_stand_in_a_page() {
        for look in Look::ALL {
            assert!(!style(look).text.contains("</"), "{look:?}");
        }
    }

    #[test]
    fn a_page_has_no_sheet_that_another_one_needs() {
        assert!(!style(Look::Product).text.contains("hold-countdown"));
        assert!(style(Look::Till).text.contains("hold-countdown"));
    }
}
