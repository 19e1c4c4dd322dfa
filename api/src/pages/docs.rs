//! A listener's API, described for people: a page made of its OpenAPI document.

use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::{Router, response::Response, routing::get};
use serde_json::{Map, Value};

use super::{
    plain,
    style::{Look, Style, style},
};
use crate::{app::App, problem::Answer};

/// `/docs`, of an OpenAPI 3.1 document.
pub fn docs(document: &'static str) -> Router<App> {
    let read = move || Reference::read(&serde_json::from_str(document).unwrap_or_default());
    let reference = Arc::new(LazyLock::new(read));
    let page = get(async move || -> Answer<Response> {
        let page = Docs { reference: &reference, style: style(Look::Docs) };
        plain(&page, &page.style)
    });
    Router::new().route("/docs", page.clone()).route("/docs/", page)
}

#[derive(Template)]
#[template(path = "docs.html")]
struct Docs<'a> {
    reference: &'a Reference,
    style: Arc<Style>,
}

struct Reference {
    title: String,
    about: Vec<Paragraph>,
    groups: Vec<Group>,
    schemas: Vec<Schema>,
}

/// The operations of a tag.
struct Group {
    name: String,
    about: Vec<Paragraph>,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    about: Vec<Paragraph>,
    /// The names of what may be shown for it, any one of them; none when nothing has to be.
    credentials: Vec<String>,
    parameters: Vec<Member>,
    body: Vec<Content>,
    answers: Vec<Reply>,
}

struct Reply {
    status: String,
    about: Vec<Paragraph>,
    content: Vec<Content>,
}

struct Content {
    media_type: String,
    shape: Vec<Part>,
    example: Option<String>,
}

struct Schema {
    name: String,
    about: Vec<Paragraph>,
    shape: Vec<Part>,
    members: Vec<Member>,
}

/// A member of an object, or a parameter.
#[derive(Clone)]
struct Member {
    name: String,
    /// In which part of a request a parameter stands.
    place: Option<String>,
    required: bool,
    about: Vec<Paragraph>,
    shape: Vec<Part>,
}

type Paragraph = Vec<Span>;

/// Words, or what stands between backticks.
#[derive(Clone)]
struct Span {
    is_code: bool,
    text: String,
}

/// Words that say what values there are, or the name of a schema that does.
#[derive(Clone)]
struct Part {
    text: String,
    is_schema: bool,
}

impl Reference {
    fn read(document: &Value) -> Self {
        let reader = Reader { document };
        let groups = items(&document["tags"]).map(|tag| reader.group(tag)).collect();
        let schemas = members(&document["components"]["schemas"]);
        Self {
            title: text(&document["info"]["title"]),
            about: prose(&document["info"]["description"]),
            groups,
            schemas: schemas.map(|(name, schema)| reader.schema(name, schema)).collect(),
        }
    }
}

struct Reader<'a> {
    document: &'a Value,
}

impl<'a> Reader<'a> {
    /// What a reference stands for, or the value itself.
    fn resolved(&self, value: &'a Value) -> &'a Value {
        let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| self.document.pointer(pointer)).unwrap_or(value)
    }

    fn group(&self, tag: &'a Value) -> Group {
        let mut operations = Vec::new();
        for (path, item) in members(&self.document["paths"]) {
            let of_tag = members(item)
                .filter(|(_, operation)| items(&operation["tags"]).any(|it| it == &tag["name"]));
            // Parameters that the path's operations share stand beside them.
            let shared = items(&item["parameters"]).map(|it| self.parameter(it));
            let shared: Vec<_> = shared.collect();
            operations.extend(of_tag.map(|(method, operation)| {
                let mut described = self.operation(path, method, operation);
                described.parameters.splice(0..0, shared.iter().cloned());
                described
            }));
        }
        Group { name: text(&tag["name"]), about: prose(&tag["description"]), operations }
    }

    fn operation(&self, path: &str, method: &str, operation: &'a Value) -> Operation {
        let security = operation.get("security").unwrap_or(&self.document["security"]);
        let credentials = items(security).flat_map(members).map(|(name, _)| name.to_owned());
        let parameters = items(&operation["parameters"]).map(|it| self.parameter(it));
        let answers = members(&operation["responses"]).map(|(status, reply)| {
            let reply = self.resolved(reply);
            let about = prose(&reply["description"]);
            Reply { status: status.to_owned(), about, content: self.content(reply) }
        });
        Operation {
            id: text(&operation["operationId"]),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(&operation["summary"]),
            about: prose(&operation["description"]),
            credentials: credentials.collect(),
            parameters: parameters.collect(),
            body: self.content(self.resolved(&operation["requestBody"])),
            answers: answers.collect(),
        }
    }

