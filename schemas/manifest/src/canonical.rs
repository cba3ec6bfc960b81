//! Objects as they are meant: merged, in the order of the schema, in the shortest exact units.

use crate::{
    read::Located,
    render::Places,
    schema,
    tree::{Node, child},
};
use model::{Object, object::API_VERSION};
use serde_json::{Map, Value, json};

/// How an object is written out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Every default is filled in.
    pub defaults: bool,
    /// Every value says where it came from.
    pub origin: bool,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// File and line.
    Line(String, usize),
    Default,
}

/// A value in the order of its schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Value(Value, Origin),
    List(Vec<Part>),
    Object(Vec<(String, Part)>),
}

/// The parts of an object that are written, or all of them.
pub fn parts(located: &Located, places: &Places<'_>, defaults: bool) -> Part {
    let whole = whole(&located.object);
    let walk = Walk { located, places, defaults };
    let kind = located.object.kind();
    walk.part("", schema::schema_of(kind), Some(&located.tree), &whole).unwrap_or(Part::Object(Vec::new()))
}

/// An object with all its defaults, as plain values.
pub fn whole(object: &Object) -> Value {
    let spec = match object {
        Object::Host(_, spec) => serde_json::to_value(spec),
        Object::Scenario(_, spec) => serde_json::to_value(spec),
        Object::RecoveryPlan(_, spec) => serde_json::to_value(spec),
    };
    json!({
        "apiVersion": API_VERSION,
        "kind": object.kind().as_str(),
        "metadata": object.metadata(),
        "spec": spec.unwrap_or_default(),
    })
}

impl Part {
    /// The plain value.
    pub fn value(&self) -> Value {
        match self {
            Part::Value(value, _) => value.clone(),
            Part::List(items) => Value::Array(items.iter().map(Part::value).collect()),
            Part::Object(fields) => {
                Value::Object(fields.iter().map(|(name, part)| (name.clone(), part.value())).collect::<Map<_, _>>())
            }
        }
    }

    /// The pointer and origin of every value.
    pub fn origins(&self) -> Vec<(String, &Origin)> {
        let mut found = Vec::new();
        self.collect("", &mut found);
        found
    }

    fn collect<'a>(&'a self, pointer: &str, found: &mut Vec<(String, &'a Origin)>) {
        match self {
            Part::Value(_, origin) => found.push((pointer.to_owned(), origin)),
            Part::List(items) => {
                items.iter().enumerate().for_each(|(at, item)| item.collect(&child(pointer, at), found));
            }
            Part::Object(fields) => {
                fields.iter().for_each(|(name, part)| part.collect(&child(pointer, name), found));
            }
        }
    }
}

struct Walk<'a, 'p> {
    located: &'a Located,
    /// Shared by all objects: each file is read once for its lines.
    places: &'a Places<'p>,
    defaults: bool,
}

impl Walk<'_, '_> {
    /// `node` is what was written, `whole` the same with its defaults.
    fn part(&self, pointer: &str, schema: &Value, node: Option<&Node>, whole: &Value) -> Option<Part> {
        Some(match whole {
            Value::Object(fields) => {
                let names = schema::fields(schema);
                // A map of text has no fields of its own: its keys are those that are there.
                let names: Vec<&str> =
                    if names.is_empty() { fields.keys().map(String::as_str).collect() } else { names };
                let field = |name: &str| {
                    let below = fields.get(name)?;
                    let node = node.and_then(|node| node.get(name));
                    if node.is_none() && !self.defaults {
                        return None;
                    }
                    let own = schema::subschema(schema, &child("", name)).unwrap_or(&Value::Null);
                    Some((name.to_owned(), self.part(&child(pointer, name), own, node, below)?))
                };
                Part::Object(names.into_iter().filter_map(field).collect())
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                let own = schema.get("items").unwrap_or(&Value::Null);
                let item = |(at, item): (usize, &Value)| {
                    let node = node.and_then(|node| node.list().get(at));
                    self.part(&child(pointer, at), own, node, item)
                };
                Part::List(items.iter().enumerate().filter_map(item).collect())
            }
            value => Part::Value(value.clone(), self.origin(pointer, node)),
        })
    }

    fn origin(&self, pointer: &str, node: Option<&Node>) -> Origin {
        let place = node.and_then(|_| self.located.at(pointer));
        let Some((file, span)) = place else { return Origin::Default };
        Origin::Line(self.places.path(file).to_owned(), self.places.line(file, span.start))
    }
}
