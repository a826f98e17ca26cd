//! Which operation a method, path and query call.

use std::collections::HashMap;
use std::fmt;

use crate::http::HttpRequest;
use crate::model::{Operation, ServiceModel};
use crate::percent;

/// The path of an operation, with labels in the place of values, and the query that tells it apart from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriTemplate {
    segments: Vec<Segment>,
    query: Vec<(String, String)>,
}

/// One segment of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// This very text.
    Literal(String),
    /// Any one segment; the value of the input member of this wire name.
    Label(String),
    /// All the segments that are left, at least one, with the slashes between them.
    Greedy(String),
}

impl UriTemplate {
    /// Reads a `requestUri` of a service model.
    pub fn parse(uri: &str) -> Self {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let segments = path.split('/').filter(|segment| !segment.is_empty()).map(|segment| {
            match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                None => Segment::Literal(segment.to_owned()),
                Some(label) => match label.strip_suffix('+') {
                    None => Segment::Label(label.to_owned()),
                    Some(greedy) => Segment::Greedy(greedy.to_owned()),
                },
            }
        });
        let query = percent::raw_pairs(query).map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { segments: segments.collect(), query: query.collect() }
    }

    /// The segments of the path.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The names and values that the query must have.
    pub fn query(&self) -> &[(String, String)] {
        &self.query
    }

    fn is_greedy(&self) -> bool {
        self.segments.iter().any(|segment| match segment {
            Segment::Greedy(_) => true,
            Segment::Literal(_) | Segment::Label(_) => false,
        })
    }

    /// Sorts templates so that the more particular one comes first: a literal before a label before a greedy label,
    /// from the left, then the one that asks more of the query.
    fn rank(&self) -> (Vec<u8>, std::cmp::Reverse<usize>) {
        let ranks = self.segments.iter().map(|segment| match segment {
            Segment::Literal(_) => 0,
            Segment::Label(_) => 1,
            Segment::Greedy(_) => 2,
        });
        (ranks.collect(), std::cmp::Reverse(self.query.len()))
    }

    fn match_path(&self, path: &Path) -> Option<Vec<(String, String)>> {
        let mut labels = Vec::new();
        let mut rest = &*path.segments;
        for segment in &self.segments {
            let (first, others) = rest.split_first()?;
            match segment {
                Segment::Literal(literal) if literal == first => rest = others,
                Segment::Literal(_) => return None,
                Segment::Label(label) => {
                    labels.push((label.clone(), first.clone()));
                    rest = others;
                }
                Segment::Greedy(label) => {
                    let end = if path.ends_with_slash { "/" } else { "" };
                    labels.push((label.clone(), rest.join("/") + end));
                    rest = &[];
                }
            }
        }
        rest.is_empty().then_some(labels)
    }

    fn match_query(&self, pairs: &[(String, String)]) -> bool {
        self.query.iter().all(|wanted| pairs.contains(wanted))
    }
}

/// As the service models write it, such as `/things/{thingName}`.
impl fmt::Display for UriTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            f.write_str("/")?;
        }
        for segment in &self.segments {
            match segment {
                Segment::Literal(literal) => write!(f, "/{literal}")?,
                Segment::Label(label) => write!(f, "/{{{label}}}")?,
                Segment::Greedy(label) => write!(f, "/{{{label}+}}")?,
            }
        }
        for (index, (name, value)) in self.query.iter().enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            let equals = if value.is_empty() { "" } else { "=" };
            write!(f, "{separator}{name}{equals}{value}")?;
        }
        Ok(())
    }
}

/// The operation that a request calls.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Match {
    /// The index of the operation in its model.
    pub(crate) operation: usize,
    /// The labels by their names, decoded.
    pub(crate) labels: Vec<(String, String)>,
}

/// The operations of one service, arranged for look-up.
#[derive(Debug)]
pub(crate) struct RouteTable {
    /// By method and number of segments, the most particular first.
    exact: HashMap<(String, usize), Vec<usize>>,
    /// Those with a greedy label, by method.
    greedy: HashMap<String, Vec<usize>>,
}