    fn parameter(&self, parameter: &'a Value) -> Member {
        let parameter = self.resolved(parameter);
        Member {
            name: text(&parameter["name"]),
            place: Some(text(&parameter["in"])),
            required: parameter["required"] == true,
            about: prose(&parameter["description"]),
            shape: shape(&parameter["schema"]),
        }
    }

    fn content(&self, of: &'a Value) -> Vec<Content> {
        let content = members(&of["content"]).map(|(media_type, content)| {
            let first = members(&content["examples"]).next();
            let first = first.map(|(_, example)| &self.resolved(example)["value"]);
            let example = content.get("example").or(first);
            Content {
                media_type: media_type.to_owned(),
                shape: shape(&content["schema"]),
                example: example.map(|it| match it {
                    Value::String(text) => text.clone(),
                    json => format!("{json:#}"),
                }),
            }
        });
        content.collect()
    }

    fn schema(&self, name: &str, schema: &'a Value) -> Schema {
        let own = members(&schema["properties"]).map(move |member| (schema, member));
        let of_parts = items(&schema["allOf"])
            .map(|part| self.resolved(part))
            .flat_map(|part| members(&part["properties"]).map(move |member| (part, member)));
        let members = own.chain(of_parts).map(|(of, (name, member))| Member {
            name: name.to_owned(),
            place: None,
            required: items(&of["required"]).any(|required| required == name),
            about: prose(&member["description"]),
            shape: shape(member),
        });
        Schema {
            name: name.to_owned(),
            about: prose(&schema["description"]),
            shape: shape(schema),
            members: members.collect(),
        }
    }
}

/// Says what values a schema takes.
fn shape(schema: &Value) -> Vec<Part> {
    let mut parts = Vec::new();
    say(schema, &mut parts);
    parts
}

fn say(schema: &Value, parts: &mut Vec<Part>) {
    let words = |text: String| Part { text, is_schema: false };
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or(reference).to_owned();
        parts.push(Part { text: name, is_schema: true });
        return;
    }
    for (key, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        for (number, option) in items(&schema[key]).enumerate() {
            if number > 0 {
                parts.push(words(between.to_owned()));
            }
            say(option, parts);
        }
        if schema.get(key).is_some() {
            return;
        }
    }
    if let Some(value) = schema.get("const") {
        return parts.push(words(value.to_string()));
    }
    if schema.get("enum").is_some() {
        let values: Vec<_> = items(&schema["enum"]).map(ToString::to_string).collect();
        return parts.push(words(format!("one of {}", values.join(", "))));
    }
    if let Some(inline) = schema.get("properties") {
        for (number, (name, member)) in members(inline).enumerate() {
            parts.push(words(format!("{}{name}: ", if number == 0 { "{ " } else { ", " })));
            say(member, parts);
        }
        return parts.push(words(" }".to_owned()));
    }
    let types: Vec<_> = match &schema["type"] {
        Value::String(name) => vec![name.clone()],
        several => items(several).map(text).collect(),
    };
    let mut said = if types.is_empty() { "anything".to_owned() } else { types.join(" or ") };
    for (key, before, after) in LIMITS {
        if let Some(limit) = schema.get(key) {
            said.extend([", ", before, &text(limit), after]);
        }
    }
    if let Some(of) = schema.get("items") {
        parts.push(words(said + " of "));
        return say(of, parts);
    }
    parts.push(words(said));
}

/// What limits a value, and how that is said.
const LIMITS: [(&str, &str, &str); 9] = [
    ("format", "", ""),
    ("minimum", "at least ", ""),
    ("maximum", "at most ", ""),
    ("minLength", "at least ", " long"),
    ("maxLength", "at most ", " long"),
    ("minItems", "at least ", " items"),
    ("maxItems", "at most ", " items"),
    ("pattern", "matches ", ""),
    ("default", "", " when missing"),
];

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Paragraphs of words and code. Nothing else of Markdown is used in the documents.
fn prose(value: &Value) -> Vec<Paragraph> {
    let span =
        |(number, text): (usize, &str)| Span { is_code: number % 2 == 1, text: text.to_owned() };
    let paragraphs = value.as_str().into_iter().flat_map(|text| text.split("\n\n"));
    paragraphs.map(|paragraph| paragraph.split('`').enumerate().map(span).collect()).collect()
}
