//! Ties the wire structs to their operations.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::Service;

/// A request whose wire struct is written down in this crate.
///
/// The implementing struct is the input; its fields are the members of the model, which a test checks.
pub trait ApiOperation: DeserializeOwned {
    /// The service and name of the operation.
    const KEY: OperationKey;
    /// What a successful answer carries.
    type Output: Serialize;
}

/// Names an operation: two services may have one of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationKey {
    /// The service.
    pub service: Service,
    /// The operation's name in the model.
    pub name: &'static str,
}

/// Implements [`ApiOperation`] for an input struct.
macro_rules! api_operation {
    ($input:ident, $service:ident, $name:literal, $output:ty) => {
        impl $crate::operation::ApiOperation for $input {
            const KEY: $crate::operation::OperationKey =
                $crate::operation::OperationKey { service: $crate::model::Service::$service, name: $name };
            type Output = $output;
        }
    };
}

pub(crate) use api_operation;

/// Compares the fields of a wire struct with the members of the model, so that neither can drift from the other.
#[cfg(test)]
pub(crate) mod drift {
    use std::collections::BTreeSet;

    use serde_json::{Map, Value, json};

    use super::*;
    use crate::model::{ServiceModel, ServiceModels, ShapeId, ShapeKind};
    use crate::timestamp::WireTimestamp;

    /// Asserts that input and output of an operation read and write every member of the model and no other.
    pub(crate) fn assert_matches_model<T>()
    where
        T: ApiOperation + Serialize,
        T::Output: DeserializeOwned,
    {
        let models = ServiceModels::embedded().unwrap();
        let model = models.get(T::KEY.service).unwrap();
        let operation = model.operation(T::KEY.name).unwrap();
        assert_round_trip::<T>(model, operation.input(), "input");
        assert_required::<T>(model, operation.input());
        if operation.output().is_none() {
            // The struct stands for an empty body.
            let empty: T::Output = serde_json::from_value(json!({})).unwrap();
            assert_eq!(serde_json::to_value(&empty).unwrap(), json!({}));
            return;
        }
        assert_round_trip::<T::Output>(model, operation.output(), "output");
    }

    fn assert_round_trip<S: Serialize + DeserializeOwned>(
        model: &ServiceModel,
        shape: Option<ShapeId>,
        what: &str,
    ) {
        let example = example(model, shape.unwrap());
        // Every member that the model has survives the struct, and it writes no member that the model lacks.
        let read: S =
            serde_json::from_value(example.clone()).unwrap_or_else(|error| panic!("{what}: {error}"));
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(sorted_paths(&written), sorted_paths(&example), "{what}");
        assert_eq!(written, example, "{what}");
    }

    /// Asserts that a field is optional exactly where the member is, at the top of an input.
    fn assert_required<S: DeserializeOwned>(model: &ServiceModel, shape: Option<ShapeId>) {
        let example = example(model, shape.unwrap());
        for member in &model.structure(shape.unwrap()).unwrap().members {
            let mut without = example.clone();
            without.as_object_mut().unwrap().remove(&member.name);
            let read = serde_json::from_value::<S>(without);
            assert_eq!(read.is_err(), member.required, "{}", member.name);
        }
    }

    fn example(model: &ServiceModel, id: ShapeId) -> Value {
        match model.shape(id).kind() {
            ShapeKind::Structure(structure) => {
                let members = structure.members.iter();
                Value::Object(
                    members.map(|m| (m.name.clone(), example(model, m.shape))).collect::<Map<_, _>>(),
                )
            }
            ShapeKind::List(list) => json!([example(model, list.member)]),
            ShapeKind::Map(map) => json!({"key": example(model, map.value)}),
            ShapeKind::String(string) => json!(string.values.first().map_or("text", String::as_str)),
            ShapeKind::Integer(_) | ShapeKind::Long(_) => json!(1),
            ShapeKind::Double(_) => json!(1.5),
            ShapeKind::Boolean => json!(true),
            ShapeKind::Timestamp(_) => json!(WireTimestamp::from_millis(1_767_323_045_123)),
            ShapeKind::Blob(_) => json!("AQI="),
        }
    }

    fn sorted_paths(value: &Value) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        collect_paths("", value, &mut paths);
        paths
    }

    fn collect_paths(path: &str, value: &Value, paths: &mut BTreeSet<String>) {
        paths.insert(path.to_owned());
        let object = value.as_object().into_iter().flatten();
        for (name, value) in object {
            collect_paths(&format!("{path}.{name}"), value, paths);
        }
        for value in value.as_array().into_iter().flatten() {
            collect_paths(&format!("{path}[]"), value, paths);
        }
    }
}