impl RouteTable {
    /// Arranges the operations of a model.
    pub(crate) fn new(model: &ServiceModel) -> Self {
        let mut order: Vec<(usize, &Operation)> = model.operations().iter().enumerate().collect();
        order.sort_by_cached_key(|(_, operation)| operation.uri().rank());
        let mut table = Self { exact: HashMap::new(), greedy: HashMap::new() };
        for (index, operation) in order {
            let method = operation.method().to_owned();
            let list = if operation.uri().is_greedy() {
                table.greedy.entry(method).or_default()
            } else {
                table.exact.entry((method, operation.uri().segments().len())).or_default()
            };
            list.push(index);
        }
        table
    }

    /// Finds the operation that a request calls.
    pub(crate) fn find(&self, model: &ServiceModel, request: &HttpRequest) -> Option<Match> {
        let path = Path::parse(&request.path)?;
        let pairs = request.query_pairs().unwrap_or_default();
        let exact = self.exact.get(&(request.method.clone(), path.segments.len())).into_iter().flatten();
        let greedy = self.greedy.get(&request.method).into_iter().flatten();
        exact.chain(greedy).find_map(|&index| {
            let uri = model.operations().get(index)?.uri();
            let labels = uri.match_path(&path)?;
            uri.match_query(&pairs).then_some(Match { operation: index, labels })
        })
    }
}

/// A path that was asked for.
#[derive(Debug)]
struct Path {
    /// Its decoded segments.
    segments: Vec<String>,
    /// Whether a slash stands at its end, which means nothing but to a greedy label.
    ends_with_slash: bool,
}

