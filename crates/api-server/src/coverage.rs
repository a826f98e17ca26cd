use landfall_api::{RoutedOperation, Router, RouterError, Service};

use crate::handler::handlers;

/// An operation of AWS's service models, and whether it is built here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoveredOperation {
    /// The service.
    pub service: Service,
    /// The name of the operation.
    pub name: String,
    /// The HTTP method.
    pub method: String,
    /// The path with its labels, such as `/things/{thingName}`, and the query that tells it apart.
    pub uri: String,
    /// Whether AWS advises against its use.
    pub is_deprecated: bool,
    /// Whether it is built; else it is answered with 501.
    pub is_built: bool,
}

/// Every operation of every service, in the order of [`Service::ALL`] and then of their names: what the server's own table
/// of handlers says of them.
///
/// # Errors
/// The service models and the handlers do not fit together.
pub fn coverage() -> Result<Vec<CoveredOperation>, RouterError> {
    let router = Router::new(handlers())?;
    let covered = |operation: RoutedOperation<'_>| {
        let RoutedOperation { service, name, method, uri, is_deprecated, is_built } = operation;
        let (name, method) = (name.to_owned(), method.to_owned());
        CoveredOperation { service, name, method, uri, is_deprecated, is_built }
    };
    Ok(router.operations().map(covered).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_handler_is_built_and_nothing_else() {
        let covered = coverage().unwrap();
        let built = covered.iter().filter(|operation| operation.is_built).count();
        assert_eq!(built, handlers().len());
        let find = |name: &str| covered.iter().find(|operation| operation.name == name).unwrap();
        let publish = find("Publish");
        assert_eq!(
            (publish.service, &*publish.method, &*publish.uri),
            (Service::IotData, "POST", "/topics/{topic+}")
        );
        assert!(publish.is_built && !publish.is_deprecated);
        assert!(find("AttachPrincipalPolicy").is_deprecated);
        assert!(!find("CreateDynamicThingGroup").is_built);
    }
}
