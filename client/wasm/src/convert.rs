//! Between the machine's types and JavaScript values.

use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use chat_client::{Change, Effect, Order, Query, Record, Table};

/// An object from its fields.
fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        // Setting a field of a fresh object does not fail.
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object.into()
}

fn bytes(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// A number that JavaScript holds exactly: ids and limits stay below 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "counted up from one, never near 2^53"
)]
fn exact(number: u64) -> JsValue {
    JsValue::from_f64(number as f64)
}

/// The way back of [`exact`].
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the page hands back a number that it was given"
)]
pub fn number(number: f64) -> u64 {
    number as u64
}

/// Records of the page's store; what is not a record is left out.
pub fn records_from_js(records: &Array) -> Vec<Record> {
    records
        .iter()
        .filter_map(|record| record_from_js(&record))
        .collect()
}

fn record_from_js(value: &JsValue) -> Option<Record> {
    let field = |name: &str| Reflect::get(value, &JsValue::from_str(name)).ok();
    let array = |name: &str| Some(field(name)?.dyn_into::<Uint8Array>().ok()?.to_vec());
    Some(Record {
        table: Table::from_name(&field("table")?.as_string()?)?,
        key: array("key")?,
        value: array("value")?,
    })
}

/// `{table, key, value}`, with `value` null where the record is to go.
pub fn change_to_js(change: &Change) -> JsValue {
    let (table, key, value) = match change {
        Change::Put(record) => (record.table, &record.key, bytes(&record.value)),
        Change::Delete { table, key } => (*table, key, JsValue::NULL),
    };
    object(&[
        ("table", table.name().into()),
        ("key", bytes(key)),
        ("value", value),
    ])
}

fn query_to_js(query: &Query) -> JsValue {
    match query {
        Query::Keys { table, keys } => {
            let keys: Array = keys.iter().map(|key| bytes(key)).collect();
            object(&[("table", table.name().into()), ("keys", keys.into())])
        }
        Query::Range {
            table,
            prefix,
            before,
            after,
            limit,
            order,
        } => {
            let key =
                |key: &Option<Vec<u8>>| key.as_ref().map_or(JsValue::UNDEFINED, |key| bytes(key));
            object(&[
                ("table", table.name().into()),
                ("prefix", bytes(prefix)),
                ("before", key(before)),
                ("after", key(after)),
                ("limit", exact(u64::try_from(*limit).unwrap_or(u64::MAX))),
                (
                    "descending",
                    JsValue::from_bool(*order == Order::Descending),
                ),
            ])
        }
    }
}

fn json<T: serde::Serialize>(value: &T) -> JsValue {
    let text = serde_json::to_string(value).expect("the JSON forms hold no map with odd keys");
    JsValue::from_str(&text)
}

/// Effects as an array of objects with a `type`, in order.
pub fn effects_to_js(effects: Vec<Effect>) -> Array {
    effects
        .into_iter()
        .map(|effect| effect_to_js(&effect))
        .collect()
}

fn effect_to_js(effect: &Effect) -> JsValue {
    match effect {
        Effect::Persist(changes) => {
            let changes: Array = changes.iter().map(change_to_js).collect();
            object(&[("type", "persist".into()), ("changes", changes.into())])
        }
        Effect::Load { load, query } => object(&[
            ("type", "load".into()),
            ("load", exact(*load)),
            ("query", query_to_js(query)),
        ]),
        Effect::Transmit(frame) => object(&[("type", "transmit".into()), ("frame", bytes(frame))]),
        Effect::Answer { id, outcome } => {
            let (name, value) = match outcome {
                Ok(reply) => ("ok", json(reply)),
                Err(failure) => ("error", json(failure)),
            };
            object(&[("type", "answer".into()), ("id", exact(*id)), (name, value)])
        }
        Effect::Event(event) => object(&[("type", "event".into()), ("event", json(event))]),
        Effect::CloseConnection { reason } => {
            object(&[("type", "close".into()), ("reason", (*reason).into())])
        }
    }
}
