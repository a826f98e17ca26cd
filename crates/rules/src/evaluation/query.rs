//! Selections, and queries of arrays and objects (iot-sql-select, iot-sql-nested-queries).

use super::{Answer, Evaluated, EvaluationError, Evaluator, MEMBERS_PER_WORK, Scope, VALUE_WORK};
use crate::syntax::{Item, Query, Selection};
use crate::value::{Array, Object, Value};

impl<'v> Evaluator<'v> {
    /// What SELECT gives for the payload, or for an item of a nested query.
    pub(crate) fn select(self, selection: &'v Selection, scope: &Scope<'_, 'v>) -> Answer<'v> {
        match selection {
            Selection::Everything => Ok(Evaluated::Borrowed(scope.item)),
            Selection::Value(value) => self.evaluate(value, scope),
            Selection::Items(items) => self.select_items(items, scope),
        }
    }

    fn select_items(self, items: &'v [Item], scope: &Scope<'_, 'v>) -> Answer<'v> {
        let mut object = Object::default();
        for item in items {
            match item {
                Item::Everything => self.add_members(scope, &mut object)?,
                Item::Named { path, value } => {
                    let work = VALUE_WORK + object.members().len() / MEMBERS_PER_WORK;
                    self.work.charge(work.saturating_mul(path.len()))?;
                    object.set_path(path, self.own(self.evaluate(value, scope)?)?);
                }
            }
        }
        self.checked(Value::Object(object))
    }

    /// `*` beside other items: the members of what is selected from.
    fn add_members(self, scope: &Scope<'_, 'v>, object: &mut Object<'v>) -> Result<(), EvaluationError> {
        match scope.item {
            Value::Object(members) => {
                self.work.charge_value(scope.item)?;
                if object.members().is_empty() {
                    *object = members.clone();
                    return Ok(());
                }
                for (name, value) in members.members() {
                    self.work.charge(object.members().len() / MEMBERS_PER_WORK)?;
                    object.set(name.clone(), value.clone());
                }
                Ok(())
            }
            // Data can be added to an empty payload (binary-payloads).
            Value::Bytes(bytes) if bytes.is_empty() => Ok(()),
            // The items of an array need not be objects: those that are not have no members.
            Value::Undefined
            | Value::Null
            | Value::Boolean(_)
            | Value::Numeral(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Bytes(_)
            | Value::Array(_) => match scope.outer {
                Some(_) => Ok(()),
                None => Err(EvaluationError::NothingToAddTo { found: scope.item.kind() }),
            },
        }
    }

    /// A query of an array is an array; of an object, what the one selection gives.
    pub(super) fn query(self, query: &'v Query, scope: &Scope<'_, 'v>) -> Answer<'v> {
        match self.evaluate(&query.source, scope)? {
            Evaluated::Borrowed(source) => self.query_source(query, source, scope),
            // What is selected from a value that was just made must not borrow from it.
            Evaluated::Owned(source) => {
                let found = self.query_made_source(query, &source, scope)?;
                Ok(Evaluated::Owned(found))
            }
        }
    }

    fn query_source(self, query: &'v Query, source: &'v Value<'v>, scope: &Scope<'_, 'v>) -> Answer<'v> {
        let item_scope = |item| Scope { item, alias: query.alias.as_deref(), outer: Some(scope) };
        match source {
            Value::Array(array) => {
                let mut found = Array::default();
                for item in array.items() {
                    let item_scope = item_scope(item);
                    self.work.charge(VALUE_WORK)?;
                    if self.passes(query, &item_scope)? {
                        found.push(self.own(self.select(&query.selection, &item_scope)?)?);
                    }
                }
                self.checked(Value::Array(found))
            }
            Value::Object(_) => {
                let item_scope = item_scope(source);
                if self.passes(query, &item_scope)? {
                    return self.select(&query.selection, &item_scope);
                }
                Ok(Evaluated::UNDEFINED)
            }
            Value::Undefined
            | Value::Null
            | Value::Boolean(_)
            | Value::Numeral(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Bytes(_) => Ok(Evaluated::UNDEFINED),
        }
    }

    /// Whether a query finds anything: an item of an array, or the object, that passes WHERE.
    pub(super) fn exists(self, query: &'v Query, scope: &Scope<'_, 'v>) -> Result<bool, EvaluationError> {
        match self.evaluate(&query.source, scope)? {
            Evaluated::Borrowed(source) => self.exists_in(query, source, scope),
            Evaluated::Owned(source) => self.exists_in_made(query, &source, scope),
        }
    }

    fn exists_in(
        self,
        query: &'v Query,
        source: &'v Value<'v>,
        scope: &Scope<'_, 'v>,
    ) -> Result<bool, EvaluationError> {
        let items = match source {
            Value::Array(array) => array.items(),
            Value::Object(_) => std::slice::from_ref(source),
            Value::Undefined
            | Value::Null
            | Value::Boolean(_)
            | Value::Numeral(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Bytes(_) => &[],
        };
        for item in items {
            self.work.charge(VALUE_WORK)?;
            let item_scope = Scope { item, alias: query.alias.as_deref(), outer: Some(scope) };
            if self.passes(query, &item_scope)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn passes(self, query: &'v Query, scope: &Scope<'_, 'v>) -> Result<bool, EvaluationError> {
        query.condition.as_ref().map_or(Ok(true), |condition| self.holds(condition, scope))
    }

    // These two shorten the life of everything to that of the value that was made.

    fn query_made_source<'m>(
        self,
        query: &'v Query,
        source: &'m Value<'v>,
        scope: &Scope<'_, 'v>,
    ) -> Result<Value<'static>, EvaluationError> {
        let evaluator: Evaluator<'m> = self;
        let found = evaluator.query_source(query, source, scope)?;
        self.work.charge_value(&found)?;
        Ok(evaluator.own(found)?.into_owned())
    }

    fn exists_in_made<'m>(
        self,
        query: &'v Query,
        source: &'m Value<'v>,
        scope: &Scope<'_, 'v>,
    ) -> Result<bool, EvaluationError> {
        let evaluator: Evaluator<'m> = self;
        evaluator.exists_in(query, source, scope)
    }
}