impl Path {
    /// Reads a path.
    ///
    /// `None` for a path that a signature does not fix: signing drops empty and dot segments, so whoever is between the
    /// client and us could add them and change the meaning of what was signed. `None` too when an escape is malformed.
    fn parse(path: &str) -> Option<Self> {
        let inner = path.strip_prefix('/')?;
        let (inner, ends_with_slash) = inner.strip_suffix('/').map_or((inner, false), |inner| (inner, true));
        let segment = |segment| match segment {
            "" | "." | ".." => None,
            other => percent::decode_segment(other),
        };
        let segments = if inner.is_empty() {
            Vec::new()
        } else {
            inner.split('/').map(segment).collect::<Option<_>>()?
        };
        Some(Self { segments, ends_with_slash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Service, ServiceModels};

    fn find(service: Service, method: &str, target: &str) -> Option<(String, Vec<(String, String)>)> {
        let models = ServiceModels::embedded().unwrap();
        let model = models.get(service).unwrap();
        let found = RouteTable::new(model).find(model, &HttpRequest::new(method, target))?;
        Some((model.operations()[found.operation].name().to_owned(), found.labels))
    }

    #[test]
    fn every_operation_is_found_by_its_own_uri() {
        let models = ServiceModels::embedded().unwrap();
        let mut shadowed = Vec::new();
        for model in models.iter() {
            let table = RouteTable::new(model);
            for operation in model.operations() {
                let uri = operation.uri();
                let mut target = String::new();
                let mut expected = Vec::new();
                for segment in uri.segments() {
                    target.push('/');
                    match segment {
                        Segment::Literal(literal) => target.push_str(literal),
                        Segment::Label(label) => {
                            target.push_str("a%2Fb%20c%2525");
                            expected.push((label.clone(), "a/b c%25".to_owned()));
                        }
                        Segment::Greedy(label) => {
                            target.push_str("x/y%2Fz");
                            expected.push((label.clone(), "x/y/z".to_owned()));
                        }
                    }
                }
                if target.is_empty() {
                    target.push('/');
                }
                let pairs: Vec<_> =
                    uri.query().iter().map(|(name, value)| format!("{name}={value}")).collect();
                let request =
                    HttpRequest::new(operation.method(), &format!("{target}?other=1&{}", pairs.join("&")));
                let found = table.find(model, &request).unwrap_or_else(|| panic!("{target}"));
                let name = model.operations()[found.operation].name();
                if name != operation.name() {
                    shadowed.push(format!("{} by {name}", operation.name()));
                    continue;
                }
                assert_eq!(found.labels, expected, "{name}");
            }
        }
        assert_eq!(shadowed, Vec::<String>::new());
    }

    #[test]
    fn a_template_is_written_as_the_model_has_it() {
        let check = |uri: &str| assert_eq!(UriTemplate::parse(uri).to_string(), uri);
        check("/");
        check("/things");
        check("/policies/{policyName}/version/{policyVersionId}");
        check("/destinations/{arn+}");
        check("/2018-10-31/layers?find=LayerVersion");
        check("/a?b&c=d");
    }

    #[test]
    fn the_most_particular_path_wins() {
        let check = |service, method: &str, target: &str, expected: &str| {
            assert_eq!(find(service, method, target).unwrap().0, expected, "{method} {target}");
        };
        check(Service::Iot, "PUT", "/billing-groups/addThingToBillingGroup", "AddThingToBillingGroup");
        check(Service::Iot, "PATCH", "/billing-groups/addThingToBillingGroup", "UpdateBillingGroup");
        check(Service::Iot, "GET", "/authorizers/", "ListAuthorizers");
        check(Service::Iot, "GET", "/authorizers", "ListAuthorizers");
        check(Service::Iot, "GET", "/things?attributeName=a", "ListThings");
        check(Service::Iot, "GET", "/destinations", "ListTopicRuleDestinations");
        check(Service::Iot, "GET", "/destinations/arn:a:b/c/d", "GetTopicRuleDestination");
        check(Service::Lambda, "GET", "/2018-10-31/layers?find=LayerVersion&Arn=x", "GetLayerVersionByArn");
        check(Service::Lambda, "GET", "/2018-10-31/layers?find=Other", "ListLayers");
        let provisioned = "/2019-09-30/functions/f/provisioned-concurrency";
        check(
            Service::Lambda,
            "GET",
            &format!("{provisioned}?List=ALL"),
            "ListProvisionedConcurrencyConfigs",
        );
        check(
            Service::Lambda,
            "GET",
            &format!("{provisioned}?Qualifier=1"),
            "GetProvisionedConcurrencyConfig",
        );
    }

    #[test]
    fn labels_are_decoded_once() {
        let check = |target: &str, expected: &str| {
            let (name, labels) = find(Service::Iot, "POST", target).unwrap();
            assert_eq!(name, "ListAttachedPolicies");
            assert_eq!(labels, [("target".to_owned(), expected.to_owned())]);
        };
        check(
            "/attached-policies/arn%3Aaws%3Aiot%3Aus-east-1%3A1%3Acert%2Fab",
            "arn:aws:iot:us-east-1:1:cert/ab",
        );
        check("/attached-policies/a%252Fb", "a%2Fb");
        check("/attached-policies/a+b", "a+b");
        check("/attached-policies/%2E%2E", "..");
    }

    #[test]
    fn a_topic_is_the_rest_of_the_path() {
        for (target, expected) in [
            ("/topics/a", "a"),
            ("/topics/a%2Fb", "a/b"),
            ("/topics/a/b", "a/b"),
            ("/topics/a/b%2Fc?qos=1", "a/b/c"),
            ("/topics/%24aws/rules/r", "$aws/rules/r"),
            ("/topics/a/%2E%2E/b", "a/../b"),
            // An empty level at the end is signed; one within is not.
            ("/topics/a/", "a/"),
            ("/topics/a%2F/", "a//"),
        ] {
            let found = find(Service::IotData, "POST", target);
            let topic = vec![("topic".to_owned(), expected.to_owned())];
            assert_eq!(found, Some(("Publish".to_owned(), topic)), "{target}");
        }
        for target in ["/topics", "/topics/", "/topics//", "/topics/a//b", "/topics//a", "/topics/a/../b"] {
            assert_eq!(find(Service::IotData, "POST", target), None, "{target}");
        }
    }

    #[test]
    fn what_no_operation_answers_is_not_found() {
        for (method, target) in [
            ("GET", "/"),
            ("GET", "/nothing"),
            ("GET", "things"),
            ("GET", "*"),
            ("get", "/things"),
            ("TRACE", "/things"),
            ("POST", "/attached-policies"),
            ("POST", "/attached-policies/a/b"),
            ("GET", "//things"),
            ("GET", "/things/../things"),
            ("GET", "/things/."),
            ("GET", "/things//principals"),
            ("GET", "/things/%zz"),
            ("GET", "/things/%ff"),
        ] {
            assert_eq!(find(Service::Iot, method, target), None, "{method} {target}");
        }
    }
}
