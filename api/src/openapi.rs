//! The documents of `openapi/` are written by hand: these tests hold them to the code. What the
//! code answers is held to them by `tests/schemathesis`.

use std::collections::BTreeSet;

use axum::Router;
use serde_json::Value;

use crate::{app::App, health, operator, pages, problem::Kind, shop_router};

const SHOPPER: &str = include_str!("../openapi/shopper.json");
const OPERATOR: &str = include_str!("../openapi/operator.json");

fn documents() -> [Value; 2] {
    [SHOPPER, OPERATOR].map(|text| serde_json::from_str(text).unwrap())
}

/// What `pointer` (`#/…`) points to.
fn at<'a>(document: &'a Value, pointer: &str) -> &'a Value {
    let found = pointer.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
    found.unwrap_or_else(|| panic!("{pointer} is not there"))
}

/// The value, or what it refers to.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value["$ref"].as_str().map_or(value, |pointer| at(document, pointer))
}

/// Every text within `value`.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// Each operation, by its method and path.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let each = |(path, item): (&String, &'_ Value)| -> Vec<_> {
        let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
        methods
            .map(|key| (format!("{} {path}", key.to_uppercase()), path.clone(), key.clone()))
            .collect()
    };
    let named = paths.iter().flat_map(each);
    named.map(|(name, path, method)| (name, &paths[&path][&method])).collect()
}

fn kind(slug: &str) -> Kind {
    let mut kinds = Kind::ALL.iter().copied();
    kinds.find(|kind| kind.slug() == slug).unwrap_or_else(|| panic!("there is no problem {slug}"))
}

/// The methods and paths that a router takes, by its `Debug`: axum tells them in no other way.
fn routes(router: &Router<App>) -> BTreeSet<String> {
    let told = format!("{router:?}");
    let told = told.split("fallback_router").next().unwrap();
    let entries: Vec<_> =
        told.split("RouteId(").filter_map(|entry| entry.split_once("): ")).collect();
    let between = |text, before, after| {
        let (_, text) = str::split_once(text, before)?;
        text.split_once(after).map(|(text, _)| text)
    };
    let mut routes = BTreeSet::new();
    for (route, entry) in &entries {
        let Some(path) = entry.strip_prefix('"').and_then(|path| path.split('"').next()) else {
            continue;
        };
        let mut same = entries.iter().filter(|(other, _)| other == route);
        let methods = same.find_map(|(_, entry)| between(entry, "allow_header: Bytes(b\"", "\""));
        let methods = methods.unwrap_or("ANY").split(',').filter(|method| *method != "HEAD");
        routes.extend(methods.map(|method| format!("{method} {path}")));
    }
    assert!(!routes.is_empty(), "axum's Debug has another form now: {told}");
    routes
}

#[test]
fn every_operation_is_a_route_and_every_route_an_operation() {
    let [shopper, operator] = documents();
    let operations = |document| -> BTreeSet<_> {
        operations(document).into_iter().map(|(name, _)| name).collect()
    };
    let mut others = routes(&pages::router("http://shop.example"));
    others.extend(routes(&pages::description("{}")));
    let mut shop = routes(&shop_router("http://shop.example").merge(health::router()));
    shop.retain(|route| !others.contains(route));
    assert_eq!(operations(&shopper), shop);

    let both = operator::guarded().merge(operator::open());
    let mut operators = routes(&both.merge(health::router()));
    operators.retain(|route| !others.contains(route));
    assert_eq!(operations(&operator), operators);
}

#[test]
fn a_currency_is_described_as_the_domain_reads_it() {
    for document in documents() {
        let described = texts(&document["components"]["schemas"]["Currency"]["enum"]);
        assert_eq!(described, domain::Currency::codes().collect::<Vec<_>>());
    }
}

#[test]
fn every_reference_resolves() {
    for document in documents() {
        let pointers = texts(&document).into_iter().filter(|text| text.starts_with("#/"));
        for pointer in pointers {
            at(&document, pointer);
        }
        let mut ids = BTreeSet::new();
        for (name, operation) in operations(&document) {
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{name}");
        }
    }
}

#[test]
fn every_problem_is_named_and_every_name_is_a_problem() {
    let mut named = BTreeSet::new();
    for document in documents() {
        for text in texts(&document) {
            let slugs = text.split("/problems/").skip(1);
            let end = |slug: &str| slug.find(|c: char| !c.is_ascii_lowercase() && c != '-');
            let slugs = slugs.map(|slug| &slug[..end(slug).unwrap_or(slug.len())]);
            named.extend(slugs.filter(|slug| !slug.is_empty()).map(str::to_owned));
        }
    }
    let all: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.slug().to_owned()).collect();
    assert_eq!(named, all);
}

#[test]
fn every_answer_has_the_problems_of_its_status_and_an_id() {
    for document in documents() {
        for (name, operation) in operations(&document) {
            for (status, answer) in operation["responses"].as_object().unwrap() {
                let answer = resolved(&document, answer);
                assert!(answer["headers"]["X-Request-Id"].is_object(), "{name} {status}");
                let problem = &answer["content"]["application/problem+json"];
                assert_eq!(problem.is_object(), status.as_str() >= "400", "{name} {status}");
                if problem.is_object() {
                    let slugs = problems(&document, &problem["schema"], status);
                    let examples = problem["examples"].as_object().unwrap();
                    assert_eq!(slugs, examples.keys().cloned().collect(), "{name} {status}");
                }
            }
        }
    }
}

/// The problems of a schema, each of which has to have this status.
fn problems(document: &Value, schema: &Value, status: &str) -> BTreeSet<String> {
    let one = std::slice::from_ref(schema);
    let schemas = schema["oneOf"].as_array().map_or(one, Vec::as_slice);
    let slug = |schema| {
        let own = &resolved(document, schema)["allOf"][1]["properties"];
        let slug = own["type"]["const"].as_str().unwrap().strip_prefix("/problems/").unwrap();
        let code = kind(slug).status().as_u16();
        assert_eq!(
            (own["status"]["const"].as_u64(), status),
            (Some(code.into()), &*code.to_string())
        );
        slug.to_owned()
    };
    schemas.iter().map(slug).collect()
}

#[test]
fn an_example_of_a_problem_has_the_words_of_its_page() {
    for document in documents() {
        let answers = document["components"]["responses"].as_object().unwrap().values();
        let own = operations(&document);
        let own = own.iter().flat_map(|(_, op)| op["responses"].as_object().unwrap().values());
        for answer in answers.chain(own) {
            let examples = &answer["content"]["application/problem+json"]["examples"];
            for (slug, example) in examples.as_object().into_iter().flatten() {
                assert_eq!(example["value"]["title"], kind(slug).title());
                assert_eq!(example["value"]["type"], format!("/problems/{slug}"));
            }
        }
    }
}

#[test]
fn a_problem_is_described_in_the_words_of_its_page() {
    for document in documents() {
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            let Some(slug) = schema["allOf"][1]["properties"]["type"]["const"].as_str() else {
                continue;
            };
            let kind = kind(slug.strip_prefix("/problems/").unwrap());
            let words = format!("{}. {}", kind.title(), kind.help());
            assert_eq!(schema["description"], words, "{name}");
        }
    }
}

#[test]
fn the_documents_have_the_version_of_the_code() {
    for document in documents() {
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
