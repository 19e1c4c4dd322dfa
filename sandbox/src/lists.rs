//! Lists, newest first (Stripe, "Pagination").

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
};

use serde_json::{Value, json};

use crate::{error::ApiError, form::Form, objects::Listed};

/// What a list is of.
pub struct Source<'a, T> {
    /// What one of them is called in errors.
    pub kind: &'static str,
    /// The path that lists them.
    pub url: &'static str,
    pub table: &'a BTreeMap<String, T>,
    /// The filters that it has besides those of every list.
    pub filters: &'static [&'static str],
}

impl<T: Listed> Source<'_, T> {
    /// One page of those that fit.
    pub fn page(
        &self,
        form: &Form,
        fits: impl Fn(&T) -> bool,
        json: impl Fn(&T) -> Value,
    ) -> Result<Value, ApiError> {
        let every_list = ["created[", "ending_before", "limit", "starting_after"];
        form.takes_only(&[self.filters, &every_list].concat())?;
        let limit = limit(form)?;
        let created = CreatedFilter::read(form)?;
        let fits = |object: &&T| created.fits(object.created()) && fits(object);
        let (after, before) =
            (self.cursor(form, "starting_after")?, self.cursor(form, "ending_before")?);
        if after.is_some() && before.is_some() {
            let message = "Received both starting_after and ending_before parameters. Please pass \
                           in only one.";
            return Err(ApiError::invalid("ending_before", message));
        }
        let mut page: Vec<&T> = match (after, before) {
            (_, Some(before)) => {
                let newer = self.table.range::<str, _>((Excluded(before), Unbounded));
                newer.map(|(_, object)| object).filter(fits).take(limit + 1).collect()
            }
            (after, None) => {
                let end = after.map_or(Unbounded, Excluded);
                let older = self.table.range::<str, _>((Unbounded, end)).rev();
                older.map(|(_, object)| object).filter(fits).take(limit + 1).collect()
            }
        };
        let has_more = page.len() > limit;
        page.truncate(limit);
        if before.is_some() {
            page.reverse();
        }
        let data: Vec<Value> = page.into_iter().map(json).collect();
        Ok(json!({"object": "list", "url": self.url, "has_more": has_more, "data": data}))
    }

    fn cursor<'f>(&self, form: &'f Form, name: &str) -> Result<Option<&'f str>, ApiError> {
        match form.text(name) {
            Some(id) if !self.table.contains_key(id) => Err(ApiError::missing(self.kind, id, name)),
            cursor => Ok(cursor),
        }
    }
}

/// How many a page holds.
pub fn limit(form: &Form) -> Result<usize, ApiError> {
    let limit = form.integer("limit")?.unwrap_or(10);
    let fits = usize::try_from(limit).ok().filter(|limit| (1..=100).contains(limit));
    fits.ok_or_else(|| {
        let message = format!("Invalid limit: {limit} is not between 1 and 100");
        ApiError::parameter("parameter_invalid_integer", "limit", message)
    })
}

/// Whether a filter is not given, or is this.
pub fn is(form: &Form, filter: &str, value: &str) -> bool {
    form.text(filter).is_none_or(|wanted| wanted == value)
}

/// `created=…` or `created[gte]=…` and its like, Unix times in seconds.
struct CreatedFilter {
    from: i64,
    to: i64,
}

impl CreatedFilter {
    fn read(form: &Form) -> Result<Self, ApiError> {
        let bound = |name: &str| form.integer(&format!("created[{name}]"));
        let from = [
            form.integer("created")?,
            bound("gte")?,
            bound("gt")?.map(|time| time.saturating_add(1)),
        ];
        let to = [
            form.integer("created")?,
            bound("lte")?,
            bound("lt")?.map(|time| time.saturating_sub(1)),
        ];
        Ok(Self {
            from: from.into_iter().flatten().max().unwrap_or(i64::MIN),
            to: to.into_iter().flatten().min().unwrap_or(i64::MAX),
        })
    }

    fn fits(&self, created: i64) -> bool {
        (self.from..=self.to).contains(&created)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Numbered(i64);

    impl Listed for Numbered {
        fn created(&self) -> i64 {
            self.0
        }
    }

    fn page(form: &str) -> (Vec<i64>, bool) {
        let table = (1..=9).map(|number| (format!("n_{number}"), Numbered(number))).collect();
        let source = Source { kind: "number", url: "/v1/numbers", table: &table, filters: &[] };
        let page =
            source.page(&Form::parse(form.as_bytes()), |_| true, |number| json!(number.0)).unwrap();
        let numbers = page["data"].as_array().unwrap().iter().map(|n| n.as_i64().unwrap());
        (numbers.collect(), page["has_more"] == true)
    }

    #[test]
    fn a_page_goes_on_where_the_one_before_ended() {
        assert_eq!(page("limit=4"), (vec![9, 8, 7, 6], true));
        assert_eq!(page("limit=4&starting_after=n_6"), (vec![5, 4, 3, 2], true));
        assert_eq!(page("limit=4&starting_after=n_2"), (vec![1], false));
    }

    #[test]
    fn a_page_that_ends_before_one_holds_the_next_newer_ones() {
        assert_eq!(page("limit=2&ending_before=n_5"), (vec![7, 6], true));
        assert_eq!(page("limit=9&ending_before=n_7"), (vec![9, 8], false));
    }

    #[test]
    fn times_are_bounds_or_exact() {
        assert_eq!(page("created[gt]=3&created[lte]=5"), (vec![5, 4], false));
        assert_eq!(page("created=7"), (vec![7], false));
    }

    #[test]
    fn a_cursor_is_the_id_of_something() {
        let table: BTreeMap<String, Numbered> = BTreeMap::new();
        let source = Source { kind: "number", url: "/v1/numbers", table: &table, filters: &[] };
        let form = Form::parse(b"starting_after=n_77");
        let refused = source.page(&form, |_| true, |_| Value::Null).unwrap_err();
        assert_eq!(refused.body["error"]["code"], "resource_missing");
    }
}
